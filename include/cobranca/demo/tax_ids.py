"""Tax ids with correct check digits, and the ways in which they are written."""

from collections.abc import Iterable

_CPF_WEIGHTS = (range(10, 1, -1), range(11, 1, -1))
_CNPJ_WEIGHTS = ((5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))


def cpf(base: str) -> str:
    """Nine digits and their two check digits."""
    return _with_check_digits(base, _CPF_WEIGHTS)


def cnpj(base: str) -> str:
    """Twelve digits or capital letters and their two check digits (mod 11 on ``ord(c) - 48``)."""
    return _with_check_digits(base, _CNPJ_WEIGHTS)


def _with_check_digits(base: str, weights: Iterable[Iterable[int]]) -> str:
    for row in weights:
        rest = sum((ord(sign) - 48) * weight for sign, weight in zip(base, row, strict=True)) % 11
        base += "0" if rest < 2 else str(11 - rest)
    return base


def dotted(tax_id: str) -> str:
    """``123.456.789-09`` or ``12.345.678/0001-95``; anything of another length as it is."""
    if len(tax_id) == 11:
        return f"{tax_id[:3]}.{tax_id[3:6]}.{tax_id[6:9]}-{tax_id[9:]}"
    if len(tax_id) == 14:
        return f"{tax_id[:2]}.{tax_id[2:5]}.{tax_id[5:8]}/{tax_id[8:12]}-{tax_id[12:]}"
    return tax_id
