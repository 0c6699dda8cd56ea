"""From a planned message to a letter: checked, computed for reading, and rendered in Portuguese."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote, urlsplit

import jinja2

from cobranca.money import format_money
from cobranca.policy.model import Creditor
from cobranca.reminders import links, unsubscribe, wording
from cobranca.reminders.channels.protocol import Letter, Picture, Sender
from cobranca.reminders.messages import COURTESIES, Item, Message
from cobranca.reminders.ways_to_pay import Unsendable, WaysToPay, check_amounts, ways_to_pay, wrong
from cobranca.sources.people import is_email

__all__ = ["LetterWriter", "Unsendable"]

TEMPLATES = Path(__file__).parent / "templates"
# Habitual late payers forget; a letter that only reminds is the moment to show them how not to.
TEACHING = ("preventive", "due_today", "first_notice")

# With more documents than this the letter begins with a table of them all.
MANY = 4


@dataclass(frozen=True)
class Entry:
    """One receivable as the templates show it; ``pix_picture`` is the content id of its QR code."""

    name: str
    short_name: str
    due_date: date
    due: str
    lines: list[wording.Line]
    total_label: str
    amount_due: Decimal
    currency: str
    ways: WaysToPay
    pix_picture: str | None


@dataclass(frozen=True)
class Section:
    """What is overdue, or what is not yet due."""

    title: str
    entries: list[Entry]


class LetterWriter:
    """Writes the letters of one business date on behalf of one creditor: the same message gives the same letter.

    Raises:
        ConfigError: the creditor has an ``unsubscribe_url`` but the installation no secret for its tokens.
    """

    def __init__(self, creditor: Creditor, business_date: date):
        self.creditor = creditor
        self.business_date = business_date
        self.sender = Sender(creditor.sender_name, creditor.sender_email, creditor.reply_to)
        self._mail_domain = creditor.sender_email.rpartition("@")[2]
        self._tokens = unsubscribe.open_tokens() if creditor.unsubscribe_url else None
        filters = {"money": format_money, "date": wording.day, "host": lambda url: urlsplit(url).hostname}
        self._html = _environment(autoescape=True, filters=filters)
        self._text = _environment(autoescape=False, filters=filters)

    def write(self, message: Message) -> Letter:
        """Check and render one message.

        Raises:
            Unsendable: its address, its template, its amounts or a way to pay is wrong.
        """
        _check(message)
        pictures: list[Picture] = []
        context = self._context(message, pictures)
        try:
            html = self._html.get_template(f"{message.template}.html").render(context)
            plain = self._text.get_template(f"{message.template}.txt")
        except jinja2.TemplateNotFound:
            raise Unsendable(f"o modelo {message.template} não existe") from None
        return Letter(
            message_key=message.message_key,
            business_date=self.business_date,
            template=message.template,
            sender=self.sender,
            to_name=" ".join(message.customer_name.split()),
            to_address=message.email,
            subject="".join(plain.blocks["subject"](plain.new_context(context))),
            html=html,
            text=plain.render(context),
            headers=self._headers(message, context["unsubscribe_link"]),
            pictures=tuple(pictures),
        )

    def _context(self, message: Message, pictures: list[Picture]) -> dict:
        teaches = message.payer_class == "viciado" and message.template in TEACHING
        asks = message.template == "survey"
        return {
            "creditor": self.creditor,
            "business_date": self.business_date,
            "message_key": message.message_key,
            "recipient": message.email,
            "greeting": wording.greeting(message),
            "sections": [
                Section(wording.section_title(items), [self._entry(item, message, pictures) for item in items])
                for items in (message.overdue, message.upcoming)
                if items
            ],
            "totals": wording.totals(message),
            "has_overview": len(message.items) > MANY,
            "conventions": wording.conventions(message.items),
            "offer_options": self.creditor.offer_options if message.template == "offer" else (),
            "education_url": self.creditor.education_url if teaches else None,
            "survey_link": links.with_parameter(self.creditor.survey_url, "s", message.episode_key) if asks else None,
            "settled_on": message.settled_on,
            "unsubscribe_link": self._unsubscribe_link(message),
            **wording.phrases(message, self.business_date),
        }

    def _entry(self, item: Item, message: Message, pictures: list[Picture]) -> Entry:
        ways = ways_to_pay(item, self.creditor)
        return Entry(
            name=wording.document_name(item),
            short_name=wording.short_name(item),
            due_date=item.due_date,
            due=wording.due_phrase(item, self.business_date),
            lines=wording.amount_lines(item, self.business_date),
            total_label="Total a pagar" if item.section == "overdue" else "Valor a pagar",
            amount_due=item.amount_due,
            currency=item.currency,
            ways=ways,
            pix_picture=self._picture(ways.pix_code, item, message, pictures) if ways.pix_code else None,
        )

    def _picture(self, pix_code: str, item: Item, message: Message, pictures: list[Picture]) -> str:
        """Add the code's picture to those of the letter; returns the id that the HTML names.

        Raises:
            Unsendable: no QR code holds that much.
        """
        from cobranca.payments import qr

        number = len(pictures) + 1
        content_id = f"pix{number}.{message.message_key}@{self._mail_domain}"
        try:
            content = qr.png(pix_code)
        except qr.TooLong:
            raise wrong("código Pix longo demais para um QR Code", item) from None
        pictures.append(Picture(content_id, f"pix-{number}.png", content))
        return content_id

    def _unsubscribe_link(self, message: Message) -> str | None:
        if self._tokens is None:
            return None
        return unsubscribe.link(self.creditor.unsubscribe_url, self._tokens.token_for(message.customer_key))

    def _headers(self, message: Message, unsubscribe_link: str | None) -> tuple[tuple[str, str], ...]:
        """One click in the mail program (RFC 8058), or a prepared reply where no page is configured (RFC 2369)."""
        reply = f"<mailto:{self.creditor.reply_to}?subject={quote(f'Parar os e-mails: {message.message_key}')}>"
        if unsubscribe_link is None:
            return (("List-Unsubscribe", reply),)
        return (("List-Unsubscribe", f"<{unsubscribe_link}>, {reply}"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))


def _check(message: Message) -> None:
    """Refuse what would embarrass: a wrong address, an empty letter, amounts that do not add up.

    Raises:
        Unsendable: with the reason.
    """
    if not message.email or not is_email(message.email):
        raise Unsendable("e-mail inválido")
    if bool(message.items) == (message.template in COURTESIES):
        raise Unsendable("mensagem sem títulos" if not message.items else "agradecimento com títulos em aberto")
    for item in message.items:
        check_amounts(item)


def _environment(*, autoescape: bool, filters: dict) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(filters)
    return environment
