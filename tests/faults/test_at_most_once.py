"""At most once: no message is sent twice or lost, with a faulty provider and dying workers."""

import contextlib
import json
import os
import signal
import sqlite3
import threading
import time
from datetime import timedelta

import pytest

from cobranca.ledger import open_ledger
from faults.nights import CANARY_KEY, FRESH, SENDING_AT_MOST, THREADS, Night
from faults.provider import StandInProvider
from faults.random_nights import random_night
from faults.worker import POINTS
from ledger.clients import LedgerClients
from reminders.plans import TONIGHT
from servers import PostgresUnavailable, PrivatePostgres, unavailable


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'ledger.db'}"
    server = request.getfixturevalue("postgres_server")
    return server.create_database(f"ledger_{abs(hash(str(tmp_path))) % 10**12}")


@pytest.fixture
def night(settings, ledger_url, tmp_path) -> Night:
    """A night on each kind of ledger, for tests that depend on the database's locks."""
    return Night(settings, ledger_url, tmp_path)


@pytest.fixture
def sqlite_night(settings, tmp_path) -> Night:
    return Night(settings, settings.ledger, tmp_path)


def test_a_rerun_sends_nothing_twice(night, tmp_path):
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        assert night.run(provider.url)[1]["sent"] == len(night.keys)
        _, again = night.run(provider.url)
        assert (again["new"], again["already"], again["sent"]) == (
            0,
            len(night.keys),
            len(night.keys),
        )
        assert night.check(provider).states == {"sent": len(night.keys)}


@pytest.mark.parametrize("point", POINTS)
def test_after_a_worker_is_killed_at_any_point_the_next_sends_nothing_twice(night, tmp_path, point):
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        code, _ = night.run(
            provider.url, die_at=point, die_on=1 if point == "after the pre-send check" else 2
        )
        assert code == -signal.SIGKILL
        code, counts = night.run(provider.url)
        assert code == 0
        report = night.check(provider)
        # Only messages committed as sending may be unknown; no other is lost.
        assert report.states["sent"] + report.states["unknown"] == len(night.keys)
        assert report.states["unknown"] <= SENDING_AT_MOST
        if point in ("after the claim", "after the pre-send check"):
            assert report.states["unknown"] == 0
        assert counts["held"] == counts["in_progress"] == 0


def test_two_workers_at_a_time_share_the_messages(night, tmp_path):
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        first, first_result = night.start(provider.url, claim_size=5, lease=30), night.result
        _, second = night.run(provider.url, claim_size=5, lease=30)
        first.join(120)
        assert json.loads(first_result.read_text())["new"] + second["new"] == len(night.keys)
        assert night.check(provider).states == {"sent": len(night.keys)}


def test_a_suspended_worker_that_resumes_late_sends_nothing_twice(sqlite_night, tmp_path):
    night = sqlite_night

    def script(number: int, key: str) -> str:
        return "accept_then_late" if number < 4 else "ok"

    with StandInProvider(tmp_path / "mails.jsonl", script, late_seconds=3) as provider:
        suspended = night.start(provider.url, timeout=5)
        _wait_until(lambda: len(provider.accepted_keys()) >= 4)
        night.suspend(suspended)
        code, _ = night.run(provider.url)
        assert code == 0
        os.kill(suspended.pid, signal.SIGCONT)
        suspended.join(60)
        report = night.check(provider)
        assert report.states["sent"] + report.states["unknown"] == len(night.keys)


def test_a_payment_during_the_delivery_stops_its_message(sqlite_night, tmp_path):
    night = sqlite_night
    paid = list(range(14, 24))
    by_key = dict(zip(night.keys, range(len(night.keys)), strict=True))

    def script(number: int, key: str) -> str:
        if number == 0:
            for customer in paid:
                night.pay(customer)
        return "ok"

    with StandInProvider(tmp_path / "mails.jsonl", script) as provider:
        night.run(provider.url, claim_size=4, lease=30)
        report = night.check(provider)
        # The first claim was checked before the payments arrived.
        checked_before = {by_key[key] for key in sorted(night.keys)[:4]}
        mailed = {by_key[key] for key in provider.accepted_keys()}
        assert mailed & set(paid) <= checked_before
        assert report.states["cancelled_paid"] == len(set(paid) - checked_before)


def test_a_partial_payment_stops_the_message_because_its_amounts_are_wrong(sqlite_night, tmp_path):
    night = sqlite_night
    night.pay(7, cents=1)
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        _, counts = night.run(provider.url)
        assert (counts["cancelled_paid"], counts["sent"]) == (1, len(night.keys) - 1)
        assert night.keys[7] not in provider.accepted_keys()


def test_an_unavailable_source_holds_the_messages_until_it_answers(sqlite_night, tmp_path):
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

    with StandInProvider(tmp_path / "mails.jsonl", script, late_seconds=3) as provider:
        for _ in range(2):
            assert night.run(provider.url, timeout=2)[0] == 0
        night.check(provider)
        assert night.states() == {key: MEANINGS[name] for key, name in behaviour.items()}
        accepted = {
            key
            for key, name in behaviour.items()
            if name in ("ok", "429") or name.startswith("accept")
        }
        assert set(provider.accepted_keys()) == accepted
        assert len(asked) == len(MEANINGS) + 1, "only the 429 may be asked again"
        assert set(provider.paths) == {"/v3/mail/send"}, "a redirect was followed"


def test_refused_credentials_stop_all_sending_and_lose_nothing(sqlite_night, tmp_path):
    night = sqlite_night
    with StandInProvider(
        tmp_path / "mails.jsonl", lambda number, key: "ok" if number < 5 else "401"
    ) as provider:
        code, _ = night.run(provider.url, lease=30)
        assert code != 0
        refused = night.log.read_text()
        assert provider.behaved["401"] <= 4, (
            "the breaker let more than one message a thread through"
        )
        report = night.check(provider)
        assert report.states == {"sent": 5, "planned": len(night.keys) - 5}
        provider.script = lambda number, key: "ok"
        assert night.run(provider.url, lease=30)[0] == 0
        assert night.check(provider).states == {"sent": len(night.keys)}
        assert "DeliveryHalted" in refused


def test_refused_connections_hold_the_messages_and_lose_none(sqlite_night, tmp_path):
    night = sqlite_night
    with StandInProvider(tmp_path / "mails.jsonl") as gone:
        pass
    _, counts = night.run(gone.url, patience=1)
    assert (counts["held"], counts["unknown"], counts["sent"]) == (len(night.keys), 0, 0)
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        night.run(provider.url)
        assert night.check(provider).states == {"sent": len(night.keys)}


@pytest.fixture(scope="module")
def crashing_server():
    """A PostgreSQL server of its own, because it is crashed while it works."""
    try:
        with PrivatePostgres() as server:
            yield server
    except PostgresUnavailable as error:
        unavailable(str(error))


@pytest.mark.seeds(few=10, many=200)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_random_faults_break_no_invariant(request, settings, tmp_path, kind, seed):
    if kind == "postgresql":
        server = request.getfixturevalue("crashing_server")
        outcome = random_night(
            seed, settings, server.create_database(f"ledger_{seed}"), tmp_path, server.crash
        )
    else:
        outcome = random_night(seed, settings, settings.ledger, tmp_path, None)
    assert not outcome.wrong, (outcome.wrong, outcome.injected)


def test_the_delivery_waits_for_a_ledger_that_restarts(settings, crashing_server, tmp_path):
    night = Night(settings, crashing_server.create_database("ledger_crash"), tmp_path)
    crashes = []

    def script(number: int, key: str) -> str:
        if number in (5, 15):
            crashes.append(threading.Thread(target=crashing_server.crash))
            crashes[-1].start()
        return "ok"

    with StandInProvider(tmp_path / "mails.jsonl", script) as provider:
        code, _ = night.run(provider.url, lease=5)
        for crash in crashes:
            crash.join()
        assert code == 0, night.log.read_text()
        assert night.check(provider).states == {"sent": len(night.keys)}


MUTATIONS = {
    "no pre-send check": "after_payment",
    "no commit before sending": "twice",
    "no unique key": "twice",
}


@pytest.mark.parametrize("mutation", [None, *MUTATIONS])
def test_the_checker_finds_the_fault_that_a_removed_guard_prevents(settings, tmp_path, mutation):
    """Each guard has the same scenario: a payment, a dead worker, and a second plan of the step."""
    night = Night(settings, settings.ledger, tmp_path, messages=12)
    tomorrow = TONIGHT + timedelta(days=1)
    night.publish(tomorrow, 12)
    if mutation == "no unique key":
        engine = open_ledger(settings.ledger)
        with engine.begin() as connection:
            connection.exec_driver_sql("drop index uq_contacts_step_once")
        engine.dispose()
    # The last message to be claimed, so that it is not in flight when the worker dies.
    night.pay(night.keys.index(max(night.keys)))
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        code, _ = night.run(
            provider.url, mutation=mutation, die_at="after the provider's answer", die_on=2
        )
        assert code == -signal.SIGKILL
        for day in (TONIGHT, tomorrow):
            code, _ = night.run(provider.url, mutation=mutation, night=day.isoformat())
            assert code == 0, night.log.read_text()
        report = night.report(provider, staleness=0, nights=(TONIGHT, tomorrow))
    found = {name for name, number in report.faults.items() if number}
    assert found == ({MUTATIONS[mutation]} if mutation else set()), report.faults


@pytest.mark.parametrize(
    ("mutation", "faults"),
    [
        (None, set()),
        ("no opt-out check", {"after_opt_out"}),
        ("no freshness", {"after_opt_out", "after_payment"}),
    ],
)
def test_the_checker_finds_the_letters_of_a_check_that_is_deaf_or_old(
    settings, tmp_path, mutation, faults
):
    """One payer pays and another opts out while the first letters of their claim are slow."""
    night = Night(settings, settings.ledger, tmp_path, messages=4 * SENDING_AT_MOST)
    *_, opting_out, paying = sorted(range(len(night.keys)), key=night.keys.__getitem__)

    def script(number: int, key: str) -> str:
        if number == 0:
            night.pay(paying)
            night.opt_out(opting_out)
        if number < THREADS:
            time.sleep(1.5 * FRESH)
        return "ok"

    with StandInProvider(tmp_path / "mails.jsonl", script) as provider:
        size = len(night.keys)
        code, _ = night.run(provider.url, mutation=mutation, claim_size=size, lease=30, fresh=FRESH)
        assert code == 0, night.log.read_text()
        report = night.report(provider, staleness=0)
    assert {name for name, number in report.faults.items() if number} == faults, report


@pytest.mark.parametrize("mode", ["immediate", "scheduled"])
def test_no_log_and_no_file_except_the_plan_holds_secrets_or_personal_data(
    settings, tmp_path, mode
):
    night = Night(settings, settings.ledger, tmp_path, messages=6)
    limits = settings.config / "limits.yml"
    limits.write_text(
        limits.read_text(encoding="utf-8").replace(
            "delivery_mode: immediate", f"delivery_mode: {mode}"
        )
    )
    canaries = {
        "cpf": "52998224725",
        "phone": "+5511987654321",
        "key": CANARY_KEY,
        "name": "Maria",
        "boleto": "23793",
    }
    with contextlib.closing(sqlite3.connect(night.source)) as billing:
        billing.execute(
            "update account set document = ?, phone = ?", (canaries["cpf"], canaries["phone"])
        )
        billing.commit()
    behaviours = iter(["ok", "400", "500", "accept_then_drop", "ok"] + ["401"] * 50)
    logs = ""
    with StandInProvider(
        tmp_path / "mails.jsonl", lambda number, key: next(behaviours)
    ) as provider:
        for hidden in (False, True, False):
            source = night.source.with_suffix(".away") if hidden else None
            if hidden:
                night.source.rename(source)
            night.run(provider.url, debug=True)
            logs += night.log.read_text()
            if hidden:
                source.rename(night.source)
    assert "DEBUG" in logs
    files = {
        path: path.read_bytes()
        for path in settings.data.rglob("*")
        if path.is_file() and "outbound" not in path.parts
    }
    assert any(path.suffix == ".db" for path in files)
    for canary in (*canaries.values(), "@example.com", canaries["phone"][3:], "529.982.247-25"):
        assert canary not in logs, canary
        assert [path for path, content in files.items() if canary.encode() in content] == [], canary


def test_the_paused_switch_stops_all_sending(sqlite_night, tmp_path):
    night = sqlite_night
    engine = open_ledger(night.settings.ledger)
    LedgerClients(engine).switches.pause("gerente", "revisão da régua")
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        _, counts = night.run(provider.url)
        assert (counts["held"], provider.accepted_keys()) == (len(night.keys), [])
        LedgerClients(engine).switches.resume("gerente", "revisada")
        _, counts = night.run(provider.url)
        assert counts["sent"] == len(night.keys)
    engine.dispose()


def _wait_until(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.05)
