"""Read every figure of the finance pack from the approved batch, and prove that they tie."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from cobranca.aging import NOT_DUE, band_names, in_order
from cobranca.errors import CobrancaError
from cobranca.partitions.manifest import Manifest
from cobranca.policy.bands import Bands
from cobranca.reports.report_rows import AgingRow, CountedRow, CurrencyRow, ReportTables

if TYPE_CHECKING:
    import duckdb

TOP_DEBTORS = 20
# The book of all creditors in the reports; the first of all ids in their order.
GROUP = "*"
ZERO = Decimal("0.00")
Report = TypeVar("Report", bound=CurrencyRow)

_MEASURES: tuple[Literal["receivables", "open_amount", "amount_due"], ...] = (
    "receivables",
    "open_amount",
    "amount_due",
)

# Small tables that are shown as the warehouse made them, each in its reading order.
_REPORTS = {
    "aging": ("rpt_aging", "basis, band_order"),
    "trend": ("rpt_aging_trend", "as_of_date, band_order"),
    "dso": ("rpt_dso", "as_of_date"),
    "cei": ("rpt_cei", "as_of_date"),
    "roll_rates": ("rpt_roll_rates", "as_of_date, from_order, to_order"),
    "liquidity": ("rpt_liquidity", "due_month"),
    "allowance": ("rpt_allowance", "as_of_date, band_order"),
    "allowance_movement": ("rpt_allowance_movement", "as_of_date"),
    "recovery": ("rpt_recovery_by_band", "as_of_date, band_order"),
    "contacts": ("rpt_contact_effect", "step_offset nulls last, step, channel, arm"),
    "promises": ("rpt_promises", "made_month"),
}

_RANKING = """
    select
        receivables.currency,
        ranking.payer_class,
        count(distinct receivables.customer_key) as customers,
        count(distinct receivables.customer_key) filter (receivables.days_past_due > 0)
            as overdue_customers,
        count(*) as receivables,
        cast(sum(receivables.open_amount) as decimal(18, 2)) as open_amount,
        cast(coalesce(sum(receivables.open_amount) filter (receivables.days_past_due > 0), 0)
            as decimal(18, 2)) as overdue_amount
    from {fct_receivables} as receivables
    left join {dim_payer_ranking} as ranking using (customer_key)
    group by receivables.currency, payer_class
    order by currency, case payer_class
        when 'pontual' then 1 when 'viciado' then 2 when 'irregular' then 3
        when 'critico' then 4 else 5 end
"""

_DEBTORS = """
    with overdue as (
        select
            currency,
            customer_key,
            count(*) as receivables,
            max(days_past_due) as days_past_due,
            cast(sum(open_amount) as decimal(18, 2)) as open_amount,
            cast(sum(amount_due) as decimal(18, 2)) as amount_due
        from {fct_receivables} as receivables
        where days_past_due > 0
        group by currency, customer_key
    )
    select
        overdue.*,
        ranking.customer_name,
        ranking.payer_class,
        cast(row_number() over (partition by currency order by open_amount desc, customer_key)
            as integer) as position,
        cast(sum(open_amount) over (partition by currency) as decimal(18, 2)) as overdue_total
    from overdue
    left join {dim_payer_ranking} as ranking using (customer_key)
    qualify position <= {top}
    order by currency, position
"""

_DECISIONS = """
    select
        currency,
        decision,
        reason,
        count(*) as receivables,
        count(distinct customer_key) as customers,
        cast(sum(open_amount) as decimal(18, 2)) as open_amount,
        cast(sum(amount_due) as decimal(18, 2)) as amount_due
    from {fct_decisions} as decisions
    group by currency, decision, reason
    order by
        currency,
        case decision when 'remind' then 1 when 'call' then 2 when 'escalate' then 3 else 4 end,
        open_amount desc,
        reason
"""

# The same portfolio as each table counts it: (place, file, condition, how it counts receivables,
# has amounts due).
_COUNTS = (
    ("Títulos em aberto", "fct_receivables", "true", "count(*)", True),
    ("Aging por cliente", "fct_aging", "true", "sum(receivables)", True),
    ("Decisões da noite", "fct_decisions", "true", "count(*)", True),
    ("Aging, vencimento efetivo", "rpt_aging", "basis = 'effective'", "sum(receivables)", True),
    ("Aging, vencimento original", "rpt_aging", "basis = 'original'", "sum(receivables)", True),
    (
        "Evolução, data de referência",
        "rpt_aging_trend",
        "is_business_date",
        "sum(receivables)",
        False,
    ),
    ("PDD, base de cálculo", "rpt_allowance", "is_business_date", None, False),
)


@dataclass(frozen=True)
class Pack:
    """All rows of the reports of one night; money is exact Decimal, shares are fractions.

    ``creditor_name`` is the name of the creditor whose book it is, empty for the book of all.
    """

    business_date: date
    batch_id: str
    currencies: tuple[str, ...]
    tables: ReportTables
    messages: int = 0
    calls: int = 0
    creditor_name: str = ""

    @property
    def bands(self) -> list[str]:
        """The aging bands of the night in their order.

        They are those of the defaults where nothing was ever invoiced.
        """
        found = {row["aging_band"] for row in self.tables["trend"]}
        return in_order(found or band_names(Bands().last_days))


def of_currency(rows: Iterable[Report], currency: str) -> list[Report]:
    """The rows of one report in one currency."""
    return [row for row in rows if row["currency"] == currency]


def creditors_of(manifest: Manifest) -> tuple[str, ...]:
    """The creditors whose books the batch has beside that of the group; none where there is one."""
    import duckdb

    with duckdb.connect() as connection:
        books = _Books(connection, manifest, None)
        if not books.has_creditors("rpt_aging"):
            return ()
        found = books.query(
            f"select distinct creditor from {books.file('rpt_aging')} order by creditor"
        )
    listed = tuple(row["creditor"] for row in found)
    return tuple(one for one in listed if one != GROUP) if GROUP in listed else ()


@dataclass(frozen=True)
class _Books:
    """The tables of a batch, as far as they are of one book."""

    connection: "duckdb.DuckDBPyConnection"
    manifest: Manifest
    creditor: str | None

    def query(self, sql: str) -> list[dict[str, Any]]:
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def file(self, table: str) -> str:
        path = str(self.manifest.path(f"{table}.parquet")).replace("'", "''")
        return f"read_parquet('{path}')"

    def has_creditors(self, table: str) -> bool:
        """Whether the table names creditors; a batch of before there were several does not."""
        described = self.query(f"describe from {self.file(table)}")
        return any(column["column_name"] == "creditor" for column in described)

    def relation(self, table: str) -> str:
        """The table's rows of the book; a report has rows for the group where there are several."""
        if not self.has_creditors(table):
            return self.file(table)
        if self.creditor is not None:
            return f"(from {self.file(table)} where creditor = '{self.creditor}')"
        if not table.startswith("rpt_"):
            return self.file(table)
        return (
            f"(from {self.file(table)} as whole where whole.creditor = "
            f"(select min(creditor) from {self.file(table)}))"
        )


def read_pack(manifest: Manifest, creditor: str | None = None, creditor_name: str = "") -> Pack:
    """Read the batch: what is of one creditor, or of all.

    Raises:
        PartitionError: a table is absent from the batch.
        CobrancaError: the reports do not tie.
    """
    import duckdb

    with duckdb.connect() as connection:
        books = _Books(connection, manifest, creditor)
        tables = {
            name: books.query(f"select * from {books.relation(table)} order by currency, {order}")
            for name, (table, order) in _REPORTS.items()
        }
        marts = {
            table: books.relation(table)
            for table in ("fct_receivables", "dim_payer_ranking", "fct_decisions")
        }
        tables["ranking"] = books.query(_RANKING.format(**marts))
        tables["debtors"] = books.query(_DEBTORS.format(**marts, top=TOP_DEBTORS))
        tables["decisions"] = books.query(_DECISIONS.format(**marts))
        tables["reconciliation"] = [
            row | {"place": label}
            for label, table, condition, counted, has_due in _COUNTS
            for row in books.query(
                f"select currency, {f'cast({counted} as bigint)' if counted else 'null'} as "
                "receivables, "
                "cast(coalesce(sum(open_amount), 0) as decimal(18, 2)) as open_amount, "
                f"{'cast(coalesce(sum(amount_due), 0) as decimal(18, 2))' if has_due else 'null'} "
                f"as amount_due from {books.relation(table)} as counted where {condition} "
                "group by currency order by currency"
            )
        ]
        messages, calls = (
            books.query(f"select count(distinct message_key) as n from {books.relation(table)}")[0][
                "n"
            ]
            for table in ("out_reminders", "out_call_queue")
        )
    pack = Pack(
        business_date=manifest.business_date,
        batch_id=manifest.batch_id,
        currencies=_currencies(tables["reconciliation"]),
        # DuckDB does not type its rows; the models' contracts do.
        tables=cast("ReportTables", tables),
        messages=messages,
        calls=calls,
        creditor_name=creditor_name,
    )
    check_ties(pack)
    return pack


def check_ties(pack: Pack) -> None:
    """Hold every count of the portfolio against the open receivables, to the cent.

    Raises:
        CobrancaError: two tables of the batch have different totals; it names them, the currency
            and the difference.
    """
    differences = [
        difference
        for currency in pack.currencies
        for difference in (*_differing_counts(pack, currency), *_differing_sums(pack, currency))
    ]
    if differences:
        raise CobrancaError(
            f"the finance report of {pack.business_date} was not published, since batch "
            f"{pack.batch_id} does not tie to its "
            f"open receivables: {'; '.join(differences[:5])}. Build that date again; the previous "
            "report stays."
        )


def _counted(pack: Pack, currency: str, place: str) -> CountedRow:
    """The portfolio as one place counts it; nothing where the place has no rows."""
    for row in of_currency(pack.tables["reconciliation"], currency):
        if row["place"] == place:
            return row
    return CountedRow(
        currency=currency, place=place, receivables=0, open_amount=ZERO, amount_due=ZERO
    )


def _differing_counts(pack: Pack, currency: str) -> Iterator[str]:
    truth = _counted(pack, currency, _COUNTS[0][0])
    for place, table, *_ in _COUNTS[1:]:
        found = _counted(pack, currency, place)
        for measure in _MEASURES:
            if found[measure] is not None and found[measure] != truth[measure]:
                yield (
                    f"{table} ({place}), {currency} {measure}: {found[measure]} instead of "
                    f"{truth[measure]}"
                )


def _differing_sums(pack: Pack, currency: str) -> Iterator[str]:
    truth = _counted(pack, currency, _COUNTS[0][0])["open_amount"]
    classes = of_currency(pack.tables["ranking"], currency)
    decisions = of_currency(pack.tables["decisions"], currency)
    for table, total in (
        ("ranking", sum_amounts(row["open_amount"] for row in classes)),
        ("decisions", sum_amounts(row["open_amount"] for row in decisions)),
    ):
        if total != truth:
            yield f"{table} table, {currency} open_amount: {total} instead of {truth}"


def sum_amounts(amounts: Iterable[Decimal | None]) -> Decimal:
    """The sum of amounts of one currency; what is not known counts nothing."""
    return sum((amount for amount in amounts if amount is not None), ZERO)


def totals(pack: Pack) -> dict[str, dict[str, str]]:
    """The portfolio per currency as text: what a caller may print, log or compare."""
    found = {}
    for currency in pack.currencies:
        rows = effective_aging(pack, currency)
        overdue = (row["open_amount"] for row in rows if row["aging_band"] != NOT_DUE)
        found[currency] = {
            "receivables": str(sum(row["receivables"] for row in rows)),
            "open_amount": str(sum_amounts(row["open_amount"] for row in rows)),
            "overdue_amount": str(sum_amounts(overdue)),
            "amount_due": str(sum_amounts(row["amount_due"] for row in rows)),
        }
    return found


def effective_aging(pack: Pack, currency: str) -> list[AgingRow]:
    """The aging by days from the effective due date."""
    rows = of_currency(pack.tables["aging"], currency)
    return [row for row in rows if row["basis"] == "effective"]


def _currencies(counted: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The currencies, the largest first by number of receivables.

    Amounts of different currencies have no common order.
    """
    sizes: dict[str, int] = {}
    for row in counted:
        sizes.setdefault(row["currency"], 0)
        sizes[row["currency"]] += row["receivables"] or 0
    return tuple(sorted(sizes, key=lambda currency: (-sizes[currency], currency)))
