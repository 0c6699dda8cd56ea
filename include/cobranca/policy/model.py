"""What the policy files may say: every model refuses unknown settings, and every limit has its bounds.

Amounts are in reais, rates are fractions (``0.02``, also written ``2 %``), offsets are days counted from the
effective due date.
"""

import re
from calendar import isleap
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from validate_docbr import CNPJ, CPF

from cobranca.calendar import place_of
from cobranca.money import parse_money
from cobranca.payments import pix

STATES = (
    "AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA", "PB", "PE", "PI", "PR", "RJ", "RN",
    "RO", "RR", "RS", "SC", "SE", "SP", "TO",
)  # fmt: skip
EVERY_STATE = "BR"
EVERY_SEGMENT = "*"
EVERY_LEVEL = "*"
NO_REGUA = "none"
Channel = Literal["email", "whatsapp", "sms", "phone"]
Template = Literal["preventive", "due_today", "first_notice", "second_notice", "last_notice", "offer", "call", "call_offer"]
PayerClass = Literal["pontual", "viciado", "irregular", "critico", "novo"]
AfterPayment = Literal["none", "thank_you", "survey"]
InterestStart = Literal["original_due", "effective_due"]
HoldReason = Literal["dispute", "promise", "agreement", "legal", "deceased", "hardship", "opt_out"]
Effect = Literal[
    "none", "promise", "agreement", "paid_claim", "dispute", "wrong_number", "deceased", "refused", "do_not_call", "scheduled",
]  # fmt: skip
CALL_TEMPLATES: tuple[Template, ...] = ("call", "call_offer")
# What a WhatsApp or SMS text must name (CDC, art. 42-A; Lei SP 14.953/2013), and what else it may.
LEGAL_TEXT_PLACES = ("razao_social", "cnpj", "endereco", "contato", "valores", "link")
TEXT_PLACES = (
    "nome", "credor", *LEGAL_TEXT_PLACES, "documento", "titulos", "vencimento", "vencimentos", "hoje", "total",
)  # fmt: skip
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


def _step_name(value: str) -> str:
    if not re.fullmatch(r"d0|d[+-][1-9]\d{0,3}", value):
        raise ValueError("not the name of a step; write it as d-3, d0 or d+10")
    return value


def _day_or_anniversary(value: str) -> str:
    try:
        date.fromisoformat(value if len(value) == 10 else f"2000-{value}")
    except ValueError:
        raise ValueError("not a day; write it as YYYY-MM-DD, or as MM-DD for every year") from None
    return value


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


def _pix_key(value: str) -> str:
    try:
        pix.build(key=value, name="A", city="A")
    except pix.InvalidPix:
        raise ValueError("not a Pix key; write a CPF, CNPJ, e-mail, phone as +55… or random key, without blanks") from None
    return value


def _known_places(value: str) -> str:
    for name in re.findall(r"\{(.*?)\}", value):
        if name not in TEXT_PLACES:
            raise ValueError(f"unknown place '{{{name[:20]}}}'; use one of: {', '.join(f'{{{place}}}' for place in TEXT_PLACES)}")
    return value


Text = Annotated[str, Field(min_length=1)]
PhoneNumber = Annotated[str, Field(pattern=r"^\+\d{8,15}$")]
Rate = Annotated[Decimal, BeforeValidator(_rate), AfterValidator(_share), Field(decimal_places=6)]
Amount = Annotated[Decimal, BeforeValidator(_amount), Field(ge=0, max_digits=18, decimal_places=2)]
Days = Annotated[int, Field(ge=0)]
Flag = Annotated[bool, BeforeValidator(_flag)]
State = Annotated[str, AfterValidator(_state)]
Clock = Annotated[time, BeforeValidator(_clock)]
Email = Annotated[str, AfterValidator(_address)]
Link = Annotated[str, Field(pattern=r"^https://[^\s/?#@]+([/?][^\s#]*)?$")]
StepName = Annotated[str, AfterValidator(_step_name)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Step(_Frozen):
    """One step of a régua. ``only_classes`` is empty where the step is for every payer.

    ``minimum_amount`` is in reais, ``minimum_share`` a fraction of all that the payer has open in that currency: what is
    overdue must reach both. ``holdout_share`` is the fraction of payers who do not get the step, so that its effect can be
    measured; ``None`` takes the limits' one. A ``legal_notice`` is never held out.
    """

    offset: int = Field(ge=-30, le=3650)
    channel: Channel
    template: Template
    requires_approval: bool = False
    minimum_amount: Amount = Decimal(0)
    minimum_share: Rate = Decimal(0)
    only_classes: tuple[PayerClass, ...] = ()
    entry: bool = False
    holdout_share: Rate | None = None
    legal_notice: bool = False

    @property
    def name(self) -> str:
        """``d-3``, ``d0``, ``d+10``."""
        return f"d{self.offset:+d}" if self.offset else "d0"


def step_offset(name: str | None) -> int | None:
    """The offset of a step's name: ``d+10`` is 10."""
    return None if name is None else int(name.removeprefix("d"))


class Regua(_Frozen):
    """One version of the régua: its steps by segment, ``*`` being every segment without an own régua."""

    # The slash parts the version from the régua's name where a decision tells both.
    version: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^/]+$")]
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
    maximum_years_ahead: Annotated[int, Field(ge=1, le=50)] = 15
    largest_amount: Amount = Decimal("1000000000.00")

    def latest_due(self, business_date: date) -> date:
        """The last plausible due date: the end of the last year ahead."""
        return date(business_date.year + self.maximum_years_ahead, 12, 31)


class Volume(_Frozen):
    """When a night's messages are so many that a person has to decide."""

    maximum_messages: int = Field(default=5000, ge=1)
    times_median: Annotated[Decimal, BeforeValidator(_amount), Field(ge=1)] = Decimal(3)
    nights: int = Field(default=20, ge=1)


class EmailWindow(_Frozen):
    """The hours of a working day in which e-mail may reach people, by the clock of their state."""

    starts: Clock = time(8)
    ends: Clock = time(20)


class Limits(_Frozen):
    """``limits.yml``. Contact limits count every channel together."""

    minimum_interval_days: Days = 2
    maximum_per_7_days: int = Field(default=3, ge=1, le=7)
    maximum_per_30_days: int = Field(default=8, ge=1, le=30)
    minimum_amount: Amount = Decimal("5.00")
    tolerance_amount: Amount = Decimal("0.00")
    tolerance_share: Rate = Decimal(0)
    clearing_bank_days: Annotated[int, Field(ge=0, le=10)] = 1
    promise_grace_days: Days = 2
    promise_kept_share: Rate = Decimal("0.95")
    default_fine_rate: Rate = Decimal("0.02")
    consumer_fine_cap: Rate = Decimal("0.02")
    default_monthly_interest_rate: Rate | None = Decimal("0.01")
    interest_start_consumer: InterestStart = "effective_due"
    interest_start_business: InterestStart = "effective_due"
    holdout_share: Rate = Decimal(0)
    group_company_branches: bool = False
    arrivals: Arrivals = Arrivals()
    volume: Volume = Volume()
    email_window: EmailWindow = EmailWindow()
    delivery_mode: Literal["immediate", "scheduled"] = "immediate"
    # The provider does not promise to cancel a batch that leaves within ten minutes, nor to keep one beyond three days.
    scheduled_minutes: int = Field(default=30, ge=20, le=720)


class Creditor(_Frozen):
    """Who collects; printed on every message (Código de Defesa do Consumidor, art. 42-A).

    ``after_payment`` says what a payer hears once a late debt was settled, at most once a quarter.
    """

    legal_name: Text
    trade_name: Text
    tax_id: Annotated[str, AfterValidator(_tax_id)]
    address: Text
    city: Text
    state: State
    postal_code: Annotated[str, Field(pattern=r"^\d{5}-\d{3}$")]
    phone: Text
    email: Email
    website: Link | None = None
    service_hours: Text
    sender_name: Text
    sender_email: Email
    reply_to: Email
    sendgrid_connection: Text = "sendgrid"
    pix_key: Annotated[str, AfterValidator(_pix_key)] | None = None
    offer_options: tuple[Text, ...] = ()
    education_url: Link | None = None
    unsubscribe_url: Link | None = None
    survey_url: Link | None = None
    after_payment: AfterPayment = "none"

    @field_validator("after_payment")
    @classmethod
    def _has_what_it_needs(cls, value: str, info: ValidationInfo) -> str:
        if value == "survey" and info.data.get("survey_url") is None:
            raise ValueError("a survey needs the address of its questions; write survey_url above, or thank_you here")
        return value

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


class NegotiationLimit(_Frozen):
    """How far agents of one level (or ``*``, every level) may go in one band of days past due; ``to_day`` empty has no end.

    An agent's own limit counts where it is lower.
    """

    level: Text
    from_day: Annotated[int, Field(ge=1)]
    to_day: Annotated[int, Field(ge=1)] | None = None
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


class Override(_Frozen):
    """A person's decision that a customer or a receivable follows another régua. ``expires_on`` is its last day.

    ``regua`` is ``*``, the name of a segment's régua, or ``none`` for no contact at all. The cadence ends with
    ``last_step``. Where somebody was already contacted about an overdue debt under another régua, ``goes_on_after`` says
    which step of the new one counts as done; without it the case goes to a person.
    """

    scope: Literal["customer", "receivable"]
    source: Text
    target_id: Text
    regua: Text
    last_step: StepName | None = None
    goes_on_after: StepName | None = None
    reason: Text
    author: Text
    starts_on: date
    expires_on: date | None = None

    def applies_on(self, day: date) -> bool:
        return self.starts_on <= day and (self.expires_on is None or day <= self.expires_on)


class CallingHours(_Frozen):
    """When people of one state (or of ``BR``, every other) may be called on one kind of day."""

    state: Annotated[str, AfterValidator(_state_or_country)]
    day_kind: Literal["weekday", "saturday"]
    starts_at: Clock
    ends_at: Clock
    legal_source: Text
    reviewed_on: date


class MessageHours(_Frozen):
    """When messages of one channel may reach people of one state (``BR``: every other), by that state's own clock."""

    state: Annotated[str, AfterValidator(_state_or_country)]
    channel: Literal["email", "sms", "whatsapp"]
    day_kind: Literal["weekday", "saturday"]
    starts_at: Clock
    ends_at: Clock
    legal_source: Text
    reviewed_on: date


class TextTemplate(_Frozen):
    """Approved words for one step over one channel; ``content_sid`` is the provider's code of the approved template."""

    body: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_known_places)]
    content_sid: Annotated[str, Field(pattern=r"^HX[0-9a-f]{32}$")] | None = None


class Texts(_Frozen):
    """``texts.yml``: what is written over WhatsApp and SMS, and from which account."""

    connection: Text | None = None
    whatsapp_from: PhoneNumber | None = None
    sms_from: PhoneNumber | None = None
    status_url: Annotated[str, Field(pattern=r"^https://[^?#]+$")] | None = None
    texts: dict[Template, dict[Literal["whatsapp", "sms"], TextTemplate]] = {}


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
    """A day off of one place beyond the national bank calendar; without a state it is every place's.

    ``day`` is one date or, as ``MM-DD``, that day of every year. ``bank`` closes the banks there, so that due dates move;
    ``contact`` only keeps the company from contacting anybody there.
    """

    day: Annotated[str, AfterValidator(_day_or_anniversary)]
    name: Text
    state: State | None = None
    city: Text | None = None
    kind: Literal["bank", "contact"] = "contact"
    legal_source: str | None = None
    reviewed_on: date | None = None

    @property
    def place(self) -> str:
        return place_of(self.state, self.city)

    @property
    def closes_banks(self) -> bool:
        return self.kind == "bank"

    def days(self, first_year: int, last_year: int) -> Iterator[date]:
        if len(self.day) == 10:
            yield date.fromisoformat(self.day)
            return
        month, day = (int(part) for part in self.day.split("-"))
        for year in range(first_year, last_year + 1):
            if (month, day) != (2, 29) or isleap(year):
                yield date(year, month, day)


class Waiver(_Frozen):
    """A person's decision not to ask for a receivable's charges, from ``starts_on`` on.

    ``amount`` is in the receivable's currency, ``share`` a fraction; with neither the whole of ``kind`` is waived. An
    amount of ``all`` is taken from the fine first.
    """

    source: Text
    receivable_id: Text
    kind: Literal["fine", "interest", "all"]
    amount: Amount | None = None
    share: Rate | None = None
    reason: Text
    author: Text
    starts_on: date


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
    negotiation: tuple[NegotiationLimit, ...]
    holds: tuple[Hold, ...]
    overrides: tuple[Override, ...]
    calling_hours: tuple[CallingHours, ...]
    texts: Texts
    message_hours: tuple[MessageHours, ...]
    outcome_codes: tuple[OutcomeCode, ...]
    legal_rates: tuple[LegalRate, ...]
    extra_holidays: tuple[ExtraHoliday, ...]
    waivers: tuple[Waiver, ...]
    fingerprints: dict[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        return self.regua.version
