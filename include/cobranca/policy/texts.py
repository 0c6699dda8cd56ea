"""``texts.yml``: the account and the approved texts of WhatsApp and SMS."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cobranca.policy.config_file import Reading, yaml_file
from cobranca.policy.creditor import reguas_in_force
from cobranca.policy.types import (
    LEGAL_TEXT_PLACES,
    Frozen,
    PhoneNumber,
    Template,
    Text,
    parse_text_places,
)
from cobranca.validation.documents import Document


class TextTemplate(Frozen):
    """The approved text of one template on one channel."""

    body: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(parse_text_places)]
    """The text with `{places}`, among them those that the law requires. Their order in the text is
    the order of the approved template's variables.
    """
    content_sid: Annotated[str, Field(pattern=r"^HX[0-9a-f]{32}$")] | None = None
    """Twilio's code of the approved template; WhatsApp needs one."""


class Texts(Frozen):
    """``texts.yml``: the texts of WhatsApp and SMS, and the account that sends them."""

    connection: Text | None = None
    """Id of the connection that holds Twilio's account; without it the texts stay in the outbox.
    """
    whatsapp_from: PhoneNumber | None = None
    """Number that sends WhatsApp messages."""
    sms_from: PhoneNumber | None = None
    """Number that sends SMS."""
    status_url: Annotated[str, Field(pattern=r"^https://[^?#]+$")] | None = None
    """Public address to which Twilio reports deliveries."""
    texts: dict[Template, dict[Literal["whatsapp", "sms"], TextTemplate]] = Field(
        default_factory=dict
    )
    """The texts by template and channel."""


def _check(texts: Texts, document: Document, reading: Reading) -> None:
    """Check that texts hold what the law requires, and that each step of the régua has its text."""
    for template, by_channel in texts.texts.items():
        for channel, text in by_channel.items():
            line = document.line(("texts", template, channel))
            missing = [name for name in LEGAL_TEXT_PLACES if f"{{{name}}}" not in text.body]
            if missing:
                reading.refuse(
                    line,
                    f"the {channel} text of '{template}' lacks "
                    f"{', '.join(f'{{{name}}}' for name in missing)}",
                    "a text names the creditor, the CNPJ and the address (CDC, art. 42-A), "
                    "itemises the amount, and says how to pay and where to ask",
                )
            if channel == "whatsapp" and texts.connection and not text.content_sid:
                reading.refuse(
                    line,
                    f"the whatsapp text of '{template}' has no content_sid",
                    "have it approved and write its code here, or remove the text",
                )
    _check_senders(texts, document, reading)
    _check_steps(texts, document, reading)


def _check_senders(texts: Texts, document: Document, reading: Reading) -> None:
    used = {channel for by_channel in texts.texts.values() for channel in by_channel}
    for channel, number in (("whatsapp", texts.whatsapp_from), ("sms", texts.sms_from)):
        if texts.connection and not number and channel in used:
            reading.refuse(
                document.line((f"{channel}_from",)),
                f"'{channel}_from' is empty",
                "write the number from which these messages are sent, or remove their texts",
            )


def _check_steps(texts: Texts, document: Document, reading: Reading) -> None:
    reguas = reguas_in_force(reading) or {}
    for step in {step for steps in reguas.values() for step in steps}:
        if step.channel in ("whatsapp", "sms") and step.channel not in texts.texts.get(
            step.template, {}
        ):
            reading.refuse(
                document.line(("texts",)),
                f"there is no {step.channel} text for '{step.template}', which step {step.name} "
                "of the régua sends",
                "write it here, or choose another channel for the step in regua.yml",
            )


TEXTS = yaml_file("texts.yml", Texts, check=_check)
