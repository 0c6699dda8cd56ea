"""Canaries who were contacted and then erased are found nowhere, nor contacted again, whatever the source still holds."""

import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from cobranca import night
from cobranca.cli import commands
from cobranca.demo.agents import return_workbooks
from cobranca.errors import ConfigError
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts, erasures
from cobranca.manifest import read_manifest
from cobranca.privacy import erase, turns
from cobranca.privacy.erasures import keys_of, read_erasures
from cobranca.quality import read_verdict
from cobranca.queues import write_queues
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


def test_the_canaries_were_contacted_and_lie_where_a_night_puts_people(first_night):
    settings = settings_in(first_night)
    written, called = ({path.split("/")[0] for path in found_in(settings.data, one.needles)} for one in (WRITTEN, CALLED))
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
    before = found_in(settings.data, NEEDLES)
    assert "inbox" in {path.split("/")[0] for path in before}
    assert erase.plan(settings, "crm:1").steps and found_in(settings.data, NEEDLES) == before

    for account in ("crm:1", keys_of(CALLED.cpf)[0]):
        erasure, left = erase.apply(settings, account, **BY)
        assert (left, erasure.unreadable) == ([], ())
        told = erase.told(settings, erasure, left)
        assert not [needle for needle in NEEDLES if needle in told]
    assert found_in(settings.data, NEEDLES) == {}
    assert "comum10@example.com" in events.read_text()
    # what is left to do again is only to empty what the next build fills
    assert [step.what for step in erase.plan(settings, "crm:1").steps] == ["emptied"]
    # the plan that was approved still is the one of its verdict, and is whole
    assert rows(settings, FIRST, "fct_receivables", "select count(*) from {}") == [(9,)]
    assert read_verdict(settings, FIRST, "plan").batch_id == read_manifest(settings.folder("outbound", FIRST)).batch_id
    assert write_queues(settings, FIRST)["payers"] == 0

    # the source still holds them; one comes again under another account, and all is read by its changes
    company.open_second_account(place / "crm.db", FIRST)
    company.pay(place / "crm.db", FIRST)
    for stage in ("feedback", "land", "build", "gate", "reminders", "queues"):
        told = night.STAGES[stage](settings, SECOND)
        if stage == "land":
            assert "customers by changes" in told
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
    for table in ("out_reminders", "out_call_queue", "out_escalations", "out_benefits", "out_surveys"):
        erased = tuple(read_erasures(settings).keys)
        assert rows(settings, SECOND, table, f"select count(*) from {{}} where customer_key in {erased}") == [(0,)]
    # no cent is lost
    owed = duckdb.sql(f"select sum(cents) from sqlite_scan('{place / 'crm.db'}', 'invoices')") if False else None
    assert owed is None
    total = sum(10_000 + number for number in range(100, 108)) + 5000 + 7777 - 2
    assert rows(settings, SECOND, "fct_receivables", "select sum(open_amount) from {}") == [(Decimal(total) / 100,)]
    landed = read_manifest(settings.folder("landing", SECOND, "sources"), verify=True)
    assert landed.entry("crm/receivables.parquet").totals["amount BRL"] == str(Decimal(total + 2) / 100)
