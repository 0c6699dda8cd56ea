"""``limits.yml``: intervals, minimum amounts, charges, volume and arrival limits."""

from datetime import date, time
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from cobranca.money import format_rate
from cobranca.policy.config_file import Reading, yaml_file
from cobranca.policy.types import Amount, Clock, Days, Frozen, InterestStart, Rate, parse_amount
from cobranca.validation.documents import Document

LEGAL_FINE_CAP = Decimal("0.02")
"""Highest fine of a consumer (CDC, art. 52, § 1º)."""


class Arrivals(Frozen):
    """When a landing is too small or too dirty to work with."""

    minimum_share_of_previous: Rate = Decimal("0.5")
    """Fewer rows than this share of the landing before stop the night."""
    maximum_quarantine_share: Rate = Decimal("0.05")
    """More unreadable rows than this share stop the night."""
    maximum_years_ahead: Annotated[int, Field(ge=1, le=50)] = 15
    """Due dates after the end of the year that lies so many years ahead go to quarantine."""
    largest_amount: Amount = Decimal("1000000000.00")
    """Amounts above it, in any currency, go to quarantine."""

    def latest_due(self, business_date: date) -> date:
        """The last plausible due date: the end of the last year ahead."""
        return date(business_date.year + self.maximum_years_ahead, 12, 31)


class Volume(Frozen):
    """When a night's messages are so many that a person has to decide."""

    maximum_messages: int = Field(default=5000, ge=1)
    """More messages than this in one night need a person's approval."""
    times_median: Annotated[Decimal, BeforeValidator(parse_amount), Field(ge=1)] = Decimal(3)
    """So do more than this many times the median of earlier nights."""
    nights: int = Field(default=20, ge=1)
    """How many earlier nights the median counts."""


class EmailWindow(Frozen):
    """The hours of a working day in which e-mail may reach people, by the clock of their state."""

    starts: Clock = time(8)
    """From when e-mail may arrive on working days, by the clock of the payer's state."""
    ends: Clock = time(20)
    """Until when."""


class CreditorLimits(Frozen):
    """The limits that a creditor may have of its own, in its file under ``limits``."""

    minimum_amount: Amount = Decimal("5.00")
    """A payer with less open is not contacted, in reais."""
    tolerance_amount: Amount = Decimal("0.00")
    """The rest of a partly paid receivable is not collected up to this amount, in reais."""
    tolerance_share: Rate = Decimal(0)
    """Nor up to this share of the receivable."""
    clearing_bank_days: Annotated[int, Field(ge=0, le=10)] = 1
    """Bank days that a boleto paid on its due date takes to clear."""
    scheduled_payment_days: Annotated[int, Field(ge=0, le=180)] = 90
    """A payment that the source has with a later date (a pre-dated cheque, a scheduled transfer) is
    waited for so many days ahead; one that lies further is not waited for.
    """
    collect_until_years: Annotated[int, Field(ge=1, le=20)] = 5
    """Years after its due date for which a debt is collected; then it is prescribed (CC, art. 206,
    § 5º, I; STJ, REsp 2.088.100: not out of court either) and no one is contacted about it.
    """
    credits: Literal["net", "hold"] = "net"
    """What becomes of money of a payer that belongs to no open receivable: `net` takes it off what
    is asked, the oldest due date first; `hold` asks for nothing until a person has allotted it.
    """
    promise_grace_days: Days = 2
    """Days of grace after a promised date."""
    promise_kept_share: Rate = Decimal("0.95")
    """Share of the promised amount that, once paid, keeps the promise."""
    default_fine_rate: Rate = Decimal("0.02")
    """Fine of receivables that bring none of their own, once."""
    consumer_fine_cap: Rate = Decimal("0.02")
    """Highest fine of consumers; the law allows 2 % (CDC, art. 52, § 1º)."""
    default_monthly_interest_rate: Rate | None = Decimal("0.01")
    """Simple interest a month of 30 days, for receivables that bring none of their own; without it
    the taxa legal applies.
    """
    interest_start_consumer: InterestStart = "effective_due"
    """Whether consumers' interest counts from the original or from the effective due date."""
    interest_start_business: InterestStart = "effective_due"
    """The same for businesses."""


class Limits(CreditorLimits):
    """``limits.yml``. Contact limits count every channel and every creditor together."""

    minimum_interval_days: Days = 2
    """Days between one contact and the next."""
    maximum_per_7_days: int = Field(default=3, ge=1, le=7)
    """Most contacts of a payer in seven days, all channels together."""
    maximum_per_30_days: int = Field(default=8, ge=1, le=30)
    """Most contacts of a payer in thirty days; at least as many as in seven."""
    largest_fine_rate: Rate = Decimal("0.2")
    """A source's fine above it was misread: it is set aside, told, and the default applies."""
    largest_monthly_interest_rate: Rate = Decimal("0.1")
    """The same for its monthly interest."""
    first_creditor: Literal["oldest_debt", "largest_debt", "alternate"] = "oldest_debt"
    """Which of several creditors contacts a payer where more than one would on a day: the one with
    the oldest or the largest debt, or (`alternate`) the one whose last contact was longest ago. The
    others wait.
    """
    holdout_share: Rate = Decimal(0)
    """Share of payers left out of each step that does not give its own share."""
    group_company_branches: bool = False
    """Whether companies with the same first eight characters of the CNPJ are one payer."""
    arrivals: Arrivals = Arrivals()
    """Checks of what arrives."""
    volume: Volume = Volume()
    """When the number of messages needs a person."""
    email_window: EmailWindow = EmailWindow()
    """Hours in which e-mail may arrive."""
    delivery_mode: Literal["immediate", "scheduled"] = "immediate"
    """`immediate` sends each message at once; `scheduled` hands over batches that leave later and
    can be taken back.
    """
    # The provider does not promise to cancel a batch that leaves within ten minutes, nor to keep
    # one beyond three days.
    scheduled_minutes: int = Field(default=30, ge=20, le=720)
    """How long before a scheduled batch leaves it is handed over."""

    def is_rest(self, left: Decimal, amount: Decimal) -> bool:
        """Whether no one is asked for what is left of a receivable; as ``is_rest`` of dbt."""
        if left <= 0:
            return True
        within = left <= max(self.tolerance_amount, amount * self.tolerance_share)
        trifle = left < self.minimum_amount and left * 2 <= amount
        return left < amount and (within or trifle)

    def of(self, own: CreditorLimits | None) -> "Limits":
        """These limits with what a creditor's own file says otherwise."""
        if own is None:
            return self
        return self.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


def check_charges(limits: Limits, document: Document, reading: Reading) -> None:
    """Refuse charges above what the law or the company allows; of the group, or of a creditor."""
    if limits.consumer_fine_cap > LEGAL_FINE_CAP:
        reading.refuse(
            document.line(("consumer_fine_cap",)),
            "the fine of consumers is above the legal 2 % (CDC, art. 52, § 1º)",
            "use 2 % or less",
        )
    for name in ("fine_rate", "monthly_interest_rate"):
        default, largest = (getattr(limits, f"{which}_{name}") for which in ("default", "largest"))
        if default is not None and default > largest:
            reading.refuse(
                document.line((f"default_{name}",)),
                f"default_{name} is above largest_{name}",
                f"use at most {format_rate(largest)}",
            )


def _check(limits: Limits, document: Document, reading: Reading) -> None:
    if limits.maximum_per_30_days < limits.maximum_per_7_days:
        reading.refuse(
            document.line(("maximum_per_30_days",)),
            "maximum_per_30_days is below maximum_per_7_days",
            f"use at least {limits.maximum_per_7_days}",
        )
    check_charges(limits, document, reading)
    if limits.email_window.starts >= limits.email_window.ends:
        reading.refuse(
            document.line(("email_window",)),
            "email_window ends before it starts",
            "put starts before ends",
        )


LIMITS = yaml_file("limits.yml", Limits, check=_check)
