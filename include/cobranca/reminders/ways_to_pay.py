"""What a person can pay one receivable with: codes checked against the receivable, and a Pix code of our own where there is none.

A code that contradicts its receivable is never repaired or left out in silence: the whole message goes to quarantine
(:class:`Unsendable`), because a document that is wrong in one place may be wrong in others, and money paid to it is hard to
find again. Only a code that was right when it was issued, before a part was paid, is left out.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

from cobranca.money import format_money
from cobranca.payments import boleto, pix
from cobranca.policy.model import Creditor
from cobranca.reminders import links
from cobranca.reminders.messages import Item


class Unsendable(Exception):
    """This message must not leave; the text says why in Portuguese and holds no personal data."""


@dataclass(frozen=True)
class WaysToPay:
    """What is shown; a note says what a code leaves out. ``None`` where there is no such way."""

    boleto_line: str | None = None
    boleto_note: str | None = None
    pix_code: str | None = None
    pix_note: str | None = None
    payment_url: str | None = None


def ways_to_pay(item: Item, creditor: Creditor) -> WaysToPay:
    """Check every way to pay that the source gave.

    A code may ask for the original amount, for what is open of it, or for what is due today. One that asks for more than is
    due was issued before a part was paid, and is left out; one that asks for less says so. Where no Pix code is left and the
    creditor has a key, a static code is made with today's amount and the receivable's id.

    Raises:
        Unsendable: a check digit, the amount or the due date of a code is wrong, or a link is unsafe.
    """
    line, asked_by_boleto = _boleto(item)
    code, asked_by_pix = _pix(item)
    if code is None and creditor.pix_key and item.currency == "BRL" and item.amount_due > 0:
        code = pix.build(
            key=creditor.pix_key,
            name=creditor.legal_name,
            city=creditor.city,
            amount=item.amount_due,
            txid=txid(item.source, item.receivable_id),
        )
    check_link(item)
    return WaysToPay(
        boleto_line=line,
        boleto_note=_note(asked_by_boleto, item) if line else None,
        pix_code=code,
        pix_note=_note(asked_by_pix, item) if code else None,
        payment_url=item.payment_url,
    )


def check_amounts(item: Item) -> None:
    """Raises:
    Unsendable: its parts do not add up to what is due.
    """
    if item.open_amount + item.fine + item.interest != item.amount_due:
        raise wrong("principal, multa e juros não somam o total", item)


def check_link(item: Item) -> None:
    """Raises:
    Unsendable: its link hides where it leads.
    """
    if item.payment_url and not links.is_safe(item.payment_url):
        raise wrong("link de pagamento inválido", item)


def txid(source: str, receivable_id: str) -> str:
    """A receivable as a Pix txid, which the bank statement repeats: 1 to 25 letters and digits, always the same.

    It begins with what it can hold of the id, for whoever reads the statement, and ends with eight digits of the hash of
    source and id: two sources may know the same number, and two numbers may differ only in what a txid cannot hold.
    """
    plain = re.sub(r"[^A-Za-z0-9]", "", receivable_id)
    return plain[: pix.TXID_LENGTH - 8] + sha256(f"{source}:{receivable_id}".encode()).hexdigest()[:8]


_OTHER_DUE_DATE = "boleto com vencimento diferente do título"
_WRONG_BOLETO = {
    boleto.UtilityBill: "código de conta de arrecadação em vez de boleto",
    boleto.Malformed: "boleto incompleto ou com caracteres a mais",
    boleto.UnknownDueDate: _OTHER_DUE_DATE,
    boleto.InvalidBoleto: "boleto com dígito verificador inválido",
}


def wrong(what: str, item: Item) -> Unsendable:
    """``what`` stands before the receivable, in Portuguese; both fit into the ledger."""
    return Unsendable(f"{what} ({item.receivable_key[:100]})")


def _boleto(item: Item) -> tuple[str | None, Decimal | None]:
    """The formatted line and the amount it asks for.

    Its due date is one of two, some 25 years apart; meant is the one near the receivable's own, however old the debt is.
    """
    if not item.boleto_line:
        return None, None
    try:
        read = boleto.parse(item.boleto_line, item.due_date)
    except boleto.InvalidBoleto as error:
        raise wrong(_WRONG_BOLETO[type(error)], item) from None
    if read.currency != boleto.REAL or item.currency != "BRL":
        raise wrong("boleto em outra moeda que a do título", item)
    if not _fits(read.amount, item):
        raise wrong("boleto com valor diferente do título", item)
    if read.due_date is not None and read.due_date not in (item.due_date, item.effective_due_date):
        raise wrong(_OTHER_DUE_DATE, item)
    return (None, None) if _asks_too_much(read.amount, item) else (read.formatted_line, read.amount)


def _pix(item: Item) -> tuple[str | None, Decimal | None]:
    """The code and the amount it asks for; a dynamic code may leave that to the payee's bank."""
    if not item.pix_code:
        return None, None
    try:
        read = pix.parse(item.pix_code)
    except pix.TooLong:
        raise wrong(f"código Pix com mais de {pix.LONGEST} caracteres", item) from None
    except pix.InvalidPix:
        raise wrong("código Pix inválido", item) from None
    if item.currency != "BRL":
        raise wrong("código Pix em outra moeda que a do título", item)
    if not _fits(read.amount, item):
        raise wrong("código Pix com valor diferente do título", item)
    return (None, None) if _asks_too_much(read.amount, item) else (item.pix_code.strip(), read.amount)


def _fits(asked: Decimal | None, item: Item) -> bool:
    return asked is None or asked in (item.amount, item.open_amount, item.amount_due)


def _asks_too_much(asked: Decimal | None, item: Item) -> bool:
    return asked is not None and asked > item.amount_due


def _note(asked: Decimal | None, item: Item) -> str | None:
    if asked is None or asked >= item.amount_due:
        return None
    return f"Emitido com o valor de {format_money(asked, item.currency)}, sem a multa e os juros até hoje."
