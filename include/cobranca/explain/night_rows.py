"""Rows of the approved tables that explain one payer.

A field of ``NotRequired`` is one that older batches lack. Amounts are in the row's currency, shares
are fractions.
"""

from datetime import date
from decimal import Decimal
from typing import NotRequired, TypedDict


class Decision(TypedDict):
    """A row of ``fct_decisions``: what was decided about one open receivable.

    ``step``, ``step_offset``, ``channel`` and ``message_key`` have values where a step is due,
    ``episode_key`` where a dunning case is open.
    """

    receivable_key: str
    customer_key: str
    creditor: NotRequired[str]
    episode_key: str | None
    message_key: str
    decision: str
    reason: str
    step: str | None
    step_offset: int
    channel: str
    policy_version: str
    days_past_due: int
    currency: str
    open_amount: Decimal
    amount_due: Decimal
    superseded_steps: str | None
    hold_until: NotRequired[date | None]
    last_step_on: NotRequired[date | None]
    last_offset: NotRequired[int | None]
    contacts_in_7_days: NotRequired[int]
    contacts_in_30_days: NotRequired[int | None]
    last_contacted_on: NotRequired[date | None]
    considered_amount: NotRequired[Decimal | None]
    required_amount: NotRequired[Decimal | None]
    credit_applied: NotRequired[Decimal]
    asked_amount: NotRequired[Decimal]


class OpenReceivable(TypedDict):
    """A row of ``fct_receivables``: one open receivable and its charges."""

    receivable_key: str
    document_number: str | None
    installment: str | None
    due_date: date
    effective_due_date: date
    days_past_due: int
    currency: str
    amount: Decimal | None
    open_amount: Decimal
    fine: Decimal
    interest: Decimal
    amount_due: Decimal
    fine_rate: Decimal
    monthly_interest_rate: Decimal | None
    interest_start: NotRequired[str | None]
    refused_rates: NotRequired[str | None]
    waived_fine: NotRequired[Decimal | None]
    waived_interest: NotRequired[Decimal | None]
    scheduled_amount: NotRequired[Decimal | None]
    scheduled_on: NotRequired[date | None]


class PayerRanking(TypedDict):
    """A row of ``dim_payer_ranking``: how a payer pays, its score and its place."""

    customer_key: str
    customer_name: str | None
    payer_class: str
    score: int
    rank: int
    score_reasons: NotRequired[str | None]
    late_probability: NotRequired[Decimal | None]
    seriously_late_probability: NotRequired[Decimal]
    last_late_on: NotRequired[date]
    days_since_last_late: NotRequired[int | None]


class PastContact(TypedDict):
    """A row of ``fct_contacts``: a message or a call of an earlier night."""

    creditor: NotRequired[str]
    contacted_on: date
    episode_key: str
    channel: str
    step: str
    state: str
    outcome_code: NotRequired[str | None]


class PastPromise(TypedDict):
    """A row of ``fct_promises``: a promise and what was paid of it."""

    creditor: NotRequired[str]
    made_on: date
    promised_on: date
    currency: str
    amount: Decimal
    paid_amount: Decimal
    state: str


class PastAgreement(TypedDict):
    """A row of ``fct_agreements``: an agreement and what was paid of it."""

    creditor: NotRequired[str]
    agreed_on: date
    installments: int
    currency: str
    amount: Decimal
    paid_amount: Decimal
    state: str


class ActiveHold(TypedDict):
    """A row of ``fct_holds``: a person's decision that is in force.

    ``only_creditor`` is empty where it stops the contacts of all creditors.
    """

    only_creditor: NotRequired[str | None]
    scope: str
    source: str
    target_id: str
    reason: str
    author: str
    starts_on: date
    expires_on: date | None


class NextStep(TypedDict):
    """A row of ``fct_next_steps``: the next step if nothing changes."""

    creditor: NotRequired[str]
    episode_key: str
    step: str
    channel: str
    step_on: date


class OpenCase(TypedDict):
    """A row of ``out_escalations``: what waits for a person.

    ``reasons`` are codes with commas between, the main one first.
    """

    creditor: NotRequired[str]
    reason: str
    currency: str
    reasons: NotRequired[str]
    since_on: NotRequired[date]
    responsible: NotRequired[str]


class ContactLimits(TypedDict):
    """The row of ``policy_limits``, as far as it bounds contacts."""

    minimum_interval_days: int
    maximum_per_7_days: int
    maximum_per_30_days: int


class PayerKey(TypedDict):
    """The payer that a row belongs to."""

    customer_key: str
