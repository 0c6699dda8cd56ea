"""Reading only changes gives the very bytes of a full read, whatever happened to the source and in
whatever order.
"""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from cobranca.landing import incremental, land, merge_changes
from cobranca.partitions import landing_partition, landing_totals
from cobranca.partitions.landing_totals import CHANGED, LEFT, READING, SWEPT, WATERMARK
from cobranca.settings import Settings
from creditor_files import copy_config
from seeds import few_or_many
from source_databases import D

LOOKBACK = 3
ENTITIES = ("customers", "receivables", "payments")
MAPPING = """
source: erp
connection: erp
entities:
  customers:
    query: select id as customer_id, name, changed as updated_at from c
    incremental: &rule {column: updated_at, lookback_days: 3, full_every_days: 1000}
  receivables:
    query: >-
      select id as receivable_id, owner as customer_id, due as due_date, cents as amount, currency,
      status, changed as updated_at from r
    cents: [amount]
    incremental: *rule
  payments:
    query: >-
      select id as payment_id, title as receivable_id, day as paid_on, cents as amount, kind,
      changed as updated_at from p
    cents: [amount]
    incremental: *rule
"""
TABLES = """
create table c (id, name, changed);
create table r (id, owner, due, cents, currency, status, changed);
create table p (id, title, day, cents, kind, changed);
"""


@dataclass
class Company:
    """A source whose rows come late, change, are corrected, repeated and deleted."""

    settings: Settings
    path: Path
    nights: int = 0
    written: int = 0

    def cents(self) -> int:
        """An amount that no sum of others equals, so that equal totals mean equal rows."""
        self.written += 1
        return 2 ** (self.written % 50)

    def do(self, statement: str, *values) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute(statement, values)

    def day(self) -> date:
        return D + timedelta(days=self.nights)

    def night(self) -> dict[str, dict]:
        """Land this night by changes and, apart, in full: the same bytes. Returns what the former
        says of each entity.
        """
        self.nights += 1
        published = land.land_all(self.settings, self.day(), f"run {self.nights}")
        apart = replace(self.settings, data=self.settings.data / f"full {self.nights}")
        assert land.land_all(apart, self.day(), "full").batch_id == published.batch_id
        return {
            entity: dict(published.entry(f"erp/{entity}.parquet").totals) for entity in ENTITIES
        }


def company(folder: Path) -> Company:
    config = folder / "config"
    if not config.exists():
        copy_config(config)
        for path in (config / "sources").iterdir():
            path.unlink()
        (config / "sources" / "erp.yml").write_text(MAPPING)
    number = len(list(folder.iterdir()))
    path, data = folder / f"{number}.db", folder / f"data {number}"
    data.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES)
    os.environ["AIRFLOW_CONN_ERP"] = f"sqlite:///{path}"
    return Company(
        Settings(config=config, data=data, warehouse="", ledger="sqlite://", delivery="outbox"),
        path,
    )


IDS = st.sampled_from(["1", "2", "3", " 4 ", "55"])
EVENTS = st.tuples(
    st.sampled_from(
        [
            "new",
            "late",
            "change",
            "silent",
            "break",
            "mend",
            "delete",
            "repeat",
            "owner",
            "owner leaves",
            "pay",
            "unpay",
        ]
    ),
    IDS,
    st.integers(0, LOOKBACK),
    st.sampled_from(["BRL", "usd", "EUR", "??"]),
    st.sampled_from(["open", "cancelled", "OPEN ", "odd"]),
)


def happen(company: Company, event: tuple) -> None:
    what, key, lag, currency, status = event
    now = f"{datetime.combine(company.day(), datetime.min.time()) - timedelta(days=lag, hours=2)}"
    old = "2020-01-01 00:00:00"
    title = (key, "C1", "20261203", company.cents(), currency, status)
    into = "insert into r values (?, ?, ?, ?, ?, ?, ?)"
    match what:
        case "new" | "repeat":
            company.do(into, *title, now)
        case "late":
            company.do(into, *title, old)
        case "change":
            company.do(
                "update r set cents = ?, currency = ?, status = ?, changed = ? where id = ?",
                *title[3:],
                now,
                key,
            )
        case "silent":  # neither the column nor the look-back tells
            company.do("update r set cents = ? where id = ?", company.cents(), key)
            company.do("update r set status = ? where id = ?", status, key)
        case "break":
            company.do(
                "update r set due = 'amanhã', cents = -cents, changed = ? where id = ?", now, key
            )
        case "mend":
            company.do(
                "update r set due = '2026-12-04', cents = abs(cents), changed = ? where id = ?",
                now,
                key,
            )
        case "delete":
            company.do("delete from r where id = ?", key)
        case "owner":
            company.do("insert into c values ('C1', ?, ?)", f"Ana {lag}", now if lag else old)
        case "owner leaves":
            company.do("delete from c")
        case "pay":
            kind = "reversal" if lag % 2 else "payment"
            amount = -company.cents() if lag == 3 else company.cents()
            company.do(
                "insert into p values (?, ?, '2026-11-10', ?, ?, ?)",
                f"P{company.written}",
                key,
                amount,
                kind,
                now,
            )
        case "unpay":
            company.do("delete from p where title = ?", key)


# A customer that landed is deleted and entered anew under an old date of change.
ENTERED_ANEW = [
    [("new", "1", 0, "BRL", "open")] * 4,
    [("new", "1", 0, "BRL", "odd")],
    [
        ("owner leaves", "1", 1, "??", "odd"),
        ("owner leaves", " 4 ", 0, "??", "cancelled"),
        ("repeat", "2", 0, "EUR", "OPEN "),
        ("late", "55", 1, "usd", "OPEN "),
        ("owner leaves", "2", 2, "EUR", "open"),
        ("owner", "2", 0, "BRL", "odd"),
    ],
]


@example(ENTERED_ANEW)
@given(st.lists(st.lists(EVENTS, max_size=6), min_size=2, max_size=4))
@hypothesis(
    max_examples=few_or_many(8, 200), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_changes_in_any_order_give_the_state_of_a_full_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nights: list[list[tuple]]
):
    monkeypatch.setenv("AIRFLOW_CONN_ERP", "")
    source = company(tmp_path)
    source.do("insert into c values ('C1', 'Ana', '2026-11-17 08:00:00')")
    source.do(
        "insert into r values ('1', 'C1', '20261203', ?, 'BRL', 'open', '2026-11-17 08:00:00')",
        source.cents(),
    )
    for events in nights:
        for event in events:
            happen(source, event)
        source.night()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Company:
    """An empty source; the variable that names it is taken back."""
    monkeypatch.setenv("AIRFLOW_CONN_ERP", "")
    return company(tmp_path)


@pytest.fixture
def landed_source(source: Company) -> Company:
    """A source with one customer and one receivable, after its first night."""
    source.do("insert into c values ('C1', 'Ana', '2026-11-17 08:00:00')")
    source.do(
        "insert into r values ('1', 'C1', '20261203', 100, 'BRL', 'open', '2026-11-17 08:00:00')"
    )
    source.night()
    return source


def test_a_night_reads_only_what_changed_and_notices_what_left(source: Company):
    source.do("insert into c values ('C1', 'Ana', '2026-01-01 08:00:00')")
    for number in range(200):
        source.do(
            "insert into r values (?, 'C1', '20261203', ?, 'BRL', 'open', '2026-01-01 08:00:00')",
            number,
            100 + number,
        )
    source.do("update r set changed = '2026-11-17 08:00:00' where id < 5")
    first = source.night()["receivables"]
    assert (
        first[READING] == "whole: there is no landing before"
        and first[WATERMARK] == "2026-11-17T08:00:00"
    )
    source.do("update r set cents = 7, changed = '2026-11-19 08:00:00' where id = 150")
    second = source.night()["receivables"]
    assert (second[READING], second[CHANGED], second[LEFT], SWEPT in second) == (
        "changes",
        "6",
        "0",
        False,
    )
    assert second[WATERMARK] == "2026-11-19T08:00:00"
    source.do("delete from r where id in (60, 61)")
    source.do("update r set status = 'cancelled', changed = '2026-11-20 08:00:00' where id = 62")
    third = source.night()["receivables"]
    reported = landing_totals.read_by_changes(
        landing_partition.read_landing(source.settings, source.day())
    )
    assert reported == [
        "erp customers by changes: 1 read, 0 gone",
        "erp receivables by changes: 7 read, 2 gone",
    ]
    assert (third[READING], third[CHANGED], third[LEFT], third[SWEPT]) == (
        "changes",
        "7",
        "2",
        "yes",
    )
    source.do("update r set status = 'cancelled' where id = 70")  # without a date of change
    fourth = source.night()["receivables"]
    assert fourth[READING] == "whole: the source's totals differ from the merged rows"


def test_changes_are_read_from_a_day_before_the_look_back(source: Company):
    """The clock of a source may be behind ours, or tell the time of another zone."""
    for key, changed in (
        ("C1", "2026-01-01 08:00:00"),
        ("C2", "2026-11-12 23:59:59"),
        ("C3", "2026-11-17 08:00:00"),
    ):
        source.do("insert into c values (?, 'Ana', ?)", key, changed)
    source.night()
    # The look-back of three days begins on 14 November.
    source.do("update c set name = 'Eva', changed = '2026-11-13 00:00:00' where id = 'C1'")
    totals = source.night()["customers"]
    assert (totals[READING], totals[CHANGED]) == ("changes", "2"), "C1 and C3, not C2"


def test_a_row_that_loses_its_date_of_change_is_read(source: Company):
    source.do("insert into c values ('C1', 'Ana', '2026-01-01'), ('C2', 'Ana', '2026-11-17')")
    source.night()
    source.do("update c set name = 'Eva', changed = null where id = 'C1'")
    assert source.night()["customers"][READING] == "changes"


def test_one_customer_for_another_is_noticed(source: Company):
    """Their count stays as it was, and there is nothing to add up."""
    source.do("insert into c values ('C1', 'Ana', '2026-01-01'), ('C2', 'Ana', '2026-11-17')")
    source.night()
    source.do("delete from c where id = 'C1'")
    source.do("insert into c values ('C3', 'Eva', '2020-01-01')")
    totals = source.night()["customers"]
    assert (totals[READING], totals[LEFT]) == ("changes", "1")


def test_a_date_of_change_in_the_future_says_nothing(source: Company):
    """The next day still counts, since a source may live in another time zone."""
    assert source.day() + timedelta(days=1) == date(2026, 11, 19), "the night of this test"
    for key, changed in enumerate(
        ("2026-11-20 23:59:59", "2026-11-21 00:00:00", "2099-01-01 00:00:00")
    ):
        source.do("insert into c values (?, 'Ana', ?)", f"C{key}", changed)
    assert source.night()["customers"][WATERMARK] == "2026-11-20T23:59:59"


def test_a_date_of_change_that_went_back_is_noticed(source: Company):
    """A backup is restored: rows are as they were before a change that landed, their dates too."""
    for key in "12":
        source.do("insert into c values (?, 'Ana', '2026-01-01')", f"C{key}")
        source.do(
            "insert into r values (?, 'C1', '20261203', 100, 'BRL', 'open', '2026-01-01')", key
        )
    source.do("insert into p values (1, '1', '2026-11-10', 5, 'payment', '2026-11-19 08:00:00')")
    source.do("insert into p values (2, '1', '2026-11-10', 5, 'payment', '2026-01-01 08:00:00')")
    source.do("update r set owner = 'C2', changed = '2026-11-19 08:00:00' where id = '2'")
    source.do("update c set name = 'Eva', changed = null where id = 'C2'")
    source.night()
    source.do("update c set name = 'Ana', changed = '2026-01-01 08:00:00' where id = 'C2'")
    source.do("update r set owner = 'C1', changed = '2026-01-01 08:00:00' where id = '2'")
    source.do("update p set title = '2', changed = '2026-01-01 08:00:00' where id = 1")
    second = source.night()
    for entity, changed in zip(ENTITIES, ("2", "1", "1"), strict=True):
        totals = second[entity]
        assert (totals[READING], totals[CHANGED], totals[LEFT]) == ("changes", changed, "0"), entity
    source.do("update r set changed = '2026-11-19 08:00:00' where id = '2'")
    source.night()
    source.do("delete from r where id = '2'")
    last = source.night()["receivables"]
    assert (last[READING], last[CHANGED], last[LEFT]) == ("changes", "0", "1")
    assert SWEPT not in last


def test_many_rows_whose_date_of_change_went_back_are_read_with_everything(
    source: Company, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(merge_changes, "MOST_KEYS", 2)
    source.do("insert into c values ('C1', 'Ana', '2026-11-17 08:00:00')")
    for key in range(4):
        source.do(
            "insert into r values (?, 'C1', '20261203', 1, 'BRL', 'open', '2026-11-17 08:00:00')",
            key,
        )
    source.night()
    source.do("update r set changed = '2026-01-01 08:00:00' where id < 3")
    reading = source.night()["receivables"][READING]
    assert reading == "whole: more than 2 rows with a late date of change are gone"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("from r", "from r where 1 = 1"), "whole: the landing before was read by other rules"),
        (("full_every_days: 1000", "full_every_days: 1"), "whole: every 1 days"),
        (("full_every_days: 1000", "full_every_days: 30"), "changes"),
    ],
)
def test_everything_is_read_when_the_landing_before_cannot_serve(
    landed_source: Company, change: tuple[str, str], reason: str
):
    path = landed_source.settings.config / "sources" / "erp.yml"
    path.write_text(path.read_text().replace(*change))
    assert landed_source.night()["receivables"][READING] == reason


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sources/erp.yml", ("source: erp", "source: erp\nrates: percent")),
        ("limits.yml", ('largest_fine_rate: "20 %"', 'largest_fine_rate: "19 %"')),
    ],
)
def test_another_rule_of_rates_has_everything_read_once(
    landed_source: Company, name: str, change: tuple[str, str]
):
    path = landed_source.settings.config / name
    text = path.read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change), encoding="utf-8")
    assert (
        landed_source.night()["receivables"][READING]
        == "whole: the landing before was read by other rules"
    )
    assert landed_source.night()["receivables"][READING] == "changes"


def test_a_new_version_of_the_cleaning_rules_has_everything_read_once(
    landed_source: Company, monkeypatch: pytest.MonkeyPatch
):
    assert landed_source.night()["receivables"][READING] == "changes"
    monkeypatch.setattr(
        incremental, "CLEANING_RULES_VERSION", incremental.CLEANING_RULES_VERSION + 1
    )
    assert (
        landed_source.night()["receivables"][READING]
        == "whole: the landing before was read by other rules"
    )
    assert landed_source.night()["receivables"][READING] == "changes"


def test_a_changed_landing_before_is_not_built_upon(landed_source: Company):
    path = landing_partition.read_landing(landed_source.settings, landed_source.day()).path(
        "erp/receivables.parquet"
    )
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert (
        landed_source.night()["receivables"][READING]
        == "whole: the landing before was changed after it was written"
    )
