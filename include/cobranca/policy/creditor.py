"""``creditor.yml``: on whose behalf messages are written, and what they may offer."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PrivateAttr, ValidationInfo, field_validator

from cobranca.policy.config_file import Reading, yaml_file
from cobranca.policy.letterhead import LARGEST_LOGO, Logo, parse_color, read_logo
from cobranca.policy.regua import REGUA
from cobranca.policy.types import (
    AfterPayment,
    Email,
    Frozen,
    Link,
    State,
    Text,
    parse_pix_key,
    parse_tax_id,
)
from cobranca.validation.documents import Document


class Creditor(Frozen):
    """Who collects; printed on every message (Código de Defesa do Consumidor, art. 42-A).

    ``after_payment`` says what a payer hears once a late debt was settled, at most once a quarter.
    """

    legal_name: Text
    """Registered name of the company that collects."""
    trade_name: Text
    """Name that customers know."""
    tax_id: Annotated[str, AfterValidator(parse_tax_id)]
    """Its tax id, printed on every message."""
    address: Text
    """Street, number and district."""
    city: Text
    """City; also written into Pix codes."""
    state: State
    """State."""
    postal_code: Annotated[str, Field(pattern=r"^\d{5}-\d{3}$")]
    """CEP, `00000-000`."""
    phone: Text
    """Where a payer reaches a person."""
    email: Email
    """Where a payer writes to a person."""
    website: Link | None = None
    """The company's site, shown in messages."""
    service_hours: Text
    """When that person can be reached, in words."""
    sender_name: Text
    """Name from which e-mails come."""
    sender_email: Email
    """Address from which e-mails come."""
    reply_to: Email
    """Address to which answers go."""
    sendgrid_connection: Text = "sendgrid"
    """Id of the connection that holds SendGrid's key."""
    logo: Text | None = None
    """PNG next to this file, of at most 30 kB, at the head of every letter."""
    color: Annotated[str, AfterValidator(parse_color)] | None = None
    """Colour of the head, the buttons and the links of letters, as `"#0b5f58"`; white must be
    readable on it.
    """
    pix_key: Annotated[str, AfterValidator(parse_pix_key)] | None = None
    """Key for Pix codes of our own, used only where a receivable brings no suitable code; without
    it none is offered.
    """
    offer_options: tuple[Text, ...] = ()
    """What the letter `offer` says can be agreed. What is announced binds (CDC, art. 30). Without
    it the régua cannot use `offer`.
    """
    education_url: Link | None = None
    """Page on how not to forget due dates, shown to payers who are habitually a few days late."""
    unsubscribe_url: Link | None = None
    """Page that stops e-mails with one click; without it a payer answers the e-mail."""
    survey_url: Link | None = None
    """Page of the survey, needed for `survey`."""
    after_payment: AfterPayment = "none"
    """What a payer receives after a late debt was paid, at most once in 90 days."""
    _picture: Logo | None = PrivateAttr(default=None)

    @field_validator("after_payment")
    @classmethod
    def _has_what_it_needs(cls, value: str, info: ValidationInfo) -> str:
        if value == "survey" and info.data.get("survey_url") is None:
            raise ValueError(
                "a survey needs the address of its questions; write survey_url above, or "
                "thank_you here"
            )
        return value

    @property
    def picture(self) -> Logo | None:
        """The logo, as letters show it."""
        return self._picture

    @property
    def full_address(self) -> str:
        """The address on one line, as messages print it."""
        return f"{self.address} – {self.city}/{self.state} – CEP {self.postal_code}"


def _check(creditor: Creditor, document: Document, reading: Reading) -> None:
    _load_logo(creditor, document, reading)
    _check_offers(creditor, reading)


def _load_logo(creditor: Creditor, document: Document, reading: Reading) -> None:
    if creditor.logo is None:
        return
    try:
        if Path(creditor.logo).name != creditor.logo:
            raise ValueError("lies in another folder")
        creditor._picture = read_logo(reading.path.parent / creditor.logo)
    except ValueError as error:
        reading.refuse(
            document.line(("logo",)),
            f"the logo '{creditor.logo}' {error}",
            f"put a PNG of at most {LARGEST_LOGO:,} bytes next to {reading.path.name}, or remove "
            "the line",
        )


def _check_offers(creditor: Creditor, reading: Reading) -> None:
    """An offer has the creditor's own words or is not sent: it binds (CDC, art. 30)."""
    regua = reading.part(REGUA)
    if regua is None or creditor.offer_options:
        return
    offers = sorted(
        {step.name for steps in regua.steps.values() for step in steps if step.template == "offer"}
    )
    if offers:
        reading.refuse(
            1,
            "offer_options is empty, and the régua sends the template 'offer' at "
            f"{', '.join(offers)}",
            "write what can be agreed upon under offer_options, or choose another template in "
            "regua.yml",
        )


CREDITOR = yaml_file("creditor.yml", Creditor, check=_check)
