"""What the policy files may say: every model refuses unknown settings, and every limit has its bounds.

Amounts are in reais, rates are fractions (``0.02``, also written ``2 %``), offsets are days counted from the
effective due date.
"""

import re
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from validate_docbr import CNPJ, CPF

from cobranca.money import parse_money

STATES = (
    "AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA", "PB", "PE", "PI", "PR", "RJ", "RN",
    "RO", "RR", "RS", "SC", "SE", "SP", "TO",
)  # fmt: skip
EVERY_STATE = "BR"
EVERY_SEGMENT = "*"
Channel = Literal["email", "phone"]
Template = Literal["preventive", "due_today", "first_notice", "second_notice", "last_notice", "call", "call_offer"]
PayerClass = Literal["pontual", "viciado", "irregular", "critico", "novo"]
InterestStart = Literal["original_due", "effective_due"]
HoldReason = Literal["dispute", "promise", "agreement", "legal", "deceased", "hardship", "opt_out"]
Effect = Literal[
    "none", "promise", "agreement", "paid_claim", "dispute", "wrong_number", "deceased", "refused", "do_not_call", "scheduled",
]  # fmt: skip
CALL_TEMPLATES: tuple[Template, ...] = ("call", "call_offer")
PAYER_CLASSES: tuple[PayerClass, ...] = get_args(PayerClass)


def _rate(value: object) -> object:
    if isinstance(value, str):
        text = value.strip().replace(",", ".")
        try:
            return Decimal(text[:-1].strip()) / 100 if text.endswith("%") else Decimal(text)
        except InvalidOperation:
            raise ValueError("not a rate; write a fraction such as 0.02 or a percentage such as 2 %") from None
    return value


def _share(value: Decimal) -> Decimal:
    if not 0 <= value <= 1:
        raise ValueError(f"{(value * 100).normalize():f} % is not between 0 % and 100 %; write 2 % (or 0.02) for two per cent")
    return value


def _amount(value: object) -> object:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        try:
            return parse_money(value)
        except ValueError:
            raise ValueError("not an amount; write it as 1234.56 or 1.234,56") from None
    return value


def _flag(value: object) -> object:
    if isinstance(value, str):
        text = value.strip().lower()
        if text in {"sim", "true", "1", "yes"}:
            return True
        if text in {"não", "nao", "false", "0", "no"}:
            return False
        raise ValueError("neither yes nor no; write sim or não")
    return value


def _state(value: str) -> str:
    if value not in STATES:
        raise ValueError(f"unknown UF '{value[:10]}'; use one of: {', '.join(STATES)}")
    return value


def _state_or_country(value: str) -> str:
    return value if value == EVERY_STATE else _state(value)


def _states(value: object) -> object:
    if value is None:
        return ()
    return tuple(re.split(r"[\s,/]+", value.strip())) if isinstance(value, str) else value


def _clock(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value.strip()):
        raise ValueError("not a time of day; write it as HH:MM, for example 09:00")
    return time.fromisoformat(value.strip())


def _tax_id(value: str) -> str:
    if not (CNPJ().validate(value.upper()) or CPF().validate(value)):
        raise ValueError("not a valid CNPJ or CPF; check its digits")
    return value.upper()


def _address(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise ValueError("not an e-mail address; write it as name@company.com.br")
    return value


Text = Annotated[str, Field(min_length=1)]
Rate = Annotated[Decimal, BeforeValidator(_rate), AfterValidator(_share), Field(decimal_places=6)]
Amount = Annotated[Decimal, BeforeValidator(_amount), Field(ge=0, max_digits=18, decimal_places=2)]
Days = Annotated[int, Field(ge=0)]
Flag = Annotated[bool, BeforeValidator(_flag)]
State = Annotated[str, AfterValidator(_state)]
Clock = Annotated[time, BeforeValidator(_clock)]
Email = Annotated[str, AfterValidator(_address)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Step(_Frozen):
    """One step of a régua. ``only_classes`` is empty where the step is for every payer."""

    offset: int = Field(ge=-30, le=3650)
    channel: Channel
    template: Template
    requires_approval: bool = False
    minimum_amount: Amount = Decimal(0)
    only_classes: tuple[PayerClass, ...] = ()
    entry: bool = False

    @property
    def name(self) -> str:
        """``d-3``, ``d0``, ``d+10``."""
        return f"d{self.offset:+d}" if self.offset else "d0"


class Regua(_Frozen):
    """One version of the régua: its steps by segment, ``*`` being every segment without an own régua."""

    version: Annotated[str, Field(min_length=1, max_length=40)]
    effective_from: date
    maximum_gap_days: int = Field(default=30, ge=1)
    steps: dict[str, tuple[Step, ...]]

    def steps_of(self, segment: str | None) -> tuple[Step, ...]:
        """The steps of a segment, or the general ones where it has none of its own."""
        return self.steps.get(segment or EVERY_SEGMENT) or self.steps[EVERY_SEGMENT]


class ReguaFile(_Frozen):
    """``regua.yml``: every version ever in force, and the segments that may have a régua of their own."""

    segments: tuple[Text, ...] = ()
    versions: tuple[Regua, ...] = Field(min_length=1)


class Arrivals(_Frozen):
    """When a landing is too small or too dirty to work with."""

    minimum_share_of_previous: Rate = Decimal("0.5")
    maximum_quarantine_share: Rate = Decimal("0.05")


class Volume(_Frozen):
    """When a night's messages are so many that a person has to decide."""

    maximum_messages: int = Field(default=5000, ge=1)
    times_median: Annotated[Decimal, BeforeValidator(_amount), Field(ge=1)] = Decimal(3)
    nights: int = Field(default=20, ge=1)


class EmailWindow(_Frozen):
    """The hours of the day (America/Sao_Paulo) in which e-mail may leave."""

    starts: Clock = time(8)
    ends: Clock = time(20)


class Limits(_Frozen):
    """``limits.yml``. Contact limits count every channel together."""

    minimum_interval_days: Days = 2
    maximum_per_7_days: int = Field(default=3, ge=1, le=7)
    maximum_per_30_days: int = Field(default=8, ge=1, le=30)
    minimum_amount: Amount = Decimal("5.00")
    clearing_bank_days: Annotated[int, Field(ge=0, le=10)] = 1
    promise_grace_days: Days = 2
    promise_kept_share: Rate = Decimal("0.95")
    default_fine_rate: Rate = Decimal("0.02")
    consumer_fine_cap: Rate = Decimal("0.02")
    default_monthly_interest_rate: Rate | None = Decimal("0.01")
    interest_start_consumer: InterestStart = "effective_due"
    interest_start_business: InterestStart = "effective_due"
    holdout_share: Rate = Decimal(0)
    arrivals: Arrivals = Arrivals()
    volume: Volume = Volume()
    email_window: EmailWindow = EmailWindow()


class Creditor(_Frozen):
    """Who collects; printed on every message (Código de Defesa do Consumidor, art. 42-A)."""

    legal_name: Text
    trade_name: Text
    tax_id: Annotated[str, AfterValidator(_tax_id)]
    address: Text
    city: Text
    state: State
    postal_code: Annotated[str, Field(pattern=r"^\d{5}-\d{3}$")]
    phone: Text
    email: Email
    website: Annotated[str, Field(pattern=r"^https://")] | None = None
    service_hours: Text
    sender_name: Text
    sender_email: Email
    reply_to: Email
    sendgrid_connection: Text = "sendgrid"
    pix_key: str | None = None

    @property
    def full_address(self) -> str:
        return f"{self.address} – {self.city}/{self.state} – CEP {self.postal_code}"


class Agent(_Frozen):
    """One person who calls. Without ``states`` every state is served."""

    agent_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,30}$")]
    name: Text
    level: Text
    daily_capacity: Annotated[int, Field(ge=0, le=1000)]
    states: Annotated[tuple[State, ...], BeforeValidator(_states)] = ()
    max_discount_rate: Rate
    max_installments: Annotated[int, Field(ge=1, le=120)]


class Hold(_Frozen):
    """A person's decision that a customer or a receivable is not contacted. ``expires_on`` is the last day held."""

    scope: Literal["customer", "receivable"]
    source: Text
    target_id: Text
    reason: HoldReason
    author: Text
    starts_on: date
    expires_on: date | None = None

    def holds_on(self, day: date) -> bool:
        return self.starts_on <= day and (self.expires_on is None or day <= self.expires_on)


class CallingHours(_Frozen):
    """When people of one state (or of ``BR``, every other) may be called on one kind of day."""

    state: Annotated[str, AfterValidator(_state_or_country)]
    day_kind: Literal["weekday", "saturday"]
    starts_at: Clock
    ends_at: Clock
    legal_source: Text
    reviewed_on: date


class OutcomeCode(_Frozen):
    """What an agent may report after a call, and what it changes. ``pause_days`` are days without contact."""

    code: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,30}$")]
    label: Text
    is_effective_contact: Flag
    is_right_party: Flag
    effect: Effect
    pause_days: Annotated[int, Field(ge=0, le=3650)]


class LegalRate(_Frozen):
    """Taxa legal of one month (Código Civil, art. 406): simple, per month."""

    month: date
    monthly_rate: Rate
    legal_source: Text
    reviewed_on: date


class ExtraHoliday(_Frozen):
    """A day on which this company contacts nobody."""

    day: date
    name: Text


class Policy(_Frozen):
    """Everything in force on one business date.

    ``fingerprints`` holds the sha256 of each file read, so that a night can say which files it followed;
    ``warnings`` are sentences for the person who runs the check.
    """

    business_date: date
    regua: Regua
    limits: Limits
    creditor: Creditor
    agents: tuple[Agent, ...]
    holds: tuple[Hold, ...]
    calling_hours: tuple[CallingHours, ...]
    outcome_codes: tuple[OutcomeCode, ...]
    legal_rates: tuple[LegalRate, ...]
    extra_holidays: tuple[ExtraHoliday, ...]
    fingerprints: dict[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        return self.regua.version
