"""Words that no message may hold, on any channel."""

import re

# CDC art. 42: no ridicule, constraint or threat.
_DISRESPECTFUL = (
    r"calote", r"devedor", r"inadimpl", r"\bspc\b", r"serasa", r"negativ", r"protest", r"judicia",
    r"processo", r"penhora",
    r"advogad", r"urgente", r"imediatamente", r"sob pena", r"nome sujo", r"vergonh",
    r"consequ[êe]ncia", r"[úu]ltima chance",
    r"obrigaç", r"obrigad[oa] a", r"exig", r"cadastro de restri", r"dívida",
    r"débito(?! automático)", r"cobran[çc]",
    r"bloque", r"multad", r"puni", r"ridícul", r"irrespons", r"dever[áa]", r"\bnão pague",
    r"tolerad", r"medidas",
)  # fmt: skip
# CDC art. 30: an announced condition binds the creditor, so only the creditor's own settings may
# name one. No message may call itself the last one either: another step may follow, and a step of
# another channel may fall back to this one.
_PROMISING = (
    r"último", r"parcelam", r"em parcelas", r"desconto", r"mais prazo", r"outra data", r"à vista",
    r"condição especial",
    r"por telefone vamos", r"vai procurar",
)  # fmt: skip


def disrespectful_words(text: str) -> list[str]:
    """The patterns of ridicule, constraint and threat that a text matches."""
    return [word for word in _DISRESPECTFUL if re.search(word, text.lower())]


def promising_words(text: str) -> list[str]:
    """The patterns of promises that a text matches."""
    return [word for word in _PROMISING if re.search(word, text.lower())]
