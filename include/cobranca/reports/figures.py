"""Every figure of the finance pack, read once from the approved batch, and the proof that they tie to each other."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from cobranca.errors import CobrancaError
from cobranca.manifest import Manifest

TOP_DEBTORS = 20
ZERO = Decimal("0.00")
Row = dict[str, object]

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
        count(distinct receivables.customer_key) filter (receivables.days_past_due > 0) as overdue_customers,
        count(*) as receivables,
        cast(sum(receivables.open_amount) as decimal(18, 2)) as open_amount,
        cast(coalesce(sum(receivables.open_amount) filter (receivables.days_past_due > 0), 0) as decimal(18, 2)) as overdue_amount
    from read_parquet('{fct_receivables}') as receivables
    left join read_parquet('{dim_payer_ranking}') as ranking using (customer_key)
    group by receivables.currency, payer_class
    order by currency, case payer_class
        when 'pontual' then 1 when 'viciado' then 2 when 'irregular' then 3 when 'critico' then 4 else 5 end
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
        from read_parquet('{fct_receivables}')
        where days_past_due > 0
        group by currency, customer_key
    )
    select
        overdue.*,
        ranking.customer_name,
        ranking.payer_class,
        cast(row_number() over (partition by currency order by open_amount desc, customer_key) as integer) as position,
        cast(sum(open_amount) over (partition by currency) as decimal(18, 2)) as overdue_total
    from overdue
    left join read_parquet('{dim_payer_ranking}') as ranking using (customer_key)
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
    from read_parquet('{fct_decisions}')
    group by currency, decision, reason
    order by
        currency,
        case decision when 'remind' then 1 when 'call' then 2 when 'escalate' then 3 else 4 end,
        open_amount desc,
        reason
"""

# The same portfolio as told by each table: (place, file, condition, counts receivables itself, has amounts due).
_TELLERS = (
    ("Títulos em aberto", "fct_receivables", "true", "count(*)", True),
    ("Aging por cliente", "fct_aging", "true", "sum(receivables)", True),
    ("Decisões da noite", "fct_decisions", "true", "count(*)", True),
    ("Aging, vencimento efetivo", "rpt_aging", "basis = 'effective'", "sum(receivables)", True),
    ("Aging, vencimento original", "rpt_aging", "basis = 'original'", "sum(receivables)", True),
    ("Evolução, data de referência", "rpt_aging_trend", "is_business_date", "sum(receivables)", False),
    ("PDD, base de cálculo", "rpt_allowance", "is_business_date", None, False),
)


@dataclass(frozen=True)
class Pack:
    """All rows of the reports of one night; money is exact Decimal, shares are fractions."""

    business_date: date
    batch_id: str
    currencies: tuple[str, ...]
    tables: dict[str, list[Row]] = field(default_factory=dict)
    messages: int = 0
    calls: int = 0

    def rows(self, table: str, currency: str, **where: object) -> list[Row]:
        """The rows of one report in one currency that hold these values."""
        return [
            row
            for row in self.tables[table]
            if row["currency"] == currency and all(row[name] == value for name, value in where.items())
        ]


def read_pack(manifest: Manifest) -> Pack:
    """Read the batch.

    Raises:
        PartitionError: a table is absent from the batch.
        CobrancaError: the reports do not tie.
    """
    import duckdb

    with duckdb.connect() as connection:

        def query(sql: str) -> list[Row]:
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        def place(table: str) -> str:
            return str(manifest.path(f"{table}.parquet")).replace("'", "''")

        tables = {
            name: query(f"select * from read_parquet('{place(table)}') order by currency, {order}")
            for name, (table, order) in _REPORTS.items()
        }
        marts = {table: place(table) for table in ("fct_receivables", "dim_payer_ranking", "fct_decisions")}
        tables["ranking"] = query(_RANKING.format(**marts))
        tables["debtors"] = query(_DEBTORS.format(**marts, top=TOP_DEBTORS))
        tables["decisions"] = query(_DECISIONS.format(**marts))
        tables["reconciliation"] = [
            row | {"place": label}
            for label, table, condition, counted, has_due in _TELLERS
            for row in query(
                f"select currency, {f'cast({counted} as bigint)' if counted else 'null'} as receivables, "
                "cast(coalesce(sum(open_amount), 0) as decimal(18, 2)) as open_amount, "
                f"{'cast(coalesce(sum(amount_due), 0) as decimal(18, 2))' if has_due else 'null'} as amount_due "
                f"from read_parquet('{place(table)}') where {condition} group by currency order by currency"
            )
        ]
        messages = query(f"select count(distinct message_key) as n from read_parquet('{place('out_reminders')}')")[0]["n"]
        calls = query(f"select count(*) as n from read_parquet('{place('out_call_queue')}')")[0]["n"]
    pack = Pack(
        business_date=manifest.business_date,
        batch_id=manifest.batch_id,
        currencies=_currencies(tables),
        tables=tables,
        messages=messages,
        calls=calls,
    )
    check_ties(pack)
    return pack


def check_ties(pack: Pack) -> None:
    """Hold every teller of the portfolio against the open receivables, to the cent.

    Raises:
        CobrancaError: two tables of the batch tell different totals; it names them, the currency and the difference.
    """
    differences = []
    for currency in pack.currencies:
        rows = {row["place"]: row for row in pack.rows("reconciliation", currency)}
        truth = rows.get(_TELLERS[0][0]) or {"receivables": 0, "open_amount": ZERO, "amount_due": ZERO}
        for place, table, *_ in _TELLERS[1:]:
            told = rows.get(place) or {"receivables": 0, "open_amount": ZERO, "amount_due": ZERO}
            for measure in ("receivables", "open_amount", "amount_due"):
                if told[measure] is not None and told[measure] != truth[measure]:
                    differences.append(f"{table} ({place}), {currency} {measure}: {told[measure]} instead of {truth[measure]}")
        for table in ("ranking", "decisions"):
            if (total := sum_of(pack.rows(table, currency), "open_amount")) != truth["open_amount"]:
                differences.append(f"{table} table, {currency} open_amount: {total} instead of {truth['open_amount']}")
    if differences:
        raise CobrancaError(
            f"the finance report of {pack.business_date} was not published, since batch {pack.batch_id} does not tie to its "
            f"open receivables: {'; '.join(differences[:5])}. Build that date again; the previous report stays."
        )


def sum_of(rows: Iterable[Row], column: str) -> Decimal:
    return sum((row[column] for row in rows if row[column] is not None), ZERO)


def totals(pack: Pack) -> dict[str, dict[str, str]]:
    """The portfolio per currency as text: what a caller may print, log or compare."""
    told = {}
    for currency in pack.currencies:
        rows = pack.rows("aging", currency, basis="effective")
        told[currency] = {
            "receivables": str(sum(row["receivables"] for row in rows)),
            "open_amount": str(sum_of(rows, "open_amount")),
            "overdue_amount": str(sum_of((row for row in rows if row["aging_band"] != "not_due"), "open_amount")),
            "amount_due": str(sum_of(rows, "amount_due")),
        }
    return told


def _currencies(tables: dict[str, list[Row]]) -> tuple[str, ...]:
    """The largest first, by number of receivables: amounts of different currencies have no common order."""
    sizes: dict[str, int] = {}
    for row in tables["reconciliation"]:
        sizes.setdefault(row["currency"], 0)
        sizes[row["currency"]] += row["receivables"] or 0
    return tuple(sorted(sizes, key=lambda currency: (-sizes[currency], currency)))
