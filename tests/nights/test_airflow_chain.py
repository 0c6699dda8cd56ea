"""Whole nights under the real scheduler, API server and DAG processor.

Two dates, a rerun, a cleared delivery, a night whose gate fails, and a run that is late. Everything
is logged at DEBUG, and in the end every file and every table is searched for people's data and
secrets.
"""

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
import yaml

from cobranca.demo.agent_answers import return_workbooks
from cobranca.events.sendgrid_events import SIGNATURE, TIMESTAMP
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import consents, contact_history, contacts, runs
from cobranca.local.airflow import LocalAirflow, processes_of
from cobranca.local.airflow_api import FIRST_DAGS, NIGHT_DAGS, NightFailed, TaskEvent
from cobranca.local.summary import messages_sent, summarise
from cobranca.local.workspace import DemoCompany, demo_company
from cobranca.reminders.plan.volume_guard import APPROVED
from cobranca.reminders.render.unsubscribe import Tokens
from cobranca.settings import PROJECT_ROOT
from events.reports import Provider, sg_event
from events.test_web import SECRET, ask
from nights import canaries, late
from servers import PostgresUnavailable, unavailable

FIRST, SECOND, BAD = date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 23)
PAYERS = 150
API_KEY = "SG.canary-of-the-nights-51c8"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


class Nights:
    """What the nights of one installation left behind, gathered while its Airflow runs."""

    def __init__(self, company: DemoCompany, airflow: LocalAirflow) -> None:
        self.company, self.airflow, self.api = company, airflow, airflow.api
        self.settings = company.settings
        self.events: dict[str, list[TaskEvent]] = {}

    def run(self, name: str, business_date: date) -> None:
        events = self.events[name] = []

        def look(event: TaskEvent) -> None:
            events.append(event)
            if event.state == "awaiting_input":
                self.sent_before_approval = self.outbox(business_date)
                self.approve(event)

        self.api.run_night(business_date, progress=look, timeout=600)

    def approve(self, event: TaskEvent) -> None:
        """What a person does under Required Actions, after Airflow has noticed that the task waits.

        An answer in the very second of the question finds the task's first process still ending,
        and Airflow then takes that end for the failure of the task that the answer has just queued
        again.
        """
        noticed = (
            "Received executor event with state success for task instance "
            f"TaskInstanceKey(dag_id='{event.dag}', task_id="
        )
        log = self.airflow.logs / "scheduler.log"
        assert late.wait_for(lambda: f"{noticed}'{event.task}'" in log.read_text(errors="replace"))
        (run,) = self.api.call("GET", f"/api/v2/dags/{event.dag}/dagRuns")["dag_runs"]
        task = (
            f"/api/v2/dags/{event.dag}/dagRuns/{run['dag_run_id']}"
            f"/taskInstances/{event.task}/-1/hitlDetails"
        )
        self.question = self.api.call("GET", task)
        self.api.call("PATCH", task, {"chosen_options": ["Approve"]})

    def clear(self, dag: str, task: str) -> None:
        """Clear a task that had succeeded, as an operator does, and wait for its success."""
        (run, *_) = self.api.call("GET", f"/api/v2/dags/{dag}/dagRuns?order_by=id")["dag_runs"]
        body = {
            "dry_run": False,
            "dag_run_id": run["dag_run_id"],
            "task_ids": [task],
            "only_failed": False,
        }
        (cleared,) = self.api.call("POST", f"/api/v2/dags/{dag}/clearTaskInstances", body)[
            "task_instances"
        ]
        path = f"/api/v2/dags/{dag}/dagRuns/{run['dag_run_id']}/taskInstances/{task}"

        def has_run_again() -> bool:
            now = self.api.call("GET", path)
            return now["state"] == "success" and now["try_number"] > cleared["try_number"]

        self.cleared = late.wait_for(has_run_again)

    def fill(self, business_date: date) -> None:
        self.api.run("generate_demo_sources", business_date, conf={"payers": PAYERS}, timeout=300)

    def outbox(self, business_date: date) -> dict[str, int]:
        """Letters with the moment each was written."""
        return {
            path.name: path.stat().st_mtime_ns
            for path in self.settings.folder("outbox", business_date).glob("*.eml")
        }

    def done(self, name: str) -> list[str]:
        return [event.dag for event in self.events[name] if event.state == "success"]


@pytest.fixture(scope="module")
def nights(tmp_path_factory) -> Nights:
    """Everything is run once, in order; each test looks at one side of it."""
    home = tmp_path_factory.mktemp("nights")
    try:
        with demo_company(home) as company:
            provider = Provider()
            environment = {
                "COBRANCA_CONFIG": str(_cautious_config(home / "config")),
                # other tests want the processor as well
                "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.6",
                "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            }
            with company.airflow(environment, dags=_dags(home / "dags")) as airflow:
                seen = Nights(company, airflow)
                # As in production: kept by Airflow, encrypted, and asked of it by tasks and by the
                # plugin.
                for name, password in (
                    ("sendgrid_events", provider.public),
                    ("unsubscribe", SECRET),
                    ("sendgrid", API_KEY),
                ):
                    body = {"connection_id": name, "conn_type": "generic", "password": password}
                    seen.api.call("POST", "/api/v2/connections", body)
                seen.fill(FIRST)
                seen.run("first", FIRST)
                seen.first = seen.outbox(FIRST)
                seen.first_summary = summarise(seen.settings, FIRST, 0)
                seen.run("rerun", FIRST)
                seen.after_rerun = seen.outbox(FIRST)
                seen.rerun_summary = summarise(seen.settings, FIRST, len(seen.first))
                seen.clear("send_reminders", "deliver")
                seen.after_clearing = seen.outbox(FIRST)
                seen.answers, seen.reported = _report(seen, provider)
                seen.returned = return_workbooks(seen.settings, SECOND)
                seen.fill(SECOND)
                seen.run("second", SECOND)
                seen.second_summary = summarise(seen.settings, SECOND, 0)
                _empty_the_source(company)
                with pytest.raises(NightFailed) as failure:
                    seen.run("bad", BAD)
                seen.failure = str(failure.value)
                seen.late = late.watch(airflow, seen.settings.data, company.urls["airflow"])
                seen.canaries = _canaries(company)
                seen.in_tables = [
                    f"{name}: {where}"
                    for name in ("airflow", "ledger")
                    for where in canaries.in_database(company.urls[name], seen.canaries)
                ]
            seen.in_files = canaries.in_files(home, seen.canaries)
            seen.left_by_airflow = processes_of(airflow.home) + late.working_in(airflow.home)
            seen.history, seen.approved = _history(seen), _approved(seen)
            seen.sent = {day: messages_sent(seen.settings, day) for day in (FIRST, SECOND, BAD)}
    except PostgresUnavailable as error:
        unavailable(str(error))
    seen.left_by_postgres = _servers(home)
    return seen


def _dags(folder: Path) -> Path:
    """The project's own DAGs, and two that are only there to be late and in time."""
    shutil.copytree(PROJECT_ROOT / "dags", folder, ignore=shutil.ignore_patterns("__pycache__"))
    late.write_dags(folder)
    return folder


def _canaries(company: DemoCompany) -> canaries.Canaries:
    people = canaries.people_of(company.settings.data / "landing")
    assert len(people) > PAYERS
    password = sa.make_url(company.urls["erp"]).password
    return canaries.Canaries(
        people,
        {"the API key": API_KEY, "the secret of the links": SECRET, "the password": password},
    )


def _cautious_config(folder: Path) -> Path:
    """The default configuration, with approval from the third message on and unsubscribe links."""
    shutil.copytree(PROJECT_ROOT / "include" / "config", folder)
    limits = yaml.safe_load((folder / "limits.yml").read_text(encoding="utf-8"))
    limits["volume"]["maximum_messages"] = 2
    (folder / "limits.yml").write_text(yaml.safe_dump(limits, allow_unicode=True), encoding="utf-8")
    creditor = (folder / "creditor.yml").read_text(encoding="utf-8")
    creditor = creditor.replace(
        "unsubscribe_url: null", "unsubscribe_url: https://www.example.com.br/cobranca/unsubscribe"
    )
    (folder / "creditor.yml").write_text(creditor, encoding="utf-8")
    return folder


def _report(nights: Nights, provider: Provider) -> tuple[dict[str, int], str]:
    """The answers to a provider, a forger and a payer with a link, and the contact's state after.

    None of them logs in.
    """
    engine = open_ledger(nights.settings.ledger)
    with engine.connect() as ledger:
        row = ledger.execute(sa.select(contacts).where(contacts.c.state == "sent").limit(1)).one()
    body = json.dumps([sg_event("delivered", key=row.message_key)]).encode()

    def post(signer: Provider) -> int:
        signature, timestamp = signer.sign(body, datetime.now(UTC))
        return ask(
            f"{nights.api.url}/cobranca/events/sendgrid",
            body,
            {SIGNATURE: signature, TIMESTAMP: timestamp},
        )[0]

    link = f"{nights.api.url}/cobranca/unsubscribe?t="
    answers = {
        "forged": post(Provider()),
        "signed": post(provider),
        "invented link": ask(f"{link}invented")[0],
        "link": ask(
            link + Tokens(SECRET).token_for(row.customer_key), b"List-Unsubscribe=One-Click"
        )[0],
    }
    with engine.connect() as ledger:
        state = ledger.scalar(
            sa.select(contacts.c.state).where(contacts.c.message_key == row.message_key)
        )
        wish = ledger.execute(sa.select(consents.c.customer_key, consents.c.is_opted_in)).all()
    engine.dispose()
    assert wish == [(row.customer_key, False)]
    return answers, state


def _empty_the_source(company: DemoCompany) -> None:
    """What a broken job at the other side does: every settlement is gone in the morning."""
    from cobranca.connections import parse

    engine = sa.create_engine(parse("erp", company.urls["erp"]).url())
    with engine.begin() as erp:
        for table in sa.inspect(erp).get_table_names():
            erp.execute(sa.text(f'truncate table "{table}" cascade'))
    engine.dispose()


def _history(nights: Nights) -> list[tuple]:
    engine = open_ledger(nights.settings.ledger)
    with engine.connect() as ledger:
        sent = sa.select(contact_history.c.message_key, sa.func.count()).where(
            contact_history.c.to_state == "sent"
        )
        rows = ledger.execute(sent.group_by(contact_history.c.message_key)).all()
        double = sa.select(contacts.c.business_date, contacts.c.customer_key).group_by(
            contacts.c.business_date, contacts.c.customer_key
        )
        assert ledger.execute(double.having(sa.func.count() > 1)).all() == []
    engine.dispose()
    return rows


def _approved(nights: Nights) -> list[tuple]:
    engine = open_ledger(nights.settings.ledger)
    with engine.connect() as ledger:
        query = (
            sa.select(runs.c.business_date, runs.c.counts)
            .where(runs.c.stage == APPROVED)
            .order_by(runs.c.business_date)
        )
        found = [(row.business_date, row.counts["by"]) for row in ledger.execute(query)]
    engine.dispose()
    return found


def _servers(home: Path) -> list[psutil.Process]:
    return [
        p
        for p in psutil.process_iter(["cmdline"])
        if str(home) in " ".join(p.info["cmdline"] or [])
    ]


def test_a_night_goes_from_the_sources_to_people_and_finance(nights):
    assert set(nights.done("first")) == set(NIGHT_DAGS)
    assert len(nights.first) > 0
    lines, ties = nights.first_summary
    assert ties, "\n".join(lines)
    for kind, name in (
        ("reports", "financeiro.html"),
        ("quality", "index.html"),
        ("queues", "manifest.json"),
    ):
        assert (nights.settings.folder(kind, FIRST) / name).exists()


def test_an_unusual_number_of_messages_waits_for_a_person(nights):
    states = [
        event.state
        for event in nights.events["first"]
        if event.task == "approve_volume" and event.state != "running"
    ]
    assert states == ["awaiting_input", "success"]
    assert nights.sent_before_approval == {}
    assert f"Há {len(nights.first)} mensagens planejadas para 18/11/2026" in nights.question["body"]
    assert "skipped" in [
        event.state for event in nights.events["rerun"] if event.task == "approve_volume"
    ], "nothing left to ask for"


def test_a_rerun_sends_nothing_twice(nights):
    assert set(nights.done("rerun")) == set(NIGHT_DAGS), "the whole chain ran again"
    assert nights.after_rerun == nights.first, "no letter was added or written again"
    lines, ties = nights.rerun_summary
    assert ties
    assert any("0 new messages" in line for line in lines)


def test_a_cleared_delivery_sends_nothing_again(nights):
    assert nights.cleared
    assert nights.after_clearing == nights.first


def test_the_word_of_a_person_is_kept_in_the_ledger(nights):
    assert nights.approved == [(FIRST, "admin")]


def test_no_log_no_table_and_no_other_file_holds_peoples_data_or_secrets(nights):
    logs = list((nights.company.home / "airflow" / "logs").rglob("*.log"))
    assert any(
        "[debug " in path.read_text(errors="replace")
        for path in logs
        if path.name == "scheduler.log"
    )
    assert any(
        '"level":"debug"' in path.read_text(errors="replace")
        for path in logs
        if "task_id=deliver" in str(path)
    )
    assert nights.in_tables == []
    assert nights.in_files == []
    # Had nothing been found anywhere, the search itself would be broken.
    assert nights.canaries.carried >= {
        "data/landing/*.parquet",
        "data/outbound/*.parquet",
        "data/queues/*",
        "data/outbox/*",
    }
    assert nights.canaries.searched > 1_000_000


def test_every_message_was_sent_once(nights):
    assert nights.history
    assert {times for _, times in nights.history} == {1}


def test_the_second_night_knows_what_the_first_one_did(nights):
    assert nights.returned
    lines, ties = nights.second_summary
    assert ties, "\n".join(lines)
    assert any("known from earlier nights" in line for line in lines)


def test_the_outside_world_is_heard_through_airflow_only_with_proof(nights):
    assert nights.answers == {"forged": 403, "signed": 204, "invented link": 404, "link": 200}
    assert nights.reported == "delivered"


def test_a_failed_gate_starts_no_other_dag(nights):
    assert "land_receivables.accept" in nights.failure
    assert nights.sent[BAD] == 0
    assert not nights.settings.folder("outbound", BAD).exists()
    assert set(nights.done("bad")) <= set(FIRST_DAGS)
    assert (nights.settings.folder("quality", BAD) / "index.html").exists(), "the page says why"


def test_a_failed_gate_is_not_tried_again(nights):
    assert [
        event.state
        for event in nights.events["bad"]
        if event.task == "accept" and event.state != "running"
    ] == ["failed"]


def test_a_late_run_is_recorded_and_one_in_time_is_not(nights):
    (record,) = nights.late.records
    assert (record["dag"], record["run"], record["task"], record["error"]) == (
        "slow",
        nights.late.run,
        None,
        "Late",
    )
    assert record["business_date"] == late.NIGHT.isoformat()
    assert record["message"].startswith("late: queued at ")
    assert nights.late.notices == ["success"], "the notice itself went well"
    assert nights.late.awaited == [], "nothing is awaited of a run that ended in time"
    assert f"slow for {late.NIGHT} is late" in nights.late.log


def test_nothing_runs_on(nights):
    """Nor does the late run, which would have gone on for minutes."""
    assert nights.left_by_airflow == []
    assert nights.left_by_postgres == []
