"""Render letters: check a planned message and fill in the templates of its e-mail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jinja2

from cobranca.contact_data import is_email
from cobranca.money import format_money
from cobranca.policy.creditor import Creditor
from cobranca.reminders.channels.protocol import FromAddress, Letter, Picture
from cobranca.reminders.plan.plan_file import COURTESIES, Item, Message
from cobranca.reminders.render import links, phrases, unsubscribe
from cobranca.reminders.render.payment_options import (
    PaymentOptions,
    Unsendable,
    check_amounts,
    payment_options,
    unsendable,
)

__all__ = ["LetterRenderer", "Unsendable"]

TEMPLATES = Path(__file__).parent / "templates"
# Early letters, which show habitual late payers how to automate their payments.
EDUCATION_TEMPLATES = ("preventive", "due_today", "first_notice")
# A letter about more documents than this begins with a table of them all.
MOST_WITHOUT_OVERVIEW = 4


@dataclass(frozen=True)
class Entry:
    """One receivable as the templates read it; ``pix_picture`` is the content id of its QR code."""

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


class LetterRenderer:
    """Renders the letters of one business date on behalf of one creditor.

    The result is deterministic: the same message gives the same letter.

    Raises:
        ConfigError: the creditor has an ``unsubscribe_url`` but the installation no secret for its
            tokens.
    """

    def __init__(self, creditor: Creditor, business_date: date):
        self.creditor = creditor
        self.business_date = business_date
        self.sender = FromAddress(creditor.sender_name, creditor.sender_email, creditor.reply_to)
        self._mail_domain = creditor.sender_email.rpartition("@")[2]
        self._tokens = unsubscribe.installation_tokens() if creditor.unsubscribe_url else None
        filters: dict[str, Callable[..., Any]] = {
            "money": format_money,
            "date": phrases.format_date,
            "host": lambda url: urlsplit(url).hostname,
        }
        self._html = _environment(autoescape=True, filters=filters)
        self._text = _environment(autoescape=False, filters=filters)

    def render(self, message: Message) -> Letter:
        """Check and render one message.

        Raises:
            Unsendable: the address, the template, an amount or a payment option is wrong.
        """
        address = _checked_address(message)
        pictures: list[Picture] = []
        unsubscribe_link = self._unsubscribe_link(message)
        context = self._context(message, pictures, unsubscribe_link)
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
            to_name=phrases.addressee(message),
            to_address=address,
            subject="".join(plain.blocks["subject"](plain.new_context(context))),
            html=html,
            text=plain.render(context),
            headers=self._headers(message, unsubscribe_link),
            pictures=tuple(pictures),
        )

    def _context(
        self, message: Message, pictures: list[Picture], unsubscribe_link: str | None
    ) -> dict[str, object]:
        is_habitual = message.payer_class == "viciado"
        gets_education = is_habitual and message.template in EDUCATION_TEMPLATES
        survey_url = self.creditor.survey_url if message.template == "survey" else None
        return {
            "creditor": self.creditor,
            "business_date": self.business_date,
            "message_key": message.message_key,
            "recipient": message.email,
            "greeting": phrases.greeting(message),
            "sections": [
                Section(
                    phrases.section_title(items),
                    [self._entry(item, message, pictures) for item in items],
                )
                for items in (message.overdue, message.upcoming)
                if items
            ],
            "totals": phrases.totals(message),
            "has_overview": len(message.items) > MOST_WITHOUT_OVERVIEW,
            "charge_rules": phrases.charge_rules(message.items),
            "offer_options": self.creditor.offer_options if message.template == "offer" else (),
            "education_url": self.creditor.education_url if gets_education else None,
            "survey_link": links.add_parameter(survey_url, "s", message.episode_key)
            if survey_url
            else None,
            "settled_on": message.settled_on,
            "unsubscribe_link": unsubscribe_link,
            **phrases.template_phrases(message, self.business_date),
        }

    def _entry(self, item: Item, message: Message, pictures: list[Picture]) -> Entry:
        payment = payment_options(item, self.creditor)
        return Entry(
            name=phrases.document_name(item),
            short_name=phrases.short_name(item),
            due_date=item.due_date,
            due=phrases.due_phrase(item, self.business_date),
            lines=phrases.amount_lines(item, self.business_date),
            total_label="Total a pagar" if item.section == "overdue" else "Valor a pagar",
            amount_due=item.amount_due,
            currency=item.currency,
            payment=payment,
            pix_picture=self._add_picture(payment.pix_code, item, message, pictures)
            if payment.pix_code
            else None,
        )

    def _add_picture(
        self, pix_code: str, item: Item, message: Message, pictures: list[Picture]
    ) -> str:
        """Draw the QR code of a Pix code, add it to ``pictures`` and return its content id.

        Raises:
            Unsendable: the code is too long for a QR code.
        """
        from cobranca.payments import qr

        number = len(pictures) + 1
        content_id = f"pix{number}.{message.message_key}@{self._mail_domain}"
        try:
            content = qr.png(pix_code)
        except qr.QrTooLong:
            raise unsendable("código Pix longo demais para um QR Code", item) from None
        pictures.append(Picture(content_id, f"pix-{number}.png", content))
        return content_id

    def _unsubscribe_link(self, message: Message) -> str | None:
        if self._tokens is None or self.creditor.unsubscribe_url is None:
            return None
        return unsubscribe.link(
            self.creditor.unsubscribe_url, self._tokens.token_for(message.customer_key)
        )

    def _headers(
        self, message: Message, unsubscribe_link: str | None
    ) -> tuple[tuple[str, str], ...]:
        """The unsubscribe headers: one click in the mail program (RFC 8058).

        Without a configured page they offer a prepared reply (RFC 2369).
        """
        subject = quote(f"Parar os e-mails: {message.message_key}")
        reply = f"<mailto:{self.creditor.reply_to}?subject={subject}>"
        if unsubscribe_link is None:
            return (("List-Unsubscribe", reply),)
        return (
            ("List-Unsubscribe", f"<{unsubscribe_link}>, {reply}"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        )


def _checked_address(message: Message) -> str:
    """Check a message before it is rendered, and return its e-mail address.

    Raises:
        Unsendable: the address is invalid, the receivables do not fit the template, or amounts do
            not add up.
    """
    if not message.email or not is_email(message.email):
        raise Unsendable("e-mail inválido")
    if bool(message.items) == (message.template in COURTESIES):
        raise Unsendable(
            "mensagem sem títulos" if not message.items else "agradecimento com títulos em aberto"
        )
    for item in message.items:
        check_amounts(item)
    return message.email


def _environment(
    *, autoescape: bool, filters: Mapping[str, Callable[..., Any]]
) -> jinja2.Environment:
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
