"""Nobody twice, nobody forgotten: nights against a provider that misbehaves and workers that die."""

import json
import os
import random
import signal
import sqlite3
import time
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import sqlalchemy as sa

from cobranca.ledger import open_ledger
from cobranca.ledger.contacts import ContactLedger
from cobranca.ledger.tables import contacts
from cobranca.settings import Settings
from faults import worker
from faults.checker import Report, check
from faults.provider import StandInProvider
from faults.worker import POINTS
from reminders.plans import TONIGHT, item, message, publish_plan

# Workers are forked from a process that has everything imported and no threads.
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["faults.worker", "duckdb", "sendgrid", "alembic.command", "cobranca.landing", "cobranca.sources.clean"]
)
# Seeds of the random nights; raise it for a long run.
SEEDS = int(os.environ.get("COBRANCA_FAULT_SEEDS", "3"))
CANARY_KEY = "SG.canary-api-key-7f3a"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'ledger.db'}"
    server = request.getfixturevalue("postgres_server")
    return server.create_database(f"ledger_{abs(hash(str(tmp_path))) % 10**12}")


class Night:
    """A plan of messages from a real billing database, and workers that deliver it."""

    def __init__(self, settings: Settings, ledger_url: str, folder: Path, messages: int = 24):
        self.settings = Settings(settings.config, settings.data, settings.warehouse, ledger_url, "sendgrid")
        self.folder = folder
        self.source = folder / "billing.db"
        with sqlite3.connect(self.source) as billing:
            billing.execute(
                "create table invoice_payment (id text, invoice_id text, received_on text, amount_cents integer, type text, "
                "method text, updated_at text)"
            )
        plan = [message(n, [item(f"B{n:05d}", source="billing")]) for n in range(messages)]
        publish_plan(self.settings, plan)
        self.keys = [rows[0]["message_key"] for rows in plan]
        self.workers = 0

    def pay(self, number: int, cents: int = 100_000) -> None:
        with sqlite3.connect(self.source) as billing:
            billing.execute(
                "insert into invoice_payment values (?, ?, '20261118', ?, 'payment', 'pix', '2026-11-18 09:00:00')",
                (f"P{number}", f"B{number:05d}", cents),
            )

    def start(self, provider_url: str, **wish) -> BaseProcess:
        self.workers += 1
        wish = {
            "config": str(self.settings.config),
            "data": str(self.settings.data),
            "ledger": self.settings.ledger,
            "night": TONIGHT.isoformat(),
            "log": str(self.log),
            "result": str(self.result),
            "environment": {
                "AIRFLOW_CONN_BILLING": f"sqlite:///{self.source}",
                "AIRFLOW_CONN_SENDGRID": json.dumps({"conn_type": "http", "host": provider_url, "password": CANARY_KEY}),
            },
            **wish,
        }
        process = PROCESSES.Process(target=worker.run, args=(wish,))
        process.start()
        return process

    @property
    def log(self) -> Path:
        """What the newest worker wrote to its error output."""
        return self.folder / f"worker{self.workers}.log"

    @property
    def result(self) -> Path:
        return self.folder / f"worker{self.workers}.json"

    def run(self, provider_url: str, **wish) -> tuple[int, dict]:
        process = self.start(provider_url, **wish)
        process.join(timeout=120)
        return process.exitcode, json.loads(self.result.read_text()) if process.exitcode == 0 else {}

    def states(self) -> dict[str, str]:
        engine = open_ledger(self.settings.ledger)
        with engine.connect() as connection:
            found = dict(connection.execute(sa.select(contacts.c.message_key, contacts.c.state)).all())
        engine.dispose()
        return found

    def check(self, provider: StandInProvider) -> Report:
        report = check(self.settings.ledger, TONIGHT, self.keys, provider.accepted_keys())
        assert not any(report.faults.values()), (report.faults, report.states)
        assert sum(report.states.values()) == len(self.keys), report.states
        return report


@pytest.fixture
def night(settings, ledger_url, tmp_path) -> Night:
    """On either ledger: for what depends on the database's locks."""
    return Night(settings, ledger_url, tmp_path)


@pytest.fixture
def sqlite_night(settings, tmp_path) -> Night:
    return Night(settings, settings.ledger, tmp_path)


def test_a_rerun_sends_nothing_twice(night, tmp_path):
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        assert night.run(provider.url)[1]["sent"] == len(night.keys)
        _, again = night.run(provider.url)
        assert (again["new"], again["already"], again["sent"]) == (0, len(night.keys), len(night.keys))
        assert night.check(provider).states == {"sent": len(night.keys)}


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_at_any_point_is_followed_by_one_that_repeats_nothing(night, tmp_path, point):
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        code, _ = night.run(provider.url, die_at=point, die_on=2)
        assert code == -signal.SIGKILL
        code, counts = night.run(provider.url)
        assert code == 0
        report = night.check(provider)
        # At most one message a thread was in doubt; nobody else is forgotten.
        assert report.states["sent"] + report.states["unknown"] == len(night.keys)
        assert report.states["unknown"] <= 4
        if point == "after the claim":
            assert report.states["unknown"] == 0
        assert counts["held"] == counts["in_progress"] == 0


def test_two_workers_at_a_time_share_the_messages(night, tmp_path):
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        first, first_result = night.start(provider.url, claim_size=5), night.result
        _, second = night.run(provider.url, claim_size=5)
        first.join(120)
        assert json.loads(first_result.read_text())["new"] + second["new"] == len(night.keys)
        assert night.check(provider).states == {"sent": len(night.keys)}


def test_a_stopped_worker_that_wakes_up_late_sends_nothing_again(sqlite_night, tmp_path):
    night = sqlite_night
    with StandInProvider(tmp_path / "mails.jsonl", lambda number, key: "accept_then_late" if number < 4 else "ok") as provider:
        sleeper = night.start(provider.url, timeout=5)
        _wait_until(lambda: len(provider.accepted_keys()) >= 4)
        os.kill(sleeper.pid, signal.SIGSTOP)
        time.sleep(1.5)
        code, _ = night.run(provider.url)
        assert code == 0
        os.kill(sleeper.pid, signal.SIGCONT)
        sleeper.join(60)
        report = night.check(provider)
        assert report.states["sent"] + report.states["unknown"] == len(night.keys)


def test_a_payment_that_arrives_meanwhile_stops_its_message(sqlite_night, tmp_path):
    night = sqlite_night
    paid = list(range(14, 24))
    by_key = dict(zip(night.keys, range(len(night.keys)), strict=True))

    def script(number: int, key: str) -> str:
        if number == 0:
            for customer in paid:
                night.pay(customer)
        return "ok"

    with StandInProvider(tmp_path / "mails.jsonl", script) as provider:
        night.run(provider.url, claim_size=4)
        report = night.check(provider)
        # The first claim had been looked at before the payments came.
        looked_at_before = {by_key[key] for key in sorted(night.keys)[:4]}
        mailed = {by_key[key] for key in provider.accepted_keys()}
        assert mailed & set(paid) <= looked_at_before
        assert report.states["cancelled_paid"] == len(set(paid) - looked_at_before)


def test_a_payment_in_part_also_stops_the_message_because_its_amounts_are_wrong(sqlite_night, tmp_path):
    night = sqlite_night
    night.pay(7, cents=1)
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        _, counts = night.run(provider.url)
        assert (counts["cancelled_paid"], counts["sent"]) == (1, len(night.keys) - 1)
        assert night.keys[7] not in provider.accepted_keys()


def test_a_silent_source_holds_the_messages_until_it_speaks_again(sqlite_night, tmp_path):
    night = sqlite_night
    hidden = night.source.with_suffix(".away")
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        night.source.rename(hidden)
        _, counts = night.run(provider.url)
        assert (counts["held"], counts["sent"]) == (len(night.keys), 0)
        hidden.rename(night.source)
        _, counts = night.run(provider.url)
        assert (counts["held"], counts["sent"]) == (0, len(night.keys))
        night.check(provider)


MEANINGS = {
    "ok": "sent",
    "429": "sent",
    "400": "rejected",
    "413": "rejected",
    "drop": "unknown",
    "accept_then_drop": "unknown",
    "accept_then_late": "unknown",
    "late": "unknown",
    "500": "unknown",
    "accept_then_500": "unknown",
    "accept_then_cut": "unknown",
    "302": "unknown",
    "200": "unknown",
}


def test_each_answer_of_the_provider_has_one_meaning(settings, tmp_path):
    night = Night(settings, settings.ledger, tmp_path, messages=len(MEANINGS))
    behaviour = dict(zip(night.keys, MEANINGS, strict=True))
    asked = []

    def script(number: int, key: str) -> str:
        asked.append(key)
        return "ok" if behaviour[key] == "429" and asked.count(key) > 1 else behaviour[key]

    with StandInProvider(tmp_path / "mails.jsonl", script) as provider:
        for _ in range(2):
            assert night.run(provider.url)[0] == 0
        night.check(provider)
        assert night.states() == {key: MEANINGS[name] for key, name in behaviour.items()}
        accepted = {key for key, name in behaviour.items() if name in ("ok", "429") or name.startswith("accept")}
        assert set(provider.accepted_keys()) == accepted
        assert len(asked) == len(MEANINGS) + 1, "only the 429 may be asked again"
        assert set(provider.paths) == {"/v3/mail/send"}, "a redirect was followed"


def test_refused_credentials_stop_everything_and_lose_nothing(sqlite_night, tmp_path):
    night = sqlite_night
    with StandInProvider(tmp_path / "mails.jsonl", lambda number, key: "ok" if number < 5 else "401") as provider:
        code, _ = night.run(provider.url)
        assert code != 0
        refused = night.log.read_text()
        assert provider.behaved["401"] <= 4, "the breaker let more than one message a thread through"
        report = night.check(provider)
        assert report.states == {"sent": 5, "planned": len(night.keys) - 5}
        provider.script = lambda number, key: "ok"
        assert night.run(provider.url)[0] == 0
        assert night.check(provider).states == {"sent": len(night.keys)}
        assert "DeliveryHalted" in refused


def test_refused_connections_hold_the_messages_and_never_lose_them(sqlite_night, tmp_path):
    night = sqlite_night
    with StandInProvider(tmp_path / "mails.jsonl") as gone:
        pass
    _, counts = night.run(gone.url, patience=1)
    assert (counts["held"], counts["unknown"], counts["sent"]) == (len(night.keys), 0, 0)
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        night.run(provider.url)
        assert night.check(provider).states == {"sent": len(night.keys)}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_faults_and_kills(night, tmp_path, seed):
    rng = random.Random(seed)
    behaviours = ["ok"] * 20 + ["429", "400", "413", "drop", "accept_then_drop", "late", "accept_then_late", "500"]
    behaviours += ["accept_then_500", "accept_then_cut", "302", "200"]
    script = [rng.choice(behaviours) for _ in range(1000)]
    kills = 0
    with StandInProvider(tmp_path / "mails.jsonl", lambda number, key: script[number]) as provider:
        for _ in range(rng.randint(1, 2)):
            night.pay(rng.randrange(len(night.keys)), cents=rng.randint(1, 100_000))
            code, _ = night.run(provider.url, die_at=rng.choice(POINTS), die_on=rng.randint(1, 8))
            kills += code == -signal.SIGKILL
        code, counts = night.run(provider.url)
        assert code == 0, night.log.read_text()
        report = night.check(provider)
        assert report.states["unknown"] <= provider.ambiguous + 4 * kills
        assert set(report.states) <= {"sent", "unknown", "rejected", "cancelled_paid"}
        print(f"seed {seed}: {kills} kills, {dict(provider.behaved)} → {dict(report.states)}, {report.faults}")


def test_no_log_holds_a_key_an_address_or_a_name(settings, tmp_path):
    night = Night(settings, settings.ledger, tmp_path, messages=5)
    behaviours = iter(["ok", "400", "500", "accept_then_drop", "ok"] + ["401"] * 5)
    with StandInProvider(tmp_path / "mails.jsonl", lambda number, key: next(behaviours)) as provider:
        night.run(provider.url, debug=True)
        log = night.log.read_text()
        assert "DEBUG" in log
        for canary in (CANARY_KEY, "@example.com", "Maria", "23793"):
            assert canary not in log
    ledger = (settings.data / "ledger.db").read_bytes()
    assert b"@example.com" not in ledger and b"Maria" not in ledger


def test_the_paused_switch_stops_all_sending(sqlite_night, tmp_path):
    night = sqlite_night
    engine = open_ledger(night.settings.ledger)
    ContactLedger(engine).pause(True, "gerente", "revisão da régua")
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        _, counts = night.run(provider.url)
        assert (counts["held"], provider.accepted_keys()) == (len(night.keys), [])
        ContactLedger(engine).pause(False, "gerente", "revisada")
        _, counts = night.run(provider.url)
        assert counts["sent"] == len(night.keys)
    engine.dispose()


def _wait_until(condition, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
