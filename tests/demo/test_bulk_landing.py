"""Generated landings: the contract's columns, repeatable, and sums that tie to the manifest."""

from datetime import date
from decimal import Decimal

import duckdb
import pyarrow.parquet as pq
import pytest

from cobranca import schema
from cobranca.demo.bulk_landing import SOURCE, generate_landing
from cobranca.errors import ConfigError
from cobranca.partitions.manifest import read_manifest

NIGHT = date(2026, 11, 18)
ROWS = 20_000


@pytest.fixture
def generated(settings):
    return generate_landing(settings, NIGHT, ROWS)


def test_it_is_a_landing_like_any_other(generated, settings):
    manifest = read_manifest(settings.folder("landing", NIGHT, "sources"), verify=True)
    assert manifest == generated and manifest.kind == "sources"
    for entity, columns in schema.ENTITIES.items():
        found = pq.read_schema(manifest.path(f"{SOURCE}/{entity}.parquet"))
        assert (found.names, found.types) == (columns.names, columns.types), entity
        assert pq.read_schema(manifest.path(f"{SOURCE}/{entity}__quarantine.parquet")).equals(
            schema.QUARANTINE
        )
    assert manifest.entry(f"{SOURCE}/receivables.parquet").rows == ROWS
    assert manifest.entry(f"{SOURCE}/customers.parquet").rows == ROWS // 20
    assert not list(manifest.folder.parent.glob(".draft-*"))


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others(generated, settings):
    assert generate_landing(settings, NIGHT, ROWS).batch_id == generated.batch_id
    assert generate_landing(settings, NIGHT, ROWS, seed=2).batch_id != generated.batch_id


def test_few_payers_have_many_receivables(generated):
    """As in real books: the largest has a tenth, and most have fewer than the mean."""
    each = f"select count(*) as n from '{generated.path(f'{SOURCE}/receivables.parquet')}'"
    query = f"select max(n), median(n), avg(n) from ({each} group by customer_id)"
    ((most, median, mean),) = duckdb.sql(query).fetchall()
    assert most > ROWS / 15 and median * 2 < mean


@pytest.mark.parametrize("entity", ["receivables", "payments"])
def test_control_totals_tie(generated, entity):
    receivables, part = (
        generated.path(f"{SOURCE}/{name}.parquet") for name in ("receivables", entity)
    )
    found = duckdb.sql(
        f"select r.currency, sum(p.amount) from '{part}' p join '{receivables}' r using "
        "(receivable_id) group by 1"
    ).fetchall()
    totals = generated.entry(f"{SOURCE}/{entity}.parquet").totals
    assert {f"amount {currency}": total for currency, total in found} == {
        name: Decimal(text) for name, text in totals.items() if name.startswith("amount ")
    }


@pytest.mark.parametrize(
    ("what", "query"),
    [
        (
            "receivable of no customer",
            "select 1 from {receivables} r anti join {customers} c using (customer_id)",
        ),
        (
            "payment of no receivable",
            "select 1 from {payments} p anti join {receivables} r using (receivable_id)",
        ),
        ("repeated payment", "select payment_id from {payments} group by 1 having count(*) > 1"),
        ("repeated tax id", "select tax_id from {customers} group by 1 having count(*) > 1"),
        ("amount not positive", "select 1 from {receivables} where amount <= 0"),
        ("due before issue", "select 1 from {receivables} where due_date < issue_date"),
        (
            "issued after the night",
            "select 1 from {receivables} where issue_date > date '2026-11-18'",
        ),
        ("paid after the night", "select 1 from {payments} where paid_on > date '2026-11-18'"),
        (
            "overpaid",
            """
            select 1 from {payments} p join {receivables} r using (receivable_id)
            group by r.receivable_id, r.amount having sum(p.amount) > r.amount
            """,
        ),
    ],
)
def test_no_row_is_out_of_place(generated, what, query):
    files = {
        entity: f"'{generated.path(f'{SOURCE}/{entity}.parquet')}'" for entity in schema.ENTITIES
    }
    assert duckdb.sql(query.format(**files)).fetchall() == [], what


def test_the_portfolio_is_credible(generated):
    files = {
        entity: f"'{generated.path(f'{SOURCE}/{entity}.parquet')}'" for entity in schema.ENTITIES
    }
    overdue, statuses = duckdb.sql(
        """
        with paid as (select receivable_id, sum(amount) as paid from {payments} group by 1),
        balance as (
            select r.*, r.amount - coalesce(paid, 0) as unpaid
            from {receivables} r left join paid using (receivable_id)
        )
        select
            sum(unpaid) filter (where status = 'open' and due_date < date '2026-11-18')
                / sum(unpaid) filter (where status = 'open'),
            count(distinct status)
        from balance
        """.format(**files)
    ).fetchall()[0]
    assert 0.03 < overdue < 0.15
    assert statuses == 3


def test_too_few_rows_are_refused(settings):
    with pytest.raises(ConfigError, match="at least 1000"):
        generate_landing(settings, NIGHT, 10)
