"""Reading only changes gives the very bytes of a full read, whatever happened to the source and in whatever order."""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from cobranca import landing
from cobranca.errors import SourceError
from cobranca.settings import Settings
from cobranca.sources.incremental import CHANGED, LEFT, READING, SWEPT, WATERMARK
from source_databases import CLIENT, SETTLEMENT, TITLE, D, MakeSource, SourceDatabase, landed, refused

SEEDS = int(os.environ.get("COBRANCA_SEEDS", "8"))
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
      select id as receivable_id, owner as customer_id, due as due_date, cents as amount, currency, status,
      changed as updated_at from r
    cents: [amount]
    incremental: *rule
  payments:
    query: select id as payment_id, title as receivable_id, day as paid_on, cents as amount, kind, changed as updated_at from p
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
        """An amount that no sum of others equals, so that totals that agree mean rows that agree."""
        self.written += 1
        return 2 ** (self.written % 50)

    def do(self, statement: str, *values) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute(statement, values)

    def day(self) -> date:
        return D + timedelta(days=self.nights)

    def night(self) -> dict[str, dict]:
        """Land this night by changes and, apart, in full: the same bytes. Returns what the former says of each entity."""
        self.nights += 1
        published = landing.land_all(self.settings, self.day(), f"run {self.nights}")
        apart = replace(self.settings, data=self.settings.data / f"full {self.nights}")
        assert landing.land_all(apart, self.day(), "full").batch_id == published.batch_id
        return {entity: dict(published.entry(f"erp/{entity}.parquet").totals) for entity in ENTITIES}


def company(folder: Path) -> Company:
    config = folder / "config"
    if not config.exists():
        from shutil import copytree

        from cobranca.settings import PROJECT_ROOT

        copytree(PROJECT_ROOT / "include" / "config", config)
        for path in (config / "sources").iterdir():
            path.unlink()
        (config / "sources" / "erp.yml").write_text(MAPPING)
    number = len(list(folder.iterdir()))
    path, data = folder / f"{number}.db", folder / f"data {number}"
    data.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES)
    os.environ["AIRFLOW_CONN_ERP"] = f"sqlite:///{path}"
    return Company(Settings(config=config, data=data, warehouse="", ledger="sqlite://", delivery="outbox"), path)


IDS = st.sampled_from(["1", "2", "3", " 4 ", "55"])
EVENTS = st.tuples(
    st.sampled_from(
        ["new", "late", "change", "silent", "break", "mend", "delete", "repeat", "owner", "owner leaves", "pay", "unpay"]
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
            company.do("update r set cents = ?, currency = ?, status = ?, changed = ? where id = ?", *title[3:], now, key)
        case "silent":  # neither the column nor the look-back tells
            company.do("update r set cents = ? where id = ?", company.cents(), key)
            company.do("update r set status = ? where id = ?", status, key)
        case "break":
            company.do("update r set due = 'amanhã', cents = -cents, changed = ? where id = ?", now, key)
        case "mend":
            company.do("update r set due = '2026-12-04', cents = abs(cents), changed = ? where id = ?", now, key)
        case "delete":
            company.do("delete from r where id = ?", key)
        case "owner":
            company.do("insert into c values ('C1', ?, ?)", f"Ana {lag}", now if lag else old)
        case "owner leaves":
            company.do("delete from c")
        case "pay":
            kind = "reversal" if lag % 2 else "payment"
            amount = -company.cents() if lag == 3 else company.cents()
            company.do("insert into p values (?, ?, '2026-11-10', ?, ?, ?)", f"P{company.written}", key, amount, kind, now)
        case "unpay":
            company.do("delete from p where title = ?", key)


@given(st.lists(st.lists(EVENTS, max_size=6), min_size=2, max_size=4))
@hypothesis(max_examples=SEEDS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changes_in_any_order_give_the_state_of_a_full_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nights: list[list[tuple]]
):
    monkeypatch.setenv("AIRFLOW_CONN_ERP", "")
    source = company(tmp_path)
    source.do("insert into c values ('C1', 'Ana', '2026-11-17 08:00:00')")
    source.do("insert into r values ('1', 'C1', '20261203', ?, 'BRL', 'open', '2026-11-17 08:00:00')", source.cents())
    for events in nights:
        for event in events:
            happen(source, event)
        source.night()


def test_a_night_reads_only_what_changed_and_notices_what_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AIRFLOW_CONN_ERP", "")
    source = company(tmp_path)
    source.do("insert into c values ('C1', 'Ana', '2026-01-01 08:00:00')")
    for number in range(200):
        source.do("insert into r values (?, 'C1', '20261203', ?, 'BRL', 'open', '2026-01-01 08:00:00')", number, 100 + number)
    source.do("update r set changed = '2026-11-17 08:00:00' where id < 5")
    first = source.night()["receivables"]
    assert first[READING] == "whole: there is no landing before" and first[WATERMARK] == "2026-11-17T08:00:00"
    source.do("update r set cents = 7, changed = '2026-11-19 08:00:00' where id = 150")
    second = source.night()["receivables"]
    assert (second[READING], second[CHANGED], second[LEFT], SWEPT in second) == ("changes", "6", "0", False)
    assert second[WATERMARK] == "2026-11-19T08:00:00"
    source.do("delete from r where id in (60, 61)")
    source.do("update r set status = 'cancelled', changed = '2026-11-20 08:00:00' where id = 62")
    third = source.night()["receivables"]
    told = landing.read_by_changes(landing.read_landing(source.settings, source.day()))
    assert told == ["erp customers by changes: 1 read, 0 gone", "erp receivables by changes: 7 read, 2 gone"]
    assert (third[READING], third[CHANGED], third[LEFT], third[SWEPT]) == ("changes", "7", "2", "yes")
    source.do("update r set status = 'cancelled' where id = 70")  # without a date of change
    fourth = source.night()["receivables"]
    assert fourth[READING] == "whole: the source's totals differ from the merged rows"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("from r", "from r where 1 = 1"), "whole: the landing before was read by other rules"),
        (("full_every_days: 1000", "full_every_days: 1"), "whole: every 1 days"),
        (("full_every_days: 1000", "full_every_days: 30"), "changes"),
    ],
)
def test_everything_is_read_when_the_landing_before_cannot_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], reason: str
):
    monkeypatch.setenv("AIRFLOW_CONN_ERP", "")
    source = company(tmp_path)
    source.do("insert into c values ('C1', 'Ana', '2026-11-17 08:00:00')")
    source.do("insert into r values ('1', 'C1', '20261203', 100, 'BRL', 'open', '2026-11-17 08:00:00')")
    source.night()
    path = source.settings.config / "sources" / "erp.yml"
    path.write_text(path.read_text().replace(*change))
    assert source.night()["receivables"][READING] == reason


def test_a_changed_landing_before_is_not_built_upon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AIRFLOW_CONN_ERP", "")
    source = company(tmp_path)
    source.do("insert into c values ('C1', 'Ana', '2026-11-17 08:00:00')")
    source.do("insert into r values ('1', 'C1', '20261203', 100, 'BRL', 'open', '2026-11-17 08:00:00')")
    source.night()
    path = landing.read_landing(source.settings, source.day()).path("erp/receivables.parquet")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert source.night()["receivables"][READING] == "whole: the landing before was changed after it was written"


SHAPES = {
    "timestamp": ("timestamp", "'{day} 08:00:00'"),
    "date": ("date", "'{day}'"),
    "iso text": ("varchar(30)", "'{day}T08:00:00'"),
    "YYYYMMDD": ("varchar(8)", "'{compact}'"),
    "number": ("integer", "{compact}"),
}


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize("shape", SHAPES)
def test_any_form_of_a_date_of_change_will_do(erp_only: Settings, make_source: MakeSource, kind: str, shape: str):
    erp = make_source("erp", kind)
    column, literal = SHAPES[shape]
    if kind == "mariadb" and column == "timestamp":
        column = "datetime"

    def on(day: date) -> str:
        return literal.format(day=day, compact=f"{day:%Y%m%d}")

    erp.add("clientes", CLIENT)
    erp.run("alter table titulos drop column alterado_em", f"alter table titulos add column alterado_em {column}")
    titles = [{name: value for name, value in TITLE.items() if name != "alterado_em"} | {"id": n} for n in range(1, 41)]
    table = sa.Table("titulos", sa.MetaData(), autoload_with=erp.engine)
    with erp.engine.begin() as connection:
        connection.execute(table.insert(), titles)
    erp.run(
        f"update titulos set alterado_em = {on(D - timedelta(days=60))}", f"update titulos set alterado_em = {on(D)} where id = 1"
    )
    erp.add("baixas", SETTLEMENT)
    landing.land_all(erp_only, D, "run 1")
    erp.run(f"update titulos set valor = 12.34, alterado_em = {on(D + timedelta(days=1))} where id = 7")
    erp.run("delete from titulos where id = 9", "update titulos set alterado_em = null where id = 11")
    published = landing.land_all(erp_only, D + timedelta(days=1), "run 2")
    totals = published.entry("erp/receivables.parquet").totals
    assert (totals[READING], totals[CHANGED], totals[LEFT]) == ("changes", "3", "1")
    assert {row["receivable_id"]: row["amount"] for row in landed(published, "erp", "receivables")}["7"] == Decimal("12.34")
    apart = replace(erp_only, data=erp_only.data / "apart")
    assert landing.land_all(apart, D + timedelta(days=1), "full").batch_id == published.batch_id


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_date_moved_silently_is_noticed(erp_only: Settings, make_source: MakeSource, kind: str):
    """Neither the date of change nor any amount, currency or status tells of it; a wrong due date means a wrong reminder."""
    path = erp_only.config / "sources" / "erp.yml"
    path.write_text(path.read_text(encoding="utf-8") + "    incremental: {column: updated_at}\n", encoding="utf-8")
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    erp.add("titulos", *[TITLE | {"id": n, "alterado_em": datetime(2026, 1, 1)} for n in range(1, 6)], TITLE | {"id": 9})
    erp.add("baixas", SETTLEMENT | {"alterado_em": datetime(2026, 1, 1)}, SETTLEMENT | {"id": 2})
    landing.land_all(erp_only, D, "run 1")
    erp.run(
        "update titulos set vencimento = '2026-12-24' where id = 3",
        "update baixas set data_pagamento = '2026-11-09' where id = 1",
    )
    published = landing.land_all(erp_only, D + timedelta(days=1), "run 2")
    assert [row["due_date"] for row in landed(published, "erp", "receivables")].count(date(2026, 12, 24)) == 1
    assert {row["paid_on"] for row in landed(published, "erp", "payments")} == {date(2026, 11, 9), date(2026, 11, 10)}
    for entity in ("receivables", "payments"):
        reading = published.entry(f"erp/{entity}.parquet").totals[READING]
        assert reading == "whole: the source's totals differ from the merged rows"
    third = landing.land_all(erp_only, D + timedelta(days=2), "run 3")
    assert third.entry("erp/receivables.parquet").totals[READING] == "changes"


def test_codes_that_are_none_are_not_counted_apart(erp_only: Settings, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch):
    """A column that holds something else in each row would fill the memory instead of proving anything."""
    monkeypatch.setattr("cobranca.sources.engine.MOST_GROUPS", 3)
    erp = make_source("erp", "postgresql")
    erp.add("clientes", CLIENT)
    erp.add("titulos", *[TITLE | {"id": n, "vencimento": D + timedelta(days=n)} for n in range(5)])
    erp.add("baixas", SETTLEMENT)
    landing.land_all(erp_only, D, "run 1")
    second = landing.land_all(erp_only, D + timedelta(days=1), "run 2")
    reading = second.entry("erp/receivables.parquet").totals[READING]
    assert reading == "whole: its dates are too many to be told apart"
    erp.run("alter table titulos alter moeda type varchar(20)", "update titulos set moeda = 'x' || id")
    with pytest.raises(SourceError, match="currency hold more than 3 different values, which are no codes; have the query"):
        landing.land_all(erp_only, D + timedelta(days=2), "run 3")


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_quarantine_is_read_again_each_night(erp_only: Settings, make_source: MakeSource, kind: str):
    erp: SourceDatabase = make_source("erp", kind)
    erp.add("titulos", TITLE, TITLE | {"id": 2, "valor": None}, TITLE | {"id": 3, "cod_cliente": "C9"}, TITLE | {"id": 4})
    erp.run("update titulos set alterado_em = '2020-01-01 00:00:00' where id > 1")
    erp.add("clientes", CLIENT)
    long = "C" * 151
    change = {"postgresql": "alter cod_cliente type text", "mariadb": "modify cod_cliente text"}[kind]
    erp.run(f"alter table titulos {change}", f"update titulos set cod_cliente = '{long}' where id = 4")
    first = landing.land_all(erp_only, D, "run 1")
    assert refused(first, "erp", "receivables") == {"2": "missing", "3": "unknown_customer", "4": "too_long"}
    erp.add("clientes", CLIENT | {"cod_cliente": "C9"})
    erp.run("update titulos set valor = 5 where id = 2")  # corrected without a new date of change
    second = landing.land_all(erp_only, D + timedelta(days=1), "run 2")
    assert second.entry("erp/receivables.parquet").totals[READING] == "changes"
    assert [row["receivable_id"] for row in landed(second, "erp", "receivables")] == ["1", "2", "3"]
    assert refused(second, "erp", "receivables") == {"4": "too_long"}
