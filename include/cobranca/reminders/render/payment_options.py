"""Payment options of a receivable: the checked codes of its source, or a Pix code of our own.

A code that contradicts its receivable is neither repaired nor left out in silence: the whole
message is refused (:class:`Unsendable`). A document with one error may have others, and money paid
to the wrong code is hard to trace. Only a code that was right when it was issued, before a part of
the debt was paid, is left out.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

from cobranca.money import format_money
from cobranca.payments import boleto, pix
from cobranca.policy.creditor import Creditor
from cobranca.reminders.plan.plan_file import Item
from cobranca.reminders.render import links


class Unsendable(Exception):
    """A message must not be sent.

    The text is the reason in Portuguese, without personal data.
    """


@dataclass(frozen=True)
class PaymentOptions:
    """The codes and the link that a letter shows; ``None`` where there is none.

    A note states which charges a code does not include.
    """

    boleto_line: str | None = None
    boleto_note: str | None = None
    pix_code: str | None = None
    pix_note: str | None = None
    payment_url: str | None = None


def payment_options(item: Item, creditor: Creditor) -> PaymentOptions:
    """Check the codes and the link of a receivable, and return those to show.

    A code may ask for the original amount, for the open amount, or for the amount due today. A code
    that asks for more than is due was issued before a part was paid: it is left out. A code that
    asks for less gets a note. If no Pix code is left and the creditor has a key, a static code is
    made with today's amount and the receivable's id.

    A boleto and a Pix code ask for reais, so a receivable in another currency gets neither.

    Raises:
        Unsendable: a check digit, the amount or the due date of a code is wrong, or a link is
            unsafe.
    """
    if item.currency != "BRL":
        check_link(item)
        return PaymentOptions(payment_url=item.payment_url)
    line, asked_by_boleto = _boleto(item)
    code, asked_by_pix = _pix(item)
    if code is None and creditor.pix_key and item.amount_due > 0:
        code = pix.build(
            pix.PixCode(
                key=creditor.pix_key,
                name=creditor.legal_name,
                city=creditor.city,
                amount=item.amount_due,
                txid=txid(item.source, item.receivable_id),
            )
        )
    check_link(item)
    return PaymentOptions(
        boleto_line=line,
        boleto_note=_note(asked_by_boleto, item) if line else None,
        pix_code=code,
        pix_note=_note(asked_by_pix, item) if code else None,
        payment_url=item.payment_url,
    )


def check_amounts(item: Item) -> None:
    """Check that principal less credit, fine and interest add up to the amount due.

    Raises:
        Unsendable: they do not.
    """
    if item.open_amount - item.credit_applied + item.fine + item.interest != item.amount_due:
        raise unsendable("principal, crédito, multa e juros não somam o total", item)


def check_link(item: Item) -> None:
    """Check that the payment link of a receivable is safe.

    Raises:
        Unsendable: it is not.
    """
    if item.payment_url and not links.is_safe(item.payment_url):
        raise unsendable("link de pagamento inválido", item)


def txid(source: str, receivable_id: str) -> str:
    """The Pix txid of a receivable: 1 to 25 letters and digits, deterministic.

    The bank statement repeats it, so it begins with the letters and digits of the id, which a
    reader of the statement recognises. It ends with eight digits of the hash of source and id: two
    sources may use the same number, and two ids may differ only in characters that a txid cannot
    hold.
    """
    plain = re.sub(r"[^A-Za-z0-9]", "", receivable_id)
    return (
        plain[: pix.TXID_LENGTH - 8] + sha256(f"{source}:{receivable_id}".encode()).hexdigest()[:8]
    )


_OTHER_DUE_DATE = "boleto com vencimento diferente do título"
_WRONG_BOLETO = {
    boleto.UtilityBill: "código de conta de arrecadação em vez de boleto",
    boleto.Malformed: "boleto incompleto ou com caracteres a mais",
    boleto.UnknownDueDate: _OTHER_DUE_DATE,
    boleto.InvalidBoleto: "boleto com dígito verificador inválido",
}


def unsendable(reason: str, item: Item) -> Unsendable:
    """The error for a receivable: the reason in Portuguese, and the key cut to fit the ledger."""
    return Unsendable(f"{reason} ({item.receivable_key[:100]})")


def _boleto(item: Item) -> tuple[str | None, Decimal | None]:
    """Check the boleto: its formatted line and the amount that it asks for.

    The due date in a boleto stands for two dates about 25 years apart. The one nearer to the
    receivable's own due date is taken, for a debt of any age.
    """
    if not item.boleto_line:
        return None, None
    try:
        read = boleto.parse(item.boleto_line, item.due_date)
    except boleto.InvalidBoleto as error:
        raise unsendable(_WRONG_BOLETO[type(error)], item) from None
    if read.currency != boleto.REAL:
        raise unsendable("boleto em outra moeda que a do título", item)
    if not _is_amount_of(read.amount, item):
        raise unsendable("boleto com valor diferente do título", item)
    if read.due_date is not None and read.due_date not in (item.due_date, item.effective_due_date):
        raise unsendable(_OTHER_DUE_DATE, item)
    return (None, None) if _exceeds_due(read.amount, item) else (read.formatted_line, read.amount)


def _pix(item: Item) -> tuple[str | None, Decimal | None]:
    """Check the Pix code: the code and the amount that it asks for.

    A dynamic code may hold no amount: the payee's bank states it.
    """
    if not item.pix_code:
        return None, None
    try:
        read = pix.parse(item.pix_code)
    except pix.PixTooLong:
        raise unsendable(f"código Pix com mais de {pix.LONGEST} caracteres", item) from None
    except pix.InvalidPix:
        raise unsendable("código Pix inválido", item) from None
    if not _is_amount_of(read.amount, item):
        raise unsendable("código Pix com valor diferente do título", item)
    return (None, None) if _exceeds_due(read.amount, item) else (item.pix_code.strip(), read.amount)


def _is_amount_of(asked: Decimal | None, item: Item) -> bool:
    return asked is None or asked in (item.amount, item.open_amount, item.amount_due)


def _exceeds_due(asked: Decimal | None, item: Item) -> bool:
    return asked is not None and asked > item.amount_due


def _note(asked: Decimal | None, item: Item) -> str | None:
    if asked is None or asked >= item.amount_due:
        return None
    return (
        f"Emitido com o valor de {format_money(asked, item.currency)}, sem a multa e os juros "
        "até hoje."
    )
