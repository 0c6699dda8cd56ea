"""Rows of the finance reports, in the shape of the models' contracts.

Amounts are in the row's currency, shares and rates are fractions. A figure is ``None`` where there
is nothing to compute it from.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TypedDict

Row = Mapping[str, object]
"""A row of any table, for code that shows columns by name."""


class CurrencyRow(TypedDict):
    """What every row of a report has."""

    currency: str


class DatedRow(TypedDict):
    """What every row of a report by date has."""

    as_of_date: date


class PositionRow(DatedRow):
    """A row at a month end, or at the business date itself."""

    is_business_date: bool


class AgingRow(TypedDict):
    """A row of ``rpt_aging``: the portfolio by band, on one count of the days."""

    currency: str
    basis: str
    aging_band: str
    band_order: int
    receivables: int
    customers: int
    open_amount: Decimal
    amount_due: Decimal
    open_share: Decimal | None


class TrendRow(TypedDict):
    """A row of ``rpt_aging_trend``: the portfolio by band at one date."""

    as_of_date: date
    months_back: int
    is_business_date: bool
    currency: str
    aging_band: str
    band_order: int
    receivables: int
    open_amount: Decimal
    open_share: Decimal | None


class DsoRow(TypedDict):
    """A row of ``rpt_dso``: days sales outstanding at one date."""

    as_of_date: date
    months_back: int
    is_business_date: bool
    currency: str
    open_amount: Decimal
    current_amount: Decimal
    credit_sales: Decimal | None
    sales_days: int
    dso_simple: Decimal | None
    dso_countback: Decimal | None
    dso_best_possible: Decimal | None


class CeiRow(TypedDict):
    """A row of ``rpt_cei``: the collection effectiveness of one month, in per cent."""

    as_of_date: date
    period_start: date
    months_back: int
    is_business_date: bool
    currency: str
    opening_amount: Decimal | None
    credit_sales: Decimal
    non_cash_amount: Decimal
    closing_amount: Decimal
    closing_current_amount: Decimal
    collected_amount: Decimal | None
    collectable_amount: Decimal | None
    cei: Decimal | None


class RollRateRow(TypedDict):
    """A row of ``rpt_roll_rates``: what went from one band to another in a month."""

    as_of_date: date
    months_back: int
    is_business_date: bool
    currency: str
    from_band: str
    from_order: int
    to_band: str
    to_order: int
    opening_amount: Decimal
    rolled_amount: Decimal
    roll_rate: Decimal | None


class LiquidityRow(TypedDict):
    """A row of ``rpt_liquidity``: what was received of the debts of one due month."""

    due_month: date
    currency: str
    receivables: int
    owed_amount: Decimal
    received_0: Decimal | None
    liquidity_0: Decimal | None
    received_30: Decimal | None
    liquidity_30: Decimal | None
    received_60: Decimal | None
    liquidity_60: Decimal | None
    received_90: Decimal | None
    liquidity_90: Decimal | None


class AllowanceRow(TypedDict):
    """A row of ``rpt_allowance``: the provision matrix at one date, one band."""

    as_of_date: date
    months_back: int
    is_business_date: bool
    currency: str
    aging_band: str
    band_order: int
    entered_amount: Decimal | None
    lost_amount: Decimal | None
    loss_rate: Decimal | None
    open_amount: Decimal
    allowance: Decimal | None


class AllowanceMovementRow(TypedDict):
    """A row of ``rpt_allowance_movement``: how the allowance moved in one month."""

    as_of_date: date
    period_start: date
    months_back: int
    is_business_date: bool
    currency: str
    opening_allowance: Decimal | None
    written_off_amount: Decimal | None
    provision_amount: Decimal | None
    closing_allowance: Decimal | None


class RecoveryRow(TypedDict):
    """A row of ``rpt_recovery_by_band``: what was received in a month of one opening band."""

    as_of_date: date
    period_start: date
    months_back: int
    is_business_date: bool
    currency: str
    aging_band: str
    band_order: int
    receivables: int
    customers: int
    opening_amount: Decimal
    received_amount: Decimal
    recovery_rate: Decimal | None
    promised_customers: int
    agreed_customers: int
    agreed_amount: Decimal
    agreement_rate: Decimal | None


class ContactEffectRow(TypedDict):
    """A row of ``rpt_contact_effect``: what was paid within seven days of a step."""

    step: str | None
    step_offset: int | None
    channel: str | None
    arm: str
    currency: str
    contacts: int
    observed_contacts: int
    customers: int
    receivables: int
    open_amount: Decimal
    paid_receivables: int
    paid_amount: Decimal
    paid_receivables_share: Decimal | None
    paid_share: Decimal | None


class ReportPromiseRow(TypedDict):
    """A row of ``rpt_promises``: the promises made in one month."""

    made_month: date
    currency: str
    promises: int
    promised_amount: Decimal
    paid_amount: Decimal
    open_promises: int
    open_amount: Decimal
    kept_promises: int
    kept_amount: Decimal
    partial_promises: int
    partial_amount: Decimal
    broken_promises: int
    broken_amount: Decimal
    kept_rate: Decimal | None
    kept_amount_rate: Decimal | None


class BacktestRow(TypedDict):
    """A row of ``rpt_ranking_backtest``: how one predictor ordered late receivables."""

    period: str
    as_of_date: date | None
    target: str
    predictor: str
    receivables: int
    positives: int
    positive_share: Decimal
    auc: Decimal | None
    addressed_receivables: int
    step_precision: Decimal | None
    step_recall: Decimal | None
    precision_at_volume: Decimal | None


class ThresholdRow(TypedDict):
    """A row of ``rpt_ranking_thresholds``: whom a preventive step would have reminded.

    The steps in force have no thresholds.
    """

    period: str
    gate: str
    minimum_late_percent: int | None
    maximum_serious_percent: int | None
    receivables: int
    picked: int
    picked_late_share: Decimal | None
    reached_share: Decimal | None
    picked_seriously_late_share: Decimal | None


class UntriedRow(TypedDict):
    """A row of ``rpt_ranking_untried``: how many receivables the backtest left out."""

    as_of_date: date
    receivables: int


class CalibrationRow(TypedDict):
    """A row of ``rpt_ranking_calibration``: expected and observed, of one tenth of the scores."""

    decile: int
    receivables: int
    lowest_score: int
    highest_score: int
    late_predicted: Decimal
    late_observed: Decimal
    seriously_late_predicted: Decimal
    seriously_late_observed: Decimal


class ClassRow(TypedDict):
    """The portfolio of one payer class; payers without a class have ``None``."""

    currency: str
    payer_class: str | None
    customers: int
    overdue_customers: int
    receivables: int
    open_amount: Decimal
    overdue_amount: Decimal


class DebtorRow(TypedDict):
    """One of the largest debtors; ``overdue_total`` is what all payers owe overdue."""

    currency: str
    customer_key: str
    receivables: int
    days_past_due: int
    open_amount: Decimal
    amount_due: Decimal
    customer_name: str | None
    payer_class: str | None
    position: int
    overdue_total: Decimal


class DecisionRow(TypedDict):
    """The receivables of one decision and reason."""

    currency: str
    decision: str
    reason: str
    receivables: int
    customers: int
    open_amount: Decimal
    amount_due: Decimal


class CountedRow(TypedDict):
    """The whole portfolio as one table counts it; what the table does not count is ``None``."""

    currency: str
    place: str
    receivables: int | None
    open_amount: Decimal
    amount_due: Decimal | None


class ReportTables(TypedDict):
    """All rows of the reports of one night, by report."""

    aging: list[AgingRow]
    trend: list[TrendRow]
    dso: list[DsoRow]
    cei: list[CeiRow]
    roll_rates: list[RollRateRow]
    liquidity: list[LiquidityRow]
    allowance: list[AllowanceRow]
    allowance_movement: list[AllowanceMovementRow]
    recovery: list[RecoveryRow]
    contacts: list[ContactEffectRow]
    promises: list[ReportPromiseRow]
    ranking: list[ClassRow]
    debtors: list[DebtorRow]
    decisions: list[DecisionRow]
    reconciliation: list[CountedRow]
