"""A row of the call queue: one payer to call, as ``out_call_queue`` gives it."""

from datetime import date
from decimal import Decimal
from typing import NotRequired, TypedDict


class QueueRow(TypedDict):
    """Amounts are in the row's currency; the discount rate is a fraction.

    ``agent_id`` is empty in the plan, and the name of the reserve list here, where no agent has
    room. A row without an agent's limits has no discount and no instalments. ``creditor_name`` is
    the name of the creditor whom the call is for; empty where there is only one. ``is_joined``
    marks the line of a creditor who shares the call of another.
    """

    message_key: str
    business_date: date
    policy_version: str
    agent_id: str
    agent_name: str | None
    queue_position: int
    priority: Decimal | None
    priority_reason: str | None
    customer_key: str
    creditor: str
    customer_name: str
    tax_id_masked: str | None
    phone: str | None
    city: str | None
    state: str | None
    segment: str | None
    payer_class: str
    currency: str
    receivables: int
    open_amount: Decimal
    amount_due: Decimal
    other_currencies: str | None
    other_creditors: str | None
    creditor_name: NotRequired[str]
    is_joined: NotRequired[bool]
    oldest_due_date: date
    days_past_due: int
    aging_band: str
    episode_key: str
    step: str
    step_offset: int
    template: str
    calling_window: str | None
    max_discount_rate: Decimal | None
    max_installments: int | None
    last_contact_on: date | None
    last_contact_channel: str | None
    last_contact_state: str | None
