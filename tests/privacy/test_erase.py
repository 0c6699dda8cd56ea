"""Canaries who were contacted and then erased are found nowhere, nor contacted again, whatever the
source still holds.
"""

import random
import shutil
import threading
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from cobranca import night
from cobranca.cli import commands
from cobranca.demo.agent_answers import return_workbooks
from cobranca.errors import ConfigError
from cobranca.labels import REASONS, in_sentence
from cobranca.landing import land
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts, erasures
from cobranca.partitions import erasure_lock
from cobranca.partitions.manifest import read_manifest
from cobranca.partitions.verdict import read_verdict
from cobranca.privacy import erase
from cobranca.privacy.erase_outbound import letter_steps
from cobranca.privacy.erasure_step import ErasureStep
from cobranca.privacy.payer_traces import Traces
from cobranca.queues import write_queues
from cobranca.redaction.erasure_registry import keys_of, read_erasures
from cobranca.reminders.delivery.pre_send_check import PreSendCheck
from cobranca.reminders.plan.plan_file import Message
from cobranca.warehouse.engines import PostgresWarehouse
from ledger.clients import LedgerClients
from privacy import company
from privacy.company import CALLED, WRITTEN, found_in
from privacy.conftest import FIRST, SECOND, settings_in

BY = {"by": "maria", "reason": "pedido do titular", "business_date": FIRST}
NEEDLES = [*WRITTEN.needles, *CALLED.needles]


def rows(settings, business_date: date, table: str, query: str) -> list[tuple]:
    batch = read_manifest(settings.folder("outbound", business_date), verify=True)
    return duckdb.sql(query.format(f"read_parquet('{batch.path(table + '.parquet')}')")).fetchall()


def told_by_the_ledger(settings, query) -> list[tuple]:
    engine = open_ledger(settings.ledger)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]
    finally:
        engine.dispose()


def contents(data: Path) -> dict[Path, bytes]:
    """Every file but the ledger, which merely opening may tidy up."""
    return {
        path: path.read_bytes()
        for path in data.rglob("*")
        if path.is_file() and not path.name.startswith("ledger.db")
    }


def test_the_canaries_were_contacted_and_lie_where_a_night_puts_people(first_night, found):
    settings = settings_in(first_night)
    written, called = (
        {path.split("/")[0] for path, needles in found.items() if set(needles) & set(one.needles)}
        for one in (WRITTEN, CALLED)
    )
    assert written == {"landing", "outbound", "outbox", "reports", "warehouse.duckdb"}
    assert called == {"landing", "outbound", "queues", "reports", "warehouse.duckdb"}
    states = told_by_the_ledger(settings, sa.select(contacts.c.customer_key, contacts.c.state))
    assert states == [(keys_of(WRITTEN.cpf)[0], "sent")]


def test_an_erased_canary_is_found_nowhere_and_never_contacted_again(place):
    settings = settings_in(place)
    return_workbooks(settings, SECOND)
    events = settings.data / "inbox" / "events" / "read" / "events.json"
    events.parent.mkdir(parents=True)
    events.write_text(f'[{{"email": "{WRITTEN.email}"}}, {{"email": "comum10@example.com"}}]')

    # the plan tells what would be done, and changes nothing
    assert found_in(settings.data / "inbox", CALLED.needles) and found_in(
        settings.data / "inbox", WRITTEN.needles
    )
    before = contents(settings.data)
    assert {step.what for step in erase.plan_erasure(settings, "crm:1").steps} == {
        "rewritten",
        "removed",
        "written again",
        "emptied",
    }
    assert contents(settings.data) == before

    counted = ("fct_receivables", "fct_decisions", "fct_promises", "fct_contacts", "fct_aging")
    before_erasure = {
        table: rows(settings, FIRST, table, "select * from {} order by all") for table in counted
    }
    for account in ("crm:1", keys_of(CALLED.cpf)[0]):
        erasure, left = erase.apply_erasure(settings, account, **BY)
        assert (left, erasure.unreadable) == ([], ())
        told = erase.describe_erasure(settings, erasure, left)
        assert not [needle for needle in NEEDLES if needle in told]
    assert found_in(settings.data, NEEDLES) == {}
    assert "comum10@example.com" in events.read_text()
    # what is left to do again is only to empty what the next build fills
    assert [step.what for step in erase.plan_erasure(settings, "crm:1").steps] == ["emptied"]
    # all that is counted, decided and done is as it was, under opaque keys
    assert before_erasure == {
        table: rows(settings, FIRST, table, "select * from {} order by all") for table in counted
    }
    # the plan that was approved still is the one of its verdict, and is whole
    assert rows(settings, FIRST, "fct_receivables", "select count(*) from {}") == [(9,)]
    assert (
        read_verdict(settings, FIRST, "plan").batch_id
        == read_manifest(settings.folder("outbound", FIRST)).batch_id
    )
    assert write_queues(settings, FIRST)["payers"] == 0

    # the source still holds them; one comes again under another account, and all is read by its
    # changes
    company.open_second_account(place / "crm.db", FIRST)
    company.pay(place / "crm.db", FIRST)
    for stage in ("feedback", "land", "build", "gate", "reminders", "queues"):
        night.STAGES[stage](settings, SECOND)
    landed = read_manifest(settings.folder("landing", SECOND, "sources"), verify=True)
    assert {
        landed.entry(f"crm/{name}.parquet").totals["reading"]
        for name in ("customers", "receivables")
    } == {"changes"}
    assert found_in(settings.data, NEEDLES) == {}
    assert list(settings.folder("outbox", SECOND).glob("*.eml")) == []
    decided = rows(
        settings,
        SECOND,
        "fct_decisions",
        "select receivable_id, decision, reason from {} where reason = 'hold_erased' order by all",
    )
    assert decided == [(number, "none", "hold_erased") for number in ("100", "101", "200", "300")]
    keys = "select distinct customer_key from {} where receivable_id in ('100', '200', '300')"
    assert rows(settings, SECOND, "fct_decisions", keys) == [keys_of(WRITTEN.cpf)]
    for table in (
        "out_reminders",
        "out_call_queue",
        "out_escalations",
        "out_benefits",
        "out_surveys",
    ):
        erased = tuple(read_erasures(settings).keys)
        assert rows(
            settings, SECOND, table, f"select count(*) from {{}} where customer_key in {erased}"
        ) == [(0,)]
    # no cent is lost
    total = sum(10_000 + number for number in range(100, 108)) + 5000 + 7777 - 2
    assert rows(settings, SECOND, "fct_receivables", "select sum(open_amount) from {}") == [
        (Decimal(total) / 100,)
    ]
    assert landed.entry("crm/receivables.parquet").totals["amount BRL"] == str(
        Decimal(total + 2) / 100
    )
    # reading everything gives the same bytes as reading the changes
    shutil.rmtree(settings.folder("landing", FIRST))
    whole = land.land_all(settings, SECOND, "whole")
    assert (
        "whole" in whole.entry("crm/customers.parquet").totals["reading"]
        and whole.batch_id == landed.batch_id
    )


@pytest.mark.seeds(few=1, many=8)
def test_an_interrupted_erasure_is_completed_by_running_it_again(place, monkeypatch, seed):
    settings = settings_in(place)
    whole = erase.plan_erasure(settings, "crm:1")
    dies_at = random.Random(seed).randrange(len(whole.steps) + 1)

    def die():
        raise KeyboardInterrupt

    dies = ErasureStep("dies", settings.data, die)
    half = replace(whole, steps=(*whole.steps[:dies_at], dies))
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):  # noqa: PT012 - only within the patch
        patched.setattr(erase, "plan_erasure", lambda settings, customer: half)
        erase.apply_erasure(settings, "crm:1", **BY)
    # however far it came: the payer is known from now on, and every batch is whole
    assert read_erasures(settings).keys == set(keys_of(WRITTEN.cpf))
    assert rows(settings, FIRST, "fct_receivables", "select count(*) from {}") == [(9,)]
    assert read_manifest(settings.folder("landing", FIRST, "sources"), verify=True)

    erase.apply_erasure(settings, "crm:1", **BY)
    assert found_in(settings.data, WRITTEN.needles) == {}


def test_the_list_of_cases_is_written_again_without_an_erased_payer(place):
    """Who waits for a person is in no call queue, so the list itself tells that they are shown."""
    settings = settings_in(place)
    with (place / "config" / "holds.csv").open("a", encoding="utf-8") as holds:
        holds.write("customer;crm;2;legal;maria;2026-11-01;\n")
    for stage in ("feedback", "land", "build", "gate", "queues"):
        night.STAGES[stage](settings, FIRST)
    listed = found_in(settings.data / "queues", CALLED.needles)
    assert {Path(path).suffix for path in listed} == {".csv", ".xlsx"}
    erase.apply_erasure(settings, "crm:2", **BY)
    assert found_in(settings.data, CALLED.needles) == {}


def test_a_message_that_has_not_left_yet_never_leaves(erased):
    """Erased between the plan and its delivery: the pre-send check knows it from the ledger."""
    settings, key = erased, keys_of(WRITTEN.cpf)[0]
    engine = open_ledger(settings.ledger)
    ledger = LedgerClients(engine)
    assert ledger.lookups.payer_flags([key, "C0"]).erased == {key} and {
        (key, "email", None),
        (key, "sms", None),
    } <= ledger.lookups.opted_out([key])
    message = Message(
        "M1",
        FIRST,
        key,
        "(dados apagados)",
        None,
        "email",
        "d+1",
        1,
        "first_notice",
        False,
        "v",
        "crm:100",
        None,
        (),
    )
    seen = PreSendCheck(settings, FIRST, ledger.lookups)([message])
    engine.dispose()
    assert seen.ready == [] and seen.stopped["M1"] == (
        "cancelled",
        in_sentence(REASONS["hold_erased"]),
    )


def test_a_letter_goes_with_its_page_and_its_statement(settings):
    outbox = settings.folder("outbox", FIRST)
    outbox.mkdir(parents=True)
    for name in ("own.eml", "own.html", "own.csv", "other.csv", "other.eml", "index.html"):
        (outbox / name).write_text(f"Subject: {name}\n\nown", encoding="utf-8")
    for step in letter_steps(settings, Traces(message_keys={"own"})):
        step.do()
    assert {path.name for path in outbox.iterdir()} == {"other.csv", "other.eml", "index.html"}
    index = (outbox / "index.html").read_text(encoding="utf-8")
    assert "own" not in index and 'href="other.csv"' in index


def test_no_payer_is_erased_while_a_night_runs(place):
    settings = settings_in(place)
    started, go_on = threading.Event(), threading.Event()

    @erasure_lock.waits_for_erasures
    def stage(settings):
        started.set()
        go_on.wait(30)

    worker = threading.Thread(target=stage, args=(settings,))
    worker.start()
    started.wait(30)
    with pytest.raises(erasure_lock.AtWork, match="being worked on"):
        erase.apply_erasure(settings, "crm:1", **BY)
    go_on.set()
    worker.join()
    assert (
        found_in(settings.data / "outbox", WRITTEN.needles)
        and read_erasures(settings).keys == set()
    )
    with erasure_lock.exclusive_lock(settings):
        worker = threading.Thread(target=stage, args=(settings,))
        started.clear()
        worker.start()
        assert not started.wait(0.2)
    worker.join(30)
    assert started.is_set()


@pytest.mark.parametrize(
    ("customer", "reason", "told"),
    [
        ("crm:99", "pedido do titular", "crm:99"),
        ("crm:1", f"pedido de {WRITTEN.name}", "must not tell personal data"),
        ("crm:1", f"pedido por {WRITTEN.email}", "must not tell personal data"),
        ("crm:1", "pedido, CPF 101.128.966-00", "must not tell personal data"),
    ],
)
def test_a_wrong_request_is_refused_and_changes_nothing(first_night, customer, reason, told):
    settings = settings_in(first_night)
    before = contents(settings.data)
    with pytest.raises(ConfigError, match=told):
        erase.apply_erasure(settings, customer, by="maria", reason=reason, business_date=FIRST)
    after = contents(settings.data)
    after.pop(settings.data / ".erasing", None)
    before.pop(settings.data / ".erasing", None)
    assert after == before and read_erasures(settings).keys == set()


def test_what_was_erased_is_remembered_for_good(erased):
    settings = erased
    erase.apply_erasure(settings, "crm:1", **BY | {"by": "joana"})
    told = told_by_the_ledger(
        settings, sa.select(erasures.c.customer_key, erasures.c.customer_id, erasures.c.author)
    )
    assert told == [(keys_of(WRITTEN.cpf)[0], "1", "maria")]
    for statement in ("update erasures set author = 'x'", "delete from erasures"):
        engine = open_ledger(settings.ledger)
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


def test_sql_and_python_give_a_payer_one_key(first_night):
    """The rule is dbt's ``customer_key``; this is the other place that needs it."""
    settings = settings_in(first_night)
    keys = rows(
        settings,
        FIRST,
        "dim_payer_aliases",
        "select customer_key from {} where customer_id in ('1', '2') order by customer_id",
    )
    assert keys == [keys_of(WRITTEN.cpf), keys_of(CALLED.cpf)]
    # a branch, and its company: tests of stg_landing__customers hold the same two
    assert keys_of("11222333000181") == ("C25b7195cc3ea1dc0e0e9", "C31a00a0f4b333a485de6")


def test_a_postgresql_warehouse_gives_back_its_own_tables_only(postgres_server):
    url = postgres_server.create_database("erased_warehouse")
    warehouse = PostgresWarehouse(sa.make_url(str(url)))
    with warehouse._connect() as connection:
        connection.execute("create schema raw; create schema finance; create schema outbound")
        connection.execute(
            "create table raw.customers (name text); create view outbound.out_benefits as select "
            "* from raw.customers"
        )
        connection.execute("create table finance.ledger_of_somebody_else (name text)")
    warehouse.empty()
    with warehouse._connect() as connection:
        left = connection.execute(
            "select table_name from information_schema.tables where table_schema in ('raw', "
            "'finance', 'outbound')"
        )
        assert left.fetchall() == [("ledger_of_somebody_else",)]


def test_an_amended_night_is_rebuilt_equal_but_for_the_erased(place, monkeypatch):
    settings = settings_in(place)
    erase.apply_erasure(settings, "crm:1", **BY)
    for name, value in (("CONFIG", settings.config), ("DATA", settings.data)):
        monkeypatch.setenv(f"COBRANCA_{name}", str(value))
    for name in ("WAREHOUSE", "LEDGER", "DELIVERY"):
        monkeypatch.delenv(f"COBRANCA_{name}", raising=False)
    done = CliRunner().invoke(commands, ["rebuild", "--business-date", FIRST.isoformat()])
    assert done.exit_code == 0 and "equal, but for the rows of erased payers" in done.output, (
        done.output,
        done.exception,
    )
    assert found_in(settings.data, WRITTEN.needles) == {}
