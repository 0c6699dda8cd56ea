"""Render letters: check a planned message and fill in the templates of its e-mail."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jinja2

from cobranca.contact_data import is_email
from cobranca.money import format_money
from cobranca.policy.creditor import Creditor
from cobranca.reminders.channels.protocol import FromAddress, Letter, Picture
from cobranca.reminders.plan.plan_file import COURTESIES, Message
from cobranca.reminders.render import links, phrases, unsubscribe
from cobranca.reminders.render.extent import MOST_BYTES, Extent, largest_extent
from cobranca.reminders.render.letter_items import LetterItems, mail_id
from cobranca.reminders.render.payment_options import Unsendable, check_amounts

__all__ = ["LetterRenderer", "Unsendable"]

TEMPLATES = Path(__file__).parent / "templates"
# Early letters, which show habitual late payers how to automate their payments.
EDUCATION_TEMPLATES = ("preventive", "due_today", "first_notice")


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
        self._colors = _colors(creditor.color)
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
            Unsendable: the address, the template, an amount or a payment option is wrong, or there
                is too much for a mail.
        """
        address = _checked_address(message)
        unsubscribe_link = self._unsubscribe_link(message)
        items = LetterItems(message, self.creditor, self.business_date)
        logo = self._logo(message)
        base = self._context(message, unsubscribe_link, logo)
        page, plain = self._templates(message.template)
        tried: dict[Extent, tuple[dict[str, object], str]] = {}

        def fits(extent: Extent) -> bool:
            context = base | items.context(extent)
            html = page.render(context)
            tried[extent] = context, html
            # A character takes four bytes at most, so an ordinary letter need not be encoded.
            return 4 * len(html) <= MOST_BYTES or len(html.encode()) <= MOST_BYTES

        extent = largest_extent(len(items), fits)
        if extent is None:
            raise Unsendable("a carta é grande demais para um e-mail")
        context, html = tried[extent]
        values = plain.new_context(context)
        return Letter(
            message_key=message.message_key,
            business_date=self.business_date,
            template=message.template,
            sender=self.sender,
            to_name=phrases.addressee(message),
            to_address=address,
            subject="".join(plain.blocks["subject"](values)),
            html=html,
            text="".join(plain.root_render_func(values)),
            headers=self._headers(message, unsubscribe_link),
            pictures=(*([logo] if logo else []), *items.pictures(extent)),
            attachment=items.statement(extent),
            creditor=self.creditor.id,
        )

    def _templates(self, name: str) -> tuple[jinja2.Template, jinja2.Template]:
        """The templates of the HTML and of the plain text.

        Raises:
            Unsendable: there is no template of that name.
        """
        try:
            return self._html.get_template(f"{name}.html"), self._text.get_template(f"{name}.txt")
        except jinja2.TemplateNotFound:
            raise Unsendable(f"o modelo {name} não existe") from None

    def _context(
        self, message: Message, unsubscribe_link: str | None, logo: Picture | None
    ) -> dict[str, object]:
        """What the templates show at any extent."""
        is_habitual = message.payer_class == "viciado"
        gets_education = is_habitual and message.template in EDUCATION_TEMPLATES
        survey_url = self.creditor.survey_url if message.template == "survey" else None
        return {
            "creditor": self.creditor,
            "colors": self._colors,
            "logo": logo.content_id if logo else None,
            "business_date": self.business_date,
            "message_key": message.message_key,
            "recipient": message.email,
            "greeting": phrases.greeting(message),
            "totals": phrases.totals(message.items),
            "offer_options": self.creditor.offer_options if message.template == "offer" else (),
            "education_url": self.creditor.education_url if gets_education else None,
            "survey_link": links.add_parameter(survey_url, "s", message.episode_key)
            if survey_url
            else None,
            "settled_on": message.settled_on,
            "unsubscribe_link": unsubscribe_link,
            **phrases.template_phrases(message, self.business_date),
        }

    def _logo(self, message: Message) -> Picture | None:
        """The creditor's logo, if it has one."""
        logo = self.creditor.picture
        if logo is None:
            return None
        return Picture(f"logo.{mail_id(message, self.creditor)}", "logo.png", logo.content)

    def _unsubscribe_link(self, message: Message) -> str | None:
        if self._tokens is None or self.creditor.unsubscribe_url is None:
            return None
        return unsubscribe.link(
            self.creditor.unsubscribe_url,
            self._tokens.token_for(message.customer_key, self.creditor.id),
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


def _colors(own: str | None) -> dict[str, str]:
    """Colours of the head and its small text, and of buttons and links."""
    if own is None:
        return {"head": "#0b5f58", "small": "#cfe6e3", "link": "#0b6b63"}
    return {"head": own, "small": "#ffffff", "link": own}


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
