"""Whole nights by the command: one, again, the next, a holiday; and every bad input, which must change nothing."""

import contextlib
import dataclasses
import hashlib
import html
import io
import logging
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from cobranca import warehouse
from cobranca.cli import main
from cobranca.connections import Connection
from cobranca.demo.agents import return_workbooks
from cobranca.demo.company import fill
from cobranca.errors import DeliveryHalted
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import agreements, contacts, holdouts
from cobranca.manifest import read_manifest
from cobranca.night import STAGES
from cobranca.reminders import deliver
from cobranca.reminders.channels.sendgrid_mail import SendGrid
from cobranca.settings import PROJECT_ROOT, Settings
from cobranca.warehouse.dbt import run_dbt
from cobranca.warehouse.engines import open_warehouse
from faults.provider import StandInProvider
from reminders.plans import noon
from warehouse.parity import differences

FIRST, SECOND, HOLIDAY, NEXT = date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 23)
PAYERS = 120
REFUSED = 3
SECRET = "s3cr3t-pa55word"
pytestmark = pytest.mark.timeout(900)


class Installation:
    """One company on two SQLite databases, its settings, and the command run on them as a person would."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config, self.data = folder / "config", folder / "data"
        self.erp, self.billing = folder / "erp.db", folder / "billing.db"
        self.environment = {
            "COBRANCA_CONFIG": str(self.config),
            "COBRANCA_DATA": str(self.data),
            "AIRFLOW_CONN_ERP": f"sqlite:///{self.erp}",
            "AIRFLOW_CONN_BILLING": f"sqlite:///{self.billing}",
        }
        self.settings = Settings.from_environment(self.environment)

    def fill(self, business_date: date) -> None:
        fill(f"sqlite:///{self.erp}", f"sqlite:///{self.billing}", business_date, payers=PAYERS)

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COBRANCA_", "AIRFLOW_"))}
        return subprocess.run(
            [sys.executable, "-c", "from cobranca.cli import main; main()", *arguments],
            env=kept | self.environment | environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=600,
        )

    def here(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """The same command in this process, which has loaded already what a night needs; its log is told as by a real one."""
        told, complained = io.StringIO(), io.StringIO()
        log = logging.StreamHandler(complained)
        log.setLevel(logging.WARNING)
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(("COBRANCA_", "AIRFLOW_"))]:
                patch.delenv(name)
            for name, value in (self.environment | environment).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["cobranca", *arguments])
            patch.chdir(self.folder)
            logging.getLogger().addHandler(log)
            try:
                with contextlib.redirect_stdout(told), contextlib.redirect_stderr(complained):
                    main()
                code = 0
            except SystemExit as end:
                code = end.code
            finally:
                logging.getLogger().removeHandler(log)
        return subprocess.CompletedProcess(arguments, code, told.getvalue(), complained.getvalue())

    def night_here(self, business_date: date, *options: str, **environment: str) -> subprocess.CompletedProcess:
        return self.here("night", "--business-date", business_date.isoformat(), *options, **environment)

    def night(self, business_date: date, *options: str, **environment: str) -> subprocess.CompletedProcess:
        return self.command("night", "--business-date", business_date.isoformat(), *options, **environment)

    def outputs(self) -> dict[str, str]:
        """Every file that people or later nights read, by its digest."""
        return {
            path.relative_to(self.data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for kind in ("outbound", "queues", "reports", "outbox")
            for path in sorted((self.data / kind).rglob("*"))
            if path.is_file() and ".candidate" not in path.parts
        }

    def rows(self, business_date: date, table: str, query: str = "select count(*) from {}") -> list[tuple]:
        batch = read_manifest(self.settings.folder("outbound", business_date))
        return duckdb.sql(query.format(f"read_parquet('{batch.path(table + '.parquet')}')")).fetchall()

    def contacted(self, business_date: date) -> dict[str, str]:
        """Message keys of a date with their states, from the ledger."""
        engine = open_ledger(self.settings.ledger)
        try:
            with engine.connect() as connection:
                query = sa.select(contacts.c.message_key, contacts.c.state).where(contacts.c.business_date == business_date)
                return dict(connection.execute(query).all())
        finally:
            engine.dispose()

    def engaged(self, business_date: date) -> list[tuple]:
        """Debts and steps about which something left on a date."""
        query = sa.select(contacts.c.episode_key, contacts.c.step).where(
            contacts.c.business_date == business_date, contacts.c.state == "sent"
        )
        return self._ledger(query)

    def asked_of_refused(self) -> list[tuple]:
        """Source and id of what the messages asked for that the provider refused on the first night."""
        asked, refused = self.rows(FIRST, "out_reminders", "select message_key, source, receivable_id from {}"), self.refused()
        return [(source, key) for message, source, key in asked if message in refused]

    def refused(self) -> dict[str, str]:
        """Messages of the first night that the provider refused, and why."""
        query = sa.select(contacts.c.message_key, contacts.c.state_reason)
        return dict(self._ledger(query.where(contacts.c.business_date == FIRST, contacts.c.state == "rejected")))

    def held_out(self) -> list[tuple]:
        """Debts and steps left out on purpose, on whatever date."""
        return self._ledger(sa.select(holdouts.c.episode_key, holdouts.c.step).order_by(holdouts.c.episode_key))

    def _ledger(self, query) -> list[tuple]:
        engine = open_ledger(self.settings.ledger)
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(query)]
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def after_first_night(tmp_path_factory) -> Installation:
    """An installation after one good night; tests copy it before they change anything."""
    place = Installation(tmp_path_factory.mktemp("nights"))
    shutil.copytree(PROJECT_ROOT / "include" / "config", place.config)
    place.fill(FIRST)
    done = place.night(FIRST, "--until", "gate")
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AIRFLOW_CONN_ERP", "AIRFLOW_CONN_BILLING"):
            patch.setenv(name, place.environment[name])
        _refuse_some(place)
        for stage in ("reminders", "queues", "reports"):
            STAGES[stage](place.settings, FIRST)
    return place


def _refuse_some(place: Installation) -> None:
    """The provider refuses some messages for good, and then the credential, so that nothing else leaves."""
    answers = iter(["400", "413"] * REFUSED)
    with StandInProvider(place.folder / "mails.jsonl", lambda number, key: next(answers, "401")) as provider:
        connection = Connection("sendgrid", "http", host=provider.url, password="SG.key")
        with pytest.raises(DeliveryHalted):
            deliver(place.settings, FIRST, clock=noon(FIRST), channel=SendGrid(connection, threads=1))
        assert provider.accepted() == []
    assert len(place.refused()) == 2 * REFUSED


@pytest.fixture
def installation(after_first_night, tmp_path) -> Installation:
    shutil.copytree(after_first_night.folder, tmp_path / "copy")
    return Installation(tmp_path / "copy")


def test_a_first_night_contacts_and_writes_everything(after_first_night):
    place = after_first_night
    planned = {key for (key,) in place.rows(FIRST, "out_reminders", "select distinct message_key from {}")}
    refused = place.refused().keys()
    assert refused < planned
    assert place.contacted(FIRST) == dict.fromkeys(planned, "sent") | dict.fromkeys(refused, "rejected")
    letters = {path.stem for path in place.settings.folder("outbox", FIRST).glob("*.eml")}
    assert letters == planned - refused
    assert list((place.data / "queues" / FIRST.isoformat()).rglob("*.xlsx"))
    assert list((place.data / "reports" / FIRST.isoformat()).rglob("financeiro.html"))
    assert (place.settings.folder("quality", FIRST) / "index.html").exists()
    open_receivables = place.rows(
        FIRST, "fct_receivables", "select currency, count(*), sum(open_amount) from {} group by all order by all"
    )
    decisions = place.rows(
        FIRST, "fct_decisions", "select currency, count(*), sum(open_amount) from {} group by all order by all"
    )
    assert decisions == open_receivables


def test_reruns_missed_nights_and_a_holiday_contact_nobody_twice(installation):
    place = installation
    letters = {path: path.stat().st_mtime_ns for path in place.settings.folder("outbox", FIRST).glob("*.eml")}
    before = place.outputs()
    assert place.night_here(FIRST).returncode == 0
    assert place.outputs() == before
    assert {path: path.stat().st_mtime_ns for path in letters} == letters

    # the night of the 19th is missed; the 20th is a bank holiday
    return_workbooks(place.settings, HOLIDAY)
    place.fill(HOLIDAY)
    assert place.night_here(HOLIDAY).returncode == 0
    assert place.contacted(HOLIDAY) == {}
    assert place.rows(HOLIDAY, "out_call_queue") == [(0,)]
    assert place.rows(HOLIDAY, "fct_decisions", "select count(*) from {} where reason = 'no_contact_day'")[0][0] > 0
    assert list((place.data / "reports" / HOLIDAY.isoformat()).rglob("financeiro.xlsx"))

    place.fill(NEXT)
    _leave_unpaid(place, place.asked_of_refused())
    agreed = _take_the_tax_ids_away_of_who_agreed(place)
    assert place.night_here(NEXT).returncode == 0
    _agreements_still_count(place, agreed)
    steps = "select customer_key, episode_key, step from {}"
    first, following = set(place.rows(FIRST, "out_reminders", steps)), set(place.rows(NEXT, "out_reminders", steps))
    assert following and not first & following
    _refused_payers_are_called(place)
    assert place.rows(NEXT, "fct_contacts", "select count(*) from {} where outcome_code is not null")[0][0] > 0

    rebuilt = place.here("rebuild", "--business-date", FIRST.isoformat())
    assert rebuilt.returncode == 0 and "identical" in rebuilt.stdout

    # without a date, every night there is
    ((key,),) = place.rows(
        NEXT,
        "out_reminders",
        "select min(customer_key) from {} where customer_key in (select customer_key from "
        + f"read_parquet('{read_manifest(place.settings.folder('outbound', HOLIDAY)).path('fct_decisions.parquet')}'))",
    )
    told = place.here("why", "--customer", key)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "3 noites de 18/11/2026 a 23/11/2026" in told.stdout
    # folded with the first night where both say the same
    assert re.search(r"20/11/2026( \(2 noites\))?: sem contato", told.stdout) and "[enviado]" in told.stdout


def _take_the_tax_ids_away_of_who_agreed(place: Installation) -> list[tuple[str, str]]:
    """The accounts of whoever agreed with an agent; each has a key of its own from now on."""
    aliases = read_manifest(place.settings.folder("outbound", HOLIDAY)).path("dim_payer_aliases.parquet")
    keys = [key for (key,) in place._ledger(sa.select(agreements.c.customer_key))]
    query = "select source, customer_id from read_parquet(?) where customer_key in (select unnest(?)) and joined_by = 'tax_id'"
    accounts = duckdb.execute(query, [str(aliases), keys]).fetchall()
    tables = {"erp": (place.erp, "clientes", "cpf_cnpj", "cod_cliente"), "billing": (place.billing, "account", "document", "id")}
    for name, customer_id in accounts:
        path, table, tax_id, its_id = tables[name]
        with contextlib.closing(sqlite3.connect(path)) as source:
            assert source.execute(f"update {table} set {tax_id} = null where {its_id} = ?", [customer_id]).rowcount == 1
            source.commit()
    return accounts


def _agreements_still_count(place: Installation, accounts: list[tuple[str, str]]) -> None:
    aliases = place.rows(NEXT, "dim_payer_aliases", "select source, customer_id, customer_key, joined_by from {}")
    keys = {key for *account, key, joined_by in aliases if tuple(account) in accounts and joined_by == "customer_id"}
    agreed = {key for (key,) in place.rows(NEXT, "fct_agreements", "select customer_key from {}")} & keys
    assert agreed, "told under the key of tonight"
    decided = [
        row for row in place.rows(NEXT, "fct_decisions", "select customer_key, decision, reason from {}") if row[0] in agreed
    ]
    assert {decision for _, decision, _ in decided} == {"none"}, (
        "neither asked as if nothing were agreed nor from the first step on"
    )
    assert {"hold_agreement", "agreement_broken"} & {reason for _, _, reason in decided}


def _leave_unpaid(place: Installation, receivables: list[tuple[str, str]]) -> None:
    """As if nobody had settled these (source and id) since."""
    for path, table, column in ((place.erp, "baixas", "titulo_id"), (place.billing, "invoice_payment", "invoice_id")):
        ids = [int(key) for source, key in receivables if source == path.stem]
        with contextlib.closing(sqlite3.connect(path)) as source:
            source.execute(f"delete from {table} where {column} in ({', '.join('?' * len(ids))})", ids)
            source.commit()


def _refused_payers_are_called(place: Installation) -> None:
    """Whom the provider did not take a letter for, and who has not paid since, is not written to again but called, and why."""
    assert {re.search(r"HTTP (\d+)", reason)[1] for reason in place.refused().values()} == {"400", "413"}
    planned = place.rows(FIRST, "out_reminders", "select message_key, customer_key from {}")
    refused = {customer for message, customer in planned if message in place.refused()}
    written_to = {key for (key,) in place.rows(NEXT, "out_reminders", "select customer_key from {}")}
    due = {key for (key,) in place.rows(NEXT, "fct_decisions", "select customer_key from {} where reason = 'refused_email'")}
    queue = dict(place.rows(NEXT, "out_call_queue", "select customer_key, priority_reason from {}"))
    assert not refused & written_to
    assert due and due <= refused
    told = "último e-mail não pôde ser enviado: recusada pelo provedor (HTTP 4"
    assert [key for key in due if told not in queue.get(key, "")] == []
    books = [_shown(path) for path in (place.data / "queues" / NEXT.isoformat()).rglob("*.xlsx")]
    assert sum(text.count(told) for text in books) > 0, "who calls reads why"


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
    assert differences(read_manifest(settings.folder("outbound", FIRST)), warehouse.freeze(other, FIRST)) == {}


@pytest.mark.skipif("COBRANCA_SEEDS" not in os.environ, reason="seven whole nights; set COBRANCA_SEEDS")
def test_three_reruns_and_missed_nights_with_hold_outs_add_no_message(installation):
    """18 November four times; the 19th missed, the 20th a holiday and missed, the 23rd; then the 24th."""
    place = installation
    regua = place.config / "regua.yml"
    regua.write_text(regua.read_text(encoding="utf-8").replace("{offset: 1, channel", "{offset: 1, holdout_share: 40 %, channel"))
    place.fill(SECOND)
    assert place.night(SECOND).returncode == 0
    told, held = place.contacted(SECOND), place.held_out()
    assert told and held
    for _ in range(3):
        assert place.night(SECOND).returncode == 0
        assert (place.contacted(SECOND), place.held_out()) == (told, held)

    last = date(2026, 11, 24)
    for night in (NEXT, last):
        place.fill(night)
        assert place.night(night, "--until", "reminders").returncode == 0
        several = place.rows(night, "out_reminders", "select customer_key from {} group by all having count(distinct step) > 1")
        assert place.contacted(night) and several == []
    caught_up = place.rows(NEXT, "fct_decisions", "select count(*) from {} where superseded_steps is not null")
    assert caught_up[0][0] > 0
    taken = [(episode, step) for night in (FIRST, SECOND, NEXT, last) for episode, step in place.engaged(night)]
    assert len(taken) == len(set(taken)), "no step of a debt twice"
    assert not {(episode, step) for episode, step in place.held_out() if (episode, step) in taken}, "who is left out is not told"


def test_why_tells_the_decision_in_portuguese(after_first_night):
    place = after_first_night
    ((key, customer),) = place.rows(
        FIRST, "fct_decisions", "select receivable_key, customer_key from {} where reason = 'step_due' order by all limit 1"
    )
    told = place.command("why", "--customer", key, "--business-date", FIRST.isoformat())
    assert told.returncode == 0, told.stderr
    for part in (
        customer,
        "18/11/2026",
        "régua 2026-01",
        key,
        "Em aberto",
        "passo da régua previsto para hoje",
        "de 100",
        "Próximo",
    ):
        assert part in told.stdout
    ((account,),) = place.rows(
        FIRST, "dim_payer_aliases", f"select min(source || ':' || customer_id) from {{}} where customer_key = '{customer}'"
    )
    for name in (customer, account):
        assert place.here("why", "--customer", name, "--business-date", FIRST.isoformat()).stdout == told.stdout
    unknown = place.here("why", "--customer", "erp:none", "--business-date", FIRST.isoformat())
    assert unknown.returncode == 2 and "erp:none" in unknown.stderr and "Traceback" not in unknown.stderr


def test_why_tells_nobodys_address_phone_or_tax_id(after_first_night):
    """Every payer of the company, told in one process."""
    from cobranca.why import explain

    place = after_first_night
    keys = [key for (key,) in place.rows(FIRST, "dim_payer_ranking", "select customer_key from {} order by 1")]
    told = "\n".join(explain(place.settings, key, FIRST) for key in keys[:60])
    assert told.count("Decisão da noite") == 60
    assert "@" not in told and "None" not in told and "{" not in told
    secrets = place.rows(FIRST, "out_call_queue", "select phone from {} where phone is not null")
    assert secrets and not [phone for (phone,) in secrets if phone in told]
    # the opaque keys may hold long runs of digits
    words = re.sub(r"\bC[0-9a-f]{20}\b|lote [0-9a-f]{16}", "", told)
    assert not re.search(r"\d{3}\.\d{3}\.\d{3}-\d{2}|\d{11}|\+55", words)


def test_backtest_prints_what_the_night_counted(after_first_night):
    told = after_first_night.command("backtest", "--business-date", FIRST.isoformat())
    assert told.returncode == 0, told.stderr
    for part in ("18/11/2026", "Previsão do ranking", "atraso médio do cliente", "AUC", "Mais de 30 dias"):
        assert part in told.stdout
    assert after_first_night.here("backtest", "--business-date", "2026-11-17").returncode == 1


def _edit(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def _sql(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)


def unknown_column(place):
    _edit(place.config / "sources" / "billing.yml", "as customer_id", "as customer_nickname")


def missing_entity(place):
    source = place.config / "sources" / "billing.yml"
    text = source.read_text(encoding="utf-8")
    source.write_text(text[: text.index("  payments:")], encoding="utf-8")


def invalid_yaml(place):
    _edit(place.config / "sources" / "erp.yml", "entities:", "entities: [")


def lost_column(place):
    _sql(place.erp, "alter table titulos rename column vencimento to venc")


def regua_with_a_gap(place):
    regua = place.config / "regua.yml"
    kept = [line for line in regua.read_text(encoding="utf-8").splitlines() if not re.search(r"offset: (7|10|20|35|65)\b", line)]
    regua.write_text("\n".join(kept) + "\n", encoding="utf-8")


def wrong_policy(place):
    """Every kind of mistake in the manager's files at once; each is told with its own file and line."""
    _edit(place.config / "regua.yml", "template: first_notice", "template: first_notise")
    _edit(place.config / "limits.yml", 'promise_kept_share: "95 %"', 'promise_kept_share: "195 %"')
    for name, *rows in (
        ("negotiation.csv", "*;20;40;5 %;3"),
        ("holds.csv", "customer;erp;1;;maria;2026-11-01;"),
        ("agents.csv", "ana;Ana;senior;1;;0.1;1"),
        ("overrides.csv", *["customer;erp;1;none;;;combinado;maria;2026-11-01;"] * 2),
    ):
        with (place.config / name).open("a", encoding="utf-8") as file:
            file.writelines(f"{row}\n" for row in rows)


def half_empty(place):
    _sql(place.billing, "delete from invoice where id % 3 <> 0")


def empty(place):
    _sql(place.erp, "delete from titulos", "delete from baixas")


@pytest.mark.parametrize(
    ("damage", "code", "told"),
    [
        pytest.param(unknown_column, 1, ["billing", "customers", "customer_nickname"], id="unknown column"),
        pytest.param(missing_entity, 2, ["billing.yml", "payments"], id="missing entity"),
        pytest.param(invalid_yaml, 2, ["erp.yml"], id="invalid YAML"),
        pytest.param(lost_column, 1, ["erp", "receivables", "vencimento"], id="a table that lost a column"),
        pytest.param(regua_with_a_gap, 2, ["regua.yml:"], id="a régua with a gap"),
        pytest.param(
            wrong_policy,
            2,
            [
                "'first_notise' is unknown",
                "195 % is not between",
                "the band overlaps the one on line",
                "'reason' is empty",
                "agent 'ana' is already on line",
                "the override is in force at the same time",
            ],
            id="mistakes in every policy file",
        ),
        pytest.param(half_empty, 1, ["billing"], id="a half-empty extract"),
        pytest.param(empty, 1, ["erp"], id="an empty extract"),
    ],
)
def test_a_bad_night_says_why_and_leaves_the_last_outputs_whole(installation, damage, code, told):
    place = installation
    before = place.outputs()
    place.fill(SECOND)
    damage(place)
    done = place.night_here(SECOND)
    assert done.returncode == code, done.stdout + done.stderr
    for part in told:
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert place.outputs() == before
    assert place.contacted(SECOND) == {}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        pytest.param(f"postgresql://reader:{SECRET}@127.0.0.1:1/erp", "erp", id="unreachable"),
        pytest.param("oracle-of-delphi://x", "erp", id="unknown kind of database"),
        pytest.param("sqlite:////nowhere/at/all.db", "erp", id="no such file"),
    ],
)
def test_an_unreachable_source_names_the_connection_and_no_secret(installation, url, told):
    place = installation
    before = place.outputs()
    for done in (place.night(SECOND, AIRFLOW_CONN_ERP=url), place.here("check", AIRFLOW_CONN_ERP=url)):
        assert done.returncode in (1, 2)
        assert told in done.stderr + done.stdout
        assert SECRET not in done.stderr + done.stdout and "Traceback" not in done.stderr
    assert place.outputs() == before


def test_a_wrong_password_is_told_without_it(installation, postgres_server):
    place = installation
    right = sa.make_url(str(postgres_server.create_database("wrong_password")))
    wrong = right.set(drivername="postgresql", password=SECRET).render_as_string(hide_password=False)
    done = place.night(SECOND, AIRFLOW_CONN_ERP=wrong)
    assert done.returncode == 1
    assert "erp" in done.stderr and "password" in done.stderr.lower()
    assert SECRET not in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["18/11/2026", "2026-13-01", "yesterday", ""])
def test_a_date_that_does_not_parse_is_refused(installation, text):
    done = installation.here("night", "--business-date", text)
    assert done.returncode == 2
    assert "YYYY-MM-DD" in done.stderr and "Traceback" not in done.stderr


def test_check_shows_what_each_query_returns(after_first_night):
    done = after_first_night.command("check", "--business-date", FIRST.isoformat())
    assert done.returncode == 0, done.stdout + done.stderr
    for source in ("erp", "billing"):
        for entity in ("customers", "receivables", "payments"):
            assert re.search(rf"{source}\s+{entity}\s+\w+\s+\d+ of \d+\s+\d+\s+\d+\s", done.stdout)
