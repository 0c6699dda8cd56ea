"""Whole nights by the command: the first, the same again, a holiday, the next."""

import contextlib
import dataclasses
import html
import re
import shutil
import sqlite3
import zipfile
from datetime import date
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from cobranca import warehouse
from cobranca.demo.agent_answers import return_workbooks
from cobranca.labels import priority_sentence
from cobranca.ledger.tables import agreements
from cobranca.partitions.manifest import read_manifest
from cobranca.warehouse.dbt import run_dbt
from cobranca.warehouse.engines import open_warehouse
from nights.installation import FIRST, HOLIDAY, NEXT, SECOND, Installation
from seeds import few_or_many
from warehouse.parity import differences

pytestmark = pytest.mark.timeout(900)


def test_a_first_night_contacts_and_writes_everything(after_first_night):
    place = after_first_night
    planned = {
        key for (key,) in place.rows(FIRST, "out_reminders", "select distinct message_key from {}")
    }
    refused = place.refused().keys()
    assert refused < planned
    assert place.contacted(FIRST) == dict.fromkeys(planned, "sent") | dict.fromkeys(
        refused, "rejected"
    )
    letters = {path.stem for path in place.settings.folder("outbox", FIRST).glob("*.eml")}
    assert letters == planned - refused
    assert list((place.data / "queues" / FIRST.isoformat()).rglob("*.xlsx"))
    assert list((place.data / "reports" / FIRST.isoformat()).rglob("financeiro.html"))
    assert (place.settings.folder("quality", FIRST) / "index.html").exists()
    open_receivables = place.rows(
        FIRST,
        "fct_receivables",
        "select currency, count(*), sum(open_amount) from {} group by all order by all",
    )
    decisions = place.rows(
        FIRST,
        "fct_decisions",
        "select currency, count(*), sum(open_amount) from {} group by all order by all",
    )
    assert decisions == open_receivables


def test_a_missed_night_and_a_holiday_contact_no_one_twice(installation):
    """The night of the 19th is missed; the 20th is a bank holiday."""
    place = installation
    return_workbooks(place.settings, HOLIDAY)
    place.fill(HOLIDAY)
    assert place.night_here(HOLIDAY).returncode == 0
    assert place.contacted(HOLIDAY) == {}
    assert place.rows(HOLIDAY, "out_call_queue") == [(0,)]
    assert (
        place.rows(
            HOLIDAY, "fct_decisions", "select count(*) from {} where reason = 'no_contact_day'"
        )[0][0]
        > 0
    )
    assert list((place.data / "reports" / HOLIDAY.isoformat()).rglob("financeiro.xlsx"))

    place.fill(NEXT)
    _leave_unpaid(place, place.asked_of_refused())
    agreed = _remove_tax_ids_of_payers_with_agreements(place)
    assert place.night_here(NEXT).returncode == 0
    _agreements_still_count(place, agreed)
    steps = "select customer_key, episode_key, step from {}"
    first, following = (
        set(place.rows(FIRST, "out_reminders", steps)),
        set(place.rows(NEXT, "out_reminders", steps)),
    )
    assert following and not first & following
    _refused_payers_are_called(place)
    assert (
        place.rows(NEXT, "fct_contacts", "select count(*) from {} where outcome_code is not null")[
            0
        ][0]
        > 0
    )

    rebuilt = place.here("rebuild", "--business-date", FIRST.isoformat())
    assert rebuilt.returncode == 0 and "identical" in rebuilt.stdout

    # without a date, every night there is
    holiday = read_manifest(place.settings.folder("outbound", HOLIDAY))
    decisions = holiday.path("fct_decisions.parquet")
    ((key,),) = place.rows(
        NEXT,
        "out_reminders",
        "select min(customer_key) from {} "
        f"where customer_key in (select customer_key from read_parquet('{decisions}'))",
    )
    done = place.here("why", "--customer", key)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 noites de 18/11/2026 a 23/11/2026" in done.stdout
    # folded with the first night where both say the same
    assert (
        re.search(r"20/11/2026( \(2 noites\))?: sem contato", done.stdout)
        and "[enviado]" in done.stdout
    )


def _remove_tax_ids_of_payers_with_agreements(place: Installation) -> list[tuple[str, str]]:
    """The accounts of payers with an agreement; each has a key of its own from now on."""
    aliases = read_manifest(place.settings.folder("outbound", HOLIDAY)).path(
        "dim_payer_aliases.parquet"
    )
    keys = [key for (key,) in place.recorded(sa.select(agreements.c.customer_key))]
    query = (
        "select source, customer_id from read_parquet(?) where customer_key in (select "
        "unnest(?)) and joined_by = 'tax_id'"
    )
    accounts = duckdb.execute(query, [str(aliases), keys]).fetchall()
    tables = {
        "erp": (place.erp, "clientes", "cpf_cnpj", "cod_cliente"),
        "billing": (place.billing, "account", "document", "id"),
    }
    for name, customer_id in accounts:
        path, table, tax_id, its_id = tables[name]
        with contextlib.closing(sqlite3.connect(path)) as source:
            assert (
                source.execute(
                    f"update {table} set {tax_id} = null where {its_id} = ?", [customer_id]
                ).rowcount
                == 1
            )
            source.commit()
    return accounts


def _agreements_still_count(place: Installation, accounts: list[tuple[str, str]]) -> None:
    aliases = place.rows(
        NEXT, "dim_payer_aliases", "select source, customer_id, customer_key, joined_by from {}"
    )
    keys = {
        key
        for *account, key, joined_by in aliases
        if tuple(account) in accounts and joined_by == "customer_id"
    }
    agreed = {
        key for (key,) in place.rows(NEXT, "fct_agreements", "select customer_key from {}")
    } & keys
    assert agreed, "found under the key of tonight"
    decided = [
        row
        for row in place.rows(
            NEXT, "fct_decisions", "select customer_key, decision, reason from {}"
        )
        if row[0] in agreed
    ]
    assert {decision for _, decision, _ in decided} == {"none"}, (
        "neither asked as if nothing were agreed nor from the first step on"
    )
    assert {"hold_agreement", "agreement_broken"} & {reason for _, _, reason in decided}


def _leave_unpaid(place: Installation, receivables: list[tuple[str, str]]) -> None:
    """Remove the payments of these receivables (source and id)."""
    for path, table, column in (
        (place.erp, "baixas", "titulo_id"),
        (place.billing, "invoice_payment", "invoice_id"),
    ):
        ids = [int(key) for source, key in receivables if source == path.stem]
        with contextlib.closing(sqlite3.connect(path)) as source:
            source.execute(
                f"delete from {table} where {column} in ({', '.join('?' * len(ids))})", ids
            )
            source.commit()


def _refused_payers_are_called(place: Installation) -> None:
    """Payers whose message the provider refused, and who have not paid since, are called.

    They get no second message, and the agent reads why.
    """
    assert {re.search(r"HTTP (\d+)", reason)[1] for reason in place.refused().values()} == {
        "400",
        "413",
    }
    planned = place.rows(FIRST, "out_reminders", "select message_key, customer_key from {}")
    refused = {customer for message, customer in planned if message in place.refused()}
    written_to = {
        key for (key,) in place.rows(NEXT, "out_reminders", "select customer_key from {}")
    }
    due = {
        key
        for (key,) in place.rows(
            NEXT, "fct_decisions", "select customer_key from {} where reason = 'refused_email'"
        )
    }
    queue = {
        key: priority_sentence(codes)
        for key, codes in place.rows(
            NEXT, "out_call_queue", "select customer_key, priority_reason from {}"
        )
    }
    assert not refused & written_to
    assert due and due <= refused
    sentence = "último e-mail não pôde ser enviado: recusada pelo provedor (HTTP 4"
    assert [key for key in due if sentence not in queue.get(key, "")] == []
    books = [_shown(path) for path in (place.data / "queues" / NEXT.isoformat()).rglob("*.xlsx")]
    assert sum(text.count(sentence) for text in books) > 0, "who calls reads why"


def _shown(path: Path) -> str:
    with zipfile.ZipFile(path) as book:
        return html.unescape(book.read("xl/sharedStrings.xml").decode())


def test_the_company_looks_the_same_on_postgresql(after_first_night, postgres_server, tmp_path):
    settings = after_first_night.settings
    shutil.copytree(settings.data / "landing", tmp_path / "landing")
    url = str(postgres_server.create_database("company_parity"))
    other = dataclasses.replace(settings, data=tmp_path, warehouse=url)
    warehouse.prepare(other, FIRST)
    # The models alone: their tests passed on the tables of the night, to which these must be equal.
    environment = open_warehouse(url).dbt_environment()
    run_dbt("run", environment=environment, business_date=FIRST, work=other.data / ".dbt")
    assert (
        differences(
            read_manifest(settings.folder("outbound", FIRST)), warehouse.freeze(other, FIRST)
        )
        == {}
    )


def test_reruns_and_missed_nights_with_hold_outs_add_no_message(installation):
    """One night twice, in a long run four times; the next a holiday and missed; then one or two."""
    place = installation
    regua = place.config / "regua.yml"
    regua.write_text(
        regua.read_text(encoding="utf-8").replace(
            "{offset: 1, channel", "{offset: 1, holdout_share: 40 %, channel"
        )
    )
    place.fill(SECOND)
    # by the command in a process of its own, as cron runs it
    assert place.night(SECOND).returncode == 0
    states, held = place.contacted(SECOND), place.held_out()
    assert states and held
    before, written = place.outputs(), _written_at(place, SECOND)
    for _ in range(few_or_many(1, 3)):
        assert place.night_here(SECOND).returncode == 0
        assert (place.contacted(SECOND), place.held_out()) == (states, held)
        assert (place.outputs(), _written_at(place, SECOND)) == (before, written)

    later = (NEXT, date(2026, 11, 24))[: few_or_many(1, 2)]
    for night in later:
        place.fill(night)
        assert place.night_here(night, "--until", "reminders").returncode == 0
        several = place.rows(
            night,
            "out_reminders",
            "select customer_key from {} group by all having count(distinct step) > 1",
        )
        assert place.contacted(night) and several == []
    caught_up = place.rows(
        NEXT, "fct_decisions", "select count(*) from {} where superseded_steps is not null"
    )
    assert caught_up[0][0] > 0
    taken = [
        (episode, step)
        for night in (FIRST, SECOND, *later)
        for episode, step in place.engaged(night)
    ]
    assert len(taken) == len(set(taken)), "no step of a debt twice"
    assert not {
        (episode, step) for episode, step in place.held_out() if (episode, step) in taken
    }, "a payer who is left out gets no message"


def _written_at(place: Installation, business_date: date) -> dict[Path, int]:
    """The letters of a date, and when each file was written."""
    letters = place.settings.folder("outbox", business_date).glob("*.eml")
    return {path: path.stat().st_mtime_ns for path in letters}
