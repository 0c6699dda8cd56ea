"""What no message may say, whatever its channel."""

import re

# CDC art. 42: no ridicule, constraint or threat.
_FORBIDDEN = (
    r"calote", r"devedor", r"inadimpl", r"\bspc\b", r"serasa", r"negativ", r"protest", r"judicia", r"processo", r"penhora",
    r"advogad", r"urgente", r"imediatamente", r"sob pena", r"nome sujo", r"vergonh", r"consequ[êe]ncia", r"[úu]ltima chance",
    r"obrigaç", r"obrigad[oa] a", r"exig", r"cadastro de restri", r"dívida", r"débito(?! automático)", r"cobran[çc]",
    r"bloque", r"multad", r"puni", r"ridícul", r"irrespons", r"dever[áa]", r"\bnão pague", r"tolerad", r"medidas",
)  # fmt: skip
# CDC art. 30: what is announced binds, and only the creditor knows what can be kept. Nor is a message the last one: at any
# step another may follow, and a step of another channel may fall back to this one.
_PROMISES = (
    r"último", r"parcelam", r"em parcelas", r"desconto", r"mais prazo", r"outra data", r"à vista", r"condição especial",
    r"por telefone vamos", r"vai procurar",
)  # fmt: skip


def refuse(text: str) -> list[str]:
    """The patterns of disrespect that a text matches."""
    return [word for word in _FORBIDDEN if re.search(word, text.lower())]


def promises(text: str) -> list[str]:
    """The patterns of promises that a text matches."""
    return [word for word in _PROMISES if re.search(word, text.lower())]
