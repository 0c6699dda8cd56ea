"""Validate, decode and build Pix BR Codes ("copia e cola").

They are EMV tag-length-value text with a checksum. A static code (with a key) has no due date, fine
or interest; a dynamic one (with an address) asks the payee's bank for them. Prefer the code that
the source provides.
"""

import binascii
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from cobranca.errors import CobrancaError

GUI = "br.gov.bcb.pix"
NO_TXID = "***"
NAME_LENGTH, CITY_LENGTH, TXID_LENGTH = 25, 15, 25
# What a QR code for payments may hold at most (Banco Central, "Manual do BR Code").
LONGEST = 512


class InvalidPix(CobrancaError, ValueError):
    """The text is no Pix code, or its checksum is wrong. The text itself is not repeated."""


class PixTooLong(InvalidPix):
    """The text is longer than any Pix code may be."""


@dataclass(frozen=True, kw_only=True)
class PixCode:
    """What one code says.

    Either ``key`` (static) or ``url`` (dynamic, without ``https://``) is set. ``info`` is a free
    text of a static code. Without an ``amount`` (in reais) the payer types it, or the payee's bank
    gives it. ``name`` and ``city`` are the payee's.
    """

    name: str
    city: str
    key: str | None = None
    url: str | None = None
    info: str | None = None
    amount: Decimal | None = None
    txid: str | None = None

    @property
    def is_dynamic(self) -> bool:
        return self.url is not None


def build(pix: PixCode) -> str:
    """Compose a code; name and city are shortened and written without accents.

    The name is cut to 25 characters, the city to 15. The key of a static code is a CPF or CNPJ, an
    e-mail address, a ``+55…`` phone or a random key. The amount has at most two places. The txid
    has up to 25 letters and digits, which are found again on the bank statement.

    Raises:
        InvalidPix: a part does not fit.
    """
    _check_parts(pix)
    account = _field("00", GUI)
    account += _field("01", pix.key) if pix.key is not None else _field("25", pix.url or "")
    if pix.info is not None:
        account += _field("02", _plain(pix.info))
    code = _field("00", "01")
    if pix.is_dynamic:
        code += _field("01", "12")
    code += _field("26", account) + _field("52", "0000") + _field("53", "986")
    if pix.amount is not None:
        code += _field("54", _amount_text(pix.amount))
    code += _field("58", "BR") + _field("59", _plain(pix.name)[:NAME_LENGTH].strip())
    code += _field("60", _plain(pix.city)[:CITY_LENGTH].strip())
    code += _field("62", _field("05", pix.txid or NO_TXID)) + "6304"
    return code + crc16(code)


def _check_parts(pix: PixCode) -> None:
    if (pix.key is None) == (pix.url is None):
        raise InvalidPix("a Pix code needs either a key (static) or an address (dynamic).")
    if pix.is_dynamic and pix.info is not None:
        raise InvalidPix("only a static Pix code carries a free text.")
    if pix.txid is not None and not re.fullmatch(rf"[A-Za-z0-9]{{1,{TXID_LENGTH}}}", pix.txid):
        raise InvalidPix("a Pix txid has 1 to 25 letters and digits, without accents or signs.")
    if not _plain(pix.name).strip() or not _plain(pix.city).strip():
        raise InvalidPix("a Pix code needs the payee's name and city.")


def parse(code: str) -> PixCode:
    """Read a code and check its structure and checksum.

    Raises:
        InvalidPix: it is none, with the reason.
    """
    code = code.strip()
    if len(code) > LONGEST:
        raise PixTooLong(f"a Pix code has at most {LONGEST} characters.")
    if not code.isascii():
        raise InvalidPix("a Pix code has only characters without accents.")
    if len(code) < 8 or code[-8:-4] != "6304" or crc16(code[:-4]) != code[-4:].upper():
        raise InvalidPix("the Pix code's checksum is wrong; it was cut or changed.")
    fields = _fields(code)
    if fields.get("00") != "01" or fields.get("58") != "BR" or fields.get("53") != "986":
        raise InvalidPix("the code is no Pix code in reais (fields 00, 53 and 58).")
    account = _pix_account(fields)
    extra = _fields(fields["62"]) if "62" in fields else {}
    txid = extra.get("05", NO_TXID)
    key, url = account.get("01"), account.get("25")
    if (key is None) == (url is None):
        raise InvalidPix("the Pix code has neither a key nor an address, or both.")
    return PixCode(
        key=key,
        url=url,
        info=account.get("02"),
        amount=_amount(fields["54"]) if "54" in fields else None,
        name=fields.get("59", ""),
        city=fields.get("60", ""),
        txid=None if txid == NO_TXID else txid,
    )


def is_valid(code: str | None) -> bool:
    """Whether :func:`parse` would read it."""
    try:
        parse(code or "")
    except InvalidPix:
        return False
    return True


def crc16(text: str) -> str:
    """CRC16-CCITT-FALSE (polynomial 0x1021, start 0xFFFF) as four hexadecimal digits."""
    return f"{binascii.crc_hqx(text.encode('utf-8'), 0xFFFF):04X}"


def _pix_account(fields: dict[str, str]) -> dict[str, str]:
    for tag in map(str, range(26, 52)):
        if tag in fields:
            account = _fields(fields[tag])
            if account.get("00", "").lower() == GUI:
                return account
    raise InvalidPix("the code holds no Pix account (br.gov.bcb.pix).")


def _field(tag: str, value: str) -> str:
    if not value or len(value) > 99 or not value.isascii() or not value.isprintable():
        raise InvalidPix(
            f"field {tag} of a Pix code needs 1 to 99 printable characters without accents."
        )
    return f"{tag}{len(value):02d}{value}"


def _fields(text: str) -> dict[str, str]:
    found, position = {}, 0
    while position < len(text):
        tag, length = text[position : position + 2], text[position + 2 : position + 4]
        # "²" is a digit too, but the code was found to be ASCII; its parts are cut from it.
        if len(length) != 2 or not (tag + length).isdigit():
            raise InvalidPix("the Pix code's fields do not follow tag, length, value.")
        start = position + 4
        position = start + int(length)
        if position > len(text) or tag in found:
            raise InvalidPix(f"field {tag} of the Pix code is too short or stands twice.")
        found[tag] = text[start:position]
    return found


def _plain(text: str) -> str:
    """Without accents and what else is not ASCII."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _amount_text(amount: Decimal) -> str:
    if not amount.is_finite() or amount <= 0 or amount * 100 != int(amount * 100):
        raise InvalidPix("a Pix amount is above zero and has at most two places.")
    text = f"{amount:.2f}"
    if len(text) > 13:
        raise InvalidPix("a Pix amount has at most 13 characters.")
    return text


def _amount(text: str) -> Decimal | None:
    """``None`` for zero, by which many dynamic codes leave the amount open."""
    if not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,2})?", text):
        raise InvalidPix("the Pix code's amount is no amount.")
    try:
        return Decimal(text) or None
    except InvalidOperation:
        raise InvalidPix("the Pix code's amount is no amount.") from None
