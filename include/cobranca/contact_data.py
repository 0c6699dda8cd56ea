"""Tax ids, e-mail addresses, phones and states as companies really type them.

Each function takes one non-empty text and returns the normalised value, or ``None`` where it is not
valid. Nothing here guesses: a wrong address would show one person another person's debt.
"""

import re
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberType
from validate_docbr import CNPJ, CPF

STATES = frozenset(
    "AC AL AM AP BA CE DF ES GO MA MG MS MT PA PB PE PI PR RJ RN RO RR RS SC SE SP TO".split()
)  # fmt: skip

_NOT_PERSONAL = {
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.UAN,
    PhoneNumberType.VOICEMAIL,
}
_CPF, _CNPJ = CPF(), CNPJ()
# A mailbox of the plainest kind is right wherever its domain is.
MAILBOX = r"^(?P<box>[a-z0-9_+-]{1,40}(?:\.[a-z0-9_+-]{1,20})?)@(?P<domain>[a-z0-9.-]{1,100})$"
_BETWEEN_ADDRESSES = re.compile(r"[;,\s]+")
_BETWEEN_PHONES = re.compile(r"[;,/|\n]+|\s+(?:ou|e)\s+")


def tax_id(text: str) -> str | None:
    """CPF (11 digits) or CNPJ (14 of ``0-9A-Z``), without punctuation.

    A CNPJ may hold letters since July 2026. A number column loses zeros in front: of a CPF with 9
    or 10 digits or a CNPJ with 12 or 13 they are put back, when the check digits then hold. More
    lost zeros would be a guess.
    """
    plain = re.sub(r"[\s./-]", "", text.upper())
    if re.fullmatch(r"\d{9,10}|\d{12,13}", text):
        plain = plain.zfill(11 if len(plain) < 11 else 14)
    if re.fullmatch(r"\d{11}", plain):
        return plain if len(set(plain)) > 1 and _CPF.validate(plain) else None
    if re.fullmatch(r"[0-9A-Z]{12}\d{2}", plain):
        return plain if len(set(plain)) > 1 and _CNPJ.validate(plain) else None
    return None


def first_email(text: str) -> str | None:
    """The first valid e-mail address of a field that may hold several.

    They are separated by ``;``, ``,`` or blanks.
    """
    for part in _BETWEEN_ADDRESSES.split(text):
        try:
            return validate_email(part, check_deliverability=False, allow_smtputf8=False).normalized
        except EmailNotValidError:
            continue
    return None


def is_email(text: str) -> bool:
    """Whether the text is one valid address, written as :func:`first_email` writes it."""
    plain = re.fullmatch(MAILBOX, text)
    return (plain is not None and _takes_mail(plain["domain"])) or first_email(text) == text


@lru_cache(maxsize=4096)
def _takes_mail(domain: str) -> bool:
    return first_email(f"a@{domain}") == f"a@{domain}"


def first_phone(text: str) -> str | None:
    """The first valid phone in E.164; Brazilian unless it starts with ``+``.

    An old eight-digit mobile gets its ninth digit and is validated again. A number without area
    code, and one that belongs to no person (0800, 0300, 4004), is refused.
    """
    for part in _BETWEEN_PHONES.split(text):
        number = _phone(part)
        if number is not None:
            return number
    return None


def _phone(text: str) -> str | None:
    try:
        number = phonenumbers.parse(re.sub(r"(?i)\b(?:ramal|r\.)\s*\d+\s*$", "", text), "BR")
    except NumberParseException:
        return None
    national = str(number.national_number)
    if number.country_code == 55 and len(national) == 10 and national[2] in "6789":
        number.national_number = int(f"{national[:2]}9{national[2:]}")
    if (
        not phonenumbers.is_valid_number(number)
        or phonenumbers.number_type(number) in _NOT_PERSONAL
    ):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def repair(column: str, text: str, value: str | None) -> str | None:
    """The code of what was done to a typed text so that it became ``value``.

    ``None`` where nothing was done, or where nothing came of it.
    """
    if value is None or value == text:
        return None
    if column == "tax_id" and len(value) > len(re.sub(r"[\s./-]", "", text)):
        return "zeros_restored"
    between = {"email": _BETWEEN_ADDRESSES, "phone": _BETWEEN_PHONES}.get(column)
    return "first_of_several" if between is not None and between.search(text) else "normalised"


def state(text: str) -> str | None:
    """Two-letter federal unit."""
    return text.upper() if text.upper() in STATES else None
