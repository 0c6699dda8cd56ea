"""Planned messages as the renderer reads them, and letters rendered for the shipped creditor."""

import re
from dataclasses import replace
from html import unescape

from cobranca.policy import load_policy
from cobranca.reminders.channels import Letter
from cobranca.reminders.plan.plan_file import FILE, Item, Message, PlanFile
from cobranca.reminders.render.email import LetterRenderer
from cobranca.reminders.render.letter_samples import samples
from cobranca.schema import PRINCIPAL
from cobranca.settings import PROJECT_ROOT
from reminders.plans import TONIGHT, item, message, publish_plan

CREDITOR = load_policy(PROJECT_ROOT / "include" / "config", TONIGHT).creditors[PRINCIPAL]
RENDERER = LetterRenderer(CREDITOR, TONIGHT)
DUNNING = ("preventive", "due_today", "first_notice", "second_notice", "offer", "last_notice")
AFTER_PAYMENT = ("thank_you", "survey")
# A message about two receivables, each with a Pix code.
OFFER = samples(TONIGHT)["5-offer"][1]


def read_messages(settings, *messages: list[dict]) -> list[Message]:
    """Publish the messages as a plan and read them back."""
    with PlanFile(publish_plan(settings, list(messages)).path(FILE)) as plan:
        return [found for chunk in plan.messages() for found in chunk]


def letter(settings, *items: dict, **changes) -> Letter:
    """The letter of one message about the receivables."""
    return RENDERER.render(read_messages(settings, message(1, list(items), **changes))[0])


def letter_for(planned: Message = OFFER, **creditor_changes) -> Letter:
    """The letter of a planned message, for a creditor with other settings."""
    creditor = CREDITOR.model_copy(update=creditor_changes)
    return LetterRenderer(creditor, TONIGHT).render(planned)


def planned_text(settings, items: list[dict] | None = None, **changes) -> Message:
    """One planned WhatsApp message."""
    return read_messages(settings, message(1, items, channel="whatsapp", **changes))[0]


def plain_text(html: str) -> str:
    """The words of a page, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def message_about(*rows: dict, **changes) -> Message:
    """A planned second notice about receivables, in the order of the plan, without a file."""
    items = [Item(**row, is_carrier=place == 0) for place, row in enumerate(rows)]
    items.sort(key=lambda found: (found.section, found.due_date, found.receivable_key))
    changes = {"template": "second_notice", **changes}
    return replace(OFFER, items=tuple(items), **changes)


def many(number: int, **changes) -> list[dict]:
    """As many overdue receivables, ``A00001`` the oldest, each of another amount."""
    return [
        item(f"A{n:05d}", days=number - n + 1, amount=f"{1000 + n}.{n % 100:02d}", **changes)
        for n in range(1, number + 1)
    ]
