"""A night that several processes send together: one of them dies or sleeps, or the one that watches over them dies."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from cobranca.ledger import open_ledger
from cobranca.ledger.contacts import ContactLedger
from cobranca.ledger.tables import contacts
from cobranca.reminders.workers import processes_for
from faults.nights import CANARY_KEY, IN_DOUBT, Night, sending_processes
from faults.provider import StandInProvider

MESSAGES = 60
# Where somebody dies, what it held is taken over after so long; nowhere else may a busy machine lose a lease.
SHORT, LONG = 4, 60


@pytest.fixture
def night(settings, postgres_server, tmp_path) -> Night:
    url = postgres_server.create_database(f"ledger_{abs(hash(str(tmp_path))) % 10**12}")
    return Night(settings, url, tmp_path, messages=MESSAGES)


def slowly(number: int, key: str) -> str:
    return "slow"


def start(night: Night, provider: StandInProvider, lease: float = LONG, **wish):
    return night.start(provider.url, processes=2, lease=lease, claim_size=10, **wish)


def finish(night: Night, provider: StandInProvider) -> dict:
    code, counts = night.run(provider.url, lease=LONG)
    assert code == 0, night.log.read_text()
    return counts


def until_mailed(provider: StandInProvider, number: int) -> None:
    until = time.monotonic() + 60
    while len(provider.accepted_keys()) < number:
        assert time.monotonic() < until, "nothing was sent"
        time.sleep(0.02)


def until_working(night: Night, number: int) -> None:
    """Until so many of them hold messages, or did."""
    query = sa.select(sa.func.count(sa.distinct(contacts.c.owner)))
    engine, until = open_ledger(night.settings.ledger), time.monotonic() + 60
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as ledger:
        while ledger.scalar(query) < number:
            assert time.monotonic() < until, "they did not all begin"
            time.sleep(0.02)
    engine.dispose()


def is_there(pid: int) -> bool:
    """A process that ended and that nobody has asked about yet is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_several_processes_share_a_night_and_log_nothing_personal(night, tmp_path):
    """All of them know the bank's file that comes when each has at most its second claim in hand."""
    night.hear_from_the_bank()
    later = sorted(range(MESSAGES), key=night.keys.__getitem__)[40:]

    def script(number: int, key: str) -> str:
        if number == 20:
            night.pay_at_the_bank(*later)
        return "slow"

    with StandInProvider(tmp_path / "mails.jsonl", script) as provider:
        worker = start(night, provider, debug=True)
        assert len(sending_processes(worker, 2)) == 2
        worker.join(120)
        counts = night.told()
        assert (counts["new"], counts["sent"]) == (40, 40), night.log.read_text()
        assert night.check(provider).states == {"sent": 40, "cancelled_paid": 20}
        told = night.log.read_text()
        assert "DEBUG" in told and not [word for word in (CANARY_KEY, "Maria", "@example.com", "23793") if word in told]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_what_one_of_the_processes_had_in_hand_is_taken_over(night, tmp_path, how):
    """One that sleeps is ended before it can wake up."""
    with StandInProvider(tmp_path / "mails.jsonl", slowly) as provider:
        worker = start(night, provider, SHORT)
        victim, *_ = sending_processes(worker, 2)
        until_working(night, 2)
        os.kill(victim, how)
        worker.join(120)
        assert worker.exitcode == 0 and not is_there(victim), night.log.read_text()
        report = night.check(provider)
        assert report.states["sent"] + report.states["unknown"] == MESSAGES
        assert report.states["unknown"] <= IN_DOUBT


@pytest.mark.skipif("COBRANCA_SEEDS" not in os.environ, reason="waits for a minute; set COBRANCA_SEEDS")
def test_a_process_that_never_begins_is_not_waited_for(night, tmp_path):
    with StandInProvider(tmp_path / "mails.jsonl", slowly) as provider:
        worker = start(night, provider, SHORT)
        os.kill(sending_processes(worker)[0], signal.SIGSTOP)
        worker.join(240)
        assert worker.exitcode == 0, night.log.read_text()
        assert night.check(provider).states == {"sent": MESSAGES}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nobody_goes_on_sending_when_the_process_that_watches_is_ended(night, tmp_path, how):
    with StandInProvider(tmp_path / "mails.jsonl", slowly) as provider:
        worker = start(night, provider)
        children = sending_processes(worker, 2)
        until_mailed(provider, 8)
        os.kill(worker.pid, how)
        worker.join(60)
        until = time.monotonic() + 30
        while any(map(is_there, children)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(is_there, children))
        left = MESSAGES - len(provider.accepted_keys())
        assert left > 0, "they went on to the end"
        # What was on its way was recorded by those who sent it; what they had claimed they gave back.
        assert night.check(provider).states == {"sent": MESSAGES - left, "planned": left}
        assert finish(night, provider)["new"] == left
        assert night.check(provider).states == {"sent": MESSAGES}


def test_a_refused_credential_stops_all_of_them(night, tmp_path):
    with StandInProvider(tmp_path / "mails.jsonl", lambda number, key: "slow" if number < 12 else "401") as provider:
        worker = start(night, provider)
        worker.join(120)
        assert worker.exitcode not in (0, None) and "DeliveryHalted" in night.log.read_text()
        assert provider.behaved["401"] <= 8, "more than one message a thread was refused"
        assert night.check(provider).states == {"sent": 12, "planned": MESSAGES - 12}


def test_a_pause_stops_all_of_them(night, tmp_path):
    with StandInProvider(tmp_path / "mails.jsonl", slowly) as provider:
        worker = start(night, provider)
        until_mailed(provider, 8)
        engine = open_ledger(night.settings.ledger)
        ContactLedger(engine).pause(True, "ana", "teste")
        worker.join(120)
        sent = len(provider.accepted_keys())
        assert sent < MESSAGES and night.told()["held"] == MESSAGES - sent
        ContactLedger(engine).pause(False, "ana", "teste")
        engine.dispose()
        assert finish(night, provider)["sent"] == MESSAGES


def test_a_small_night_and_one_on_sqlite_need_one_process(settings):
    many = replace(settings, delivery_processes=4)
    on_postgres = replace(many, ledger="postgresql://ledger")
    assert processes_for(many, 100_000) == 1
    assert [processes_for(on_postgres, number) for number in (0, 900, 1000, 1700, 100_000)] == [1, 1, 2, 3, 4]
