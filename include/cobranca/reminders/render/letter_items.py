"""The receivables of one letter as its templates read them, at any extent."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from cobranca.policy.creditor import Creditor
from cobranca.reminders.channels.protocol import Attachment, Picture
from cobranca.reminders.plan.plan_file import Item, Message
from cobranca.reminders.render import phrases
from cobranca.reminders.render.extent import MOST_IN_FULL, Extent
from cobranca.reminders.render.payment_options import PaymentOptions, payment_options, unsendable
from cobranca.reminders.render.statement import file_name, statement, statement_note

# A letter about more documents than this begins with a table of them all.
MOST_WITHOUT_OVERVIEW = 4


@dataclass(frozen=True)
class Entry:
    """One receivable in full; ``pix_picture`` is the content id of its QR code."""

    name: str
    short_name: str
    due_date: date
    due: str
    lines: list[phrases.Line]
    total_label: str
    amount_due: Decimal
    currency: str
    payment: PaymentOptions
    pix_picture: str | None


@dataclass(frozen=True)
class Section:
    """The overdue receivables of a letter, or those that are not yet due."""

    title: str
    entries: list[Entry]


class Row(NamedTuple):
    """One receivable in the table of a long letter."""

    name: str
    due_date: date
    amount_due: Decimal
    currency: str


class RowGroup(NamedTuple):
    """The overdue rows of that table, or those that are not yet due."""

    title: str | None
    rows: list[Row]


class LetterItems:
    """The receivables of one letter, the oldest first.

    The codes of all of them are checked, also of those that only the statement shows.

    Raises:
        Unsendable: a payment option is wrong.
    """

    def __init__(self, message: Message, creditor: Creditor, business_date: date):
        self._creditor, self._business_date = creditor, business_date
        overdue, upcoming = message.overdue, message.upcoming
        self._items = (*overdue, *upcoming)
        self._payments = [payment_options(item, creditor) for item in self._items]
        self._is_mixed = bool(overdue and upcoming)
        self._mail = mail_id(message, creditor)
        self._entries = self._first_entries()

    def __len__(self) -> int:
        return len(self._items)

    def context(self, extent: Extent) -> dict[str, object]:
        """What the templates show of the receivables at an extent."""
        in_full = self._items[: extent.in_full]
        is_whole = extent.in_full == len(self)
        return {
            "sections": self._sections(extent),
            "has_overview": is_whole and len(self) > MOST_WITHOUT_OVERVIEW,
            "charge_rules": phrases.charge_rules(in_full),
            "statement_name": None if is_whole else file_name(self._business_date),
            "statement_note": None if is_whole else statement_note(self._items, extent),
            "rest_title": "Demais documentos" if in_full else "Documentos",
            "rest": self._row_groups(extent),
            "left_out": phrases.left_out(self._items[extent.shown :]),
        }

    def statement(self, extent: Extent) -> Attachment | None:
        """The statement of all receivables, for a letter that does not show all in full.

        Raises:
            Unsendable: it is too large for a mail.
        """
        if extent.in_full == len(self):
            return None
        lines = list(zip(self._items, self._payments, strict=True))
        return statement(lines, self._creditor, self._business_date)

    def pictures(self, extent: Extent) -> tuple[Picture, ...]:
        """The QR codes of the receivables that are shown in full.

        Raises:
            Unsendable: a Pix code is too long for a QR code.
        """
        from cobranca.payments import qr

        pictures: list[Picture] = []
        shown = zip(self._items, self._entries[: extent.in_full], strict=False)
        for item, entry in shown:
            if entry.pix_picture and entry.payment.pix_code:
                try:
                    content = qr.png(entry.payment.pix_code)
                except qr.QrTooLong:
                    raise unsendable("código Pix longo demais para um QR Code", item) from None
                name = f"pix-{len(pictures) + 1}.png"
                pictures.append(Picture(entry.pix_picture, name, content))
        return tuple(pictures)

    def _first_entries(self) -> list[Entry]:
        entries, codes = [], 0
        for item, payment in zip(self._items[:MOST_IN_FULL], self._payments, strict=False):
            codes += payment.pix_code is not None
            entries.append(
                Entry(
                    name=phrases.document_name(item),
                    short_name=phrases.short_name(item),
                    due_date=item.due_date,
                    due=phrases.due_phrase(item, self._business_date),
                    lines=phrases.amount_lines(item, self._business_date),
                    total_label="Total a pagar" if item.section == "overdue" else "Valor a pagar",
                    amount_due=item.amount_due,
                    currency=item.currency,
                    payment=payment,
                    pix_picture=f"pix{codes}.{self._mail}" if payment.pix_code else None,
                )
            )
        return entries

    def _sections(self, extent: Extent) -> list[Section]:
        shown = list(zip(self._items, self._entries[: extent.in_full], strict=False))
        sections = []
        for _, same in groupby(shown, key=lambda pair: pair[0].section):
            items, entries = zip(*same, strict=True)
            sections.append(Section(phrases.section_title(items), list(entries)))
        return sections

    def _row_groups(self, extent: Extent) -> list[RowGroup]:
        in_table = self._items[extent.in_full : extent.shown]
        return [
            RowGroup(
                phrases.row_group_title(section) if self._is_mixed else None,
                [
                    Row(phrases.short_name(item), item.due_date, item.amount_due, item.currency)
                    for item in same
                ],
            )
            for section, same in groupby(in_table, key=_section)
        ]


def mail_id(message: Message, creditor: Creditor) -> str:
    """What the ids of a letter's pictures end with: unique in the world (RFC 2392)."""
    return f"{message.message_key}@{creditor.sender_email.rpartition('@')[2]}"


def _section(item: Item) -> str:
    return item.section
