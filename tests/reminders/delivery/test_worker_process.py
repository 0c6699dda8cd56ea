"""Worker process: what it hears from its parent, what it reports, and when it ends.

The program runs in the process of the tests, with pipes as its input and output.
"""

import contextlib
import gc
import io
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import pytest

from cobranca import connections
from cobranca.connections import Connection, get_connection
from cobranca.ledger.state_reasons import CONTACT_HOURS_OVER
from cobranca.reminders import plan as enter_plan
from cobranca.reminders.channels import Outcome
from cobranca.reminders.delivery import worker_process
from cobranca.reminders.delivery.sender_context import DeliveryOptions
from cobranca.reminders.delivery.setbacks import Setbacks
from cobranca.reminders.delivery.worker_pool import WorkerTask
from cobranca.time_zone import TIME_ZONE
from reminders.contact_states import contact_states
from reminders.fake_channels import AcceptingChannel
from reminders.plans import TONIGHT, message, noon, publish_plan

# A worker that waits for nothing must not hold up the other tests.
pytestmark = [pytest.mark.usefixtures("source_changes"), pytest.mark.timeout(30)]
LEASE = 60
PATIENCE = 10
# Long enough for the worker's threads to hear the parent while a message is being sent.
TIME_TO_HEAR = 0.3
HALT = {"result": "halt", "reason": "credencial recusada"}


class Parent:
    """The other end of the worker's input and output."""

    def __init__(self) -> None:
        self._input, self._hand_over = os.pipe()
        self._take, self._output = os.pipe()
        os.set_blocking(self._take, False)
        self._received = b""

    def say(self, text: str) -> None:
        os.write(self._hand_over, text.encode())

    def hang_up(self) -> None:
        """Close the worker's input."""
        if self._hand_over >= 0:
            os.close(self._hand_over)
            self._hand_over = -1

    def run(self, task: WorkerTask) -> list[dict]:
        """Run the program for the task; its reports."""
        kept = [os.dup(descriptor) for descriptor in (0, 1)]
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        before = set(threading.enumerate())
        at_last = threading.Timer(PATIENCE, self.hang_up)
        at_last.start()
        os.dup2(self._input, 0)
        os.dup2(self._output, 1)
        self.say(task.as_line())
        try:
            worker_process.main()
        finally:
            at_last.cancel()
            self.hang_up()
            threads = set(threading.enumerate()) - before
            for thread in threads:
                thread.join(PATIENCE)
            gc.unfreeze()
            for number, handler in handlers.items():
                signal.signal(number, handler)
            for descriptor, copy in enumerate(kept):
                os.dup2(copy, descriptor)
                os.close(copy)
        assert not any(thread.is_alive() for thread in threads), "they end with the input"
        return self.reports()

    def reports(self) -> list[dict]:
        """All reports so far; nothing else is printed where they are."""
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self._take, 65536):
                self._received += part
        return [json.loads(line) for line in self._received.splitlines()]

    def close(self) -> None:
        self.hang_up()
        for descriptor in (self._input, self._output, self._take):
            os.close(descriptor)


@pytest.fixture
def parent() -> Iterator[Parent]:
    parent = Parent()
    yield parent
    parent.close()


@pytest.fixture
def channel(monkeypatch) -> AcceptingChannel:
    """The channel that the worker opens; its messages stand in a plan about ten debts."""
    channel = AcceptingChannel()
    monkeypatch.setattr(
        "cobranca.reminders.delivery.deliver.open_channel", lambda settings, night: channel
    )
    monkeypatch.setattr(connections, "_lookups", [])
    return channel


@pytest.fixture
def task(settings, channel) -> WorkerTask:
    """The task of a plan that is in the ledger; the caller's clock shows noon."""
    batch = publish_plan(settings, [message(n) for n in range(10)])
    enter_plan(settings, TONIGHT)
    ahead = (noon(TONIGHT)() - datetime.now(TIME_ZONE)).total_seconds()
    options = DeliveryOptions(lease_seconds=LEASE, threads=1, max_wait_seconds=1)
    return WorkerTask(settings, TONIGHT, batch.batch_id, options, ahead, (), logging.WARNING)


def when_sending(channel: AcceptingChannel, number: int, act: Callable[[], object]) -> None:
    """Do something while the channel is given its message of this number, from 1."""
    accept = channel.send

    def send(letter) -> Outcome:
        outcome = accept(letter)
        if len(channel.message_keys) == number:
            act()
        return outcome

    channel.send = send


def changed(task: WorkerTask, **changes) -> WorkerTask:
    return WorkerTask(**{**vars(task), **changes})


def test_a_worker_reports_its_start_what_it_sent_and_its_end(parent, task, channel, ledger):
    task = changed(task, options=replace(task.options, claim_size=4))
    *sent, end = [report for report in parent.run(task) if report]
    assert [report["sent"] for report in sent] == [0, 4, 8, 10, 10] and end == {"ended": "done"}
    assert set(contact_states(ledger).values()) == {("sent", None)}


def test_a_worker_goes_by_the_clock_of_its_caller(parent, task, channel, ledger):
    late = changed(task, clock_offset_seconds=task.clock_offset_seconds + 9 * 3600)
    parent.run(late)
    assert set(contact_states(ledger).values()) == {("planned", CONTACT_HOURS_OVER)}


def test_a_worker_uses_the_connections_of_its_task(parent, task, channel):
    given, found = Connection("sendgrid", "http", password="SG.x"), []
    when_sending(channel, 1, lambda: found.append(get_connection("sendgrid")))
    parent.run(changed(task, connections=(given,)))
    assert found == [given]


@pytest.mark.parametrize("level", [logging.INFO, logging.ERROR])
def test_the_log_goes_to_the_error_output_by_the_callers_level(
    parent, task, channel, capfd, monkeypatch, level
):
    # As in a process in which nothing has set up the log yet.
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.NOTSET)
    when_sending(channel, 1, lambda: logging.getLogger("biblioteca").info("aviso"))
    parent.run(changed(task, log_level=level))
    printed = capfd.readouterr().err.splitlines()
    assert ("INFO biblioteca: aviso" in printed) == (level == logging.INFO)


def test_what_a_library_prints_is_no_report(parent, task, channel, capfd):
    when_sending(channel, 2, lambda: os.write(1, b"impresso\n"))
    assert parent.run(task)[-1] == {"ended": "done"}
    assert "impresso\n" in capfd.readouterr().err


def test_a_refused_credential_is_reported_for_the_others_and_as_the_end(parent, task, channel):
    channel.send = lambda letter: Outcome(**HALT)
    *_, setback, progress, end = parent.run(task)
    assert HALT.items() <= setback["setback"].items() and progress == {"sent": 0}
    assert end["ended"] == "halted" and "credencial recusada" in end["reason"]


def test_an_error_of_the_project_is_reported_whole(parent, task, channel):
    (report,) = parent.run(changed(task, batch_id="another"))
    assert report["ended"] == "failed"
    assert report["reason"].startswith("another plan of 2026-11-18 was approved meanwhile")


def test_an_unexpected_error_is_reported_by_its_kind_and_told_in_the_log(
    parent, task, channel, monkeypatch, capfd
):
    """Its text could hold personal data of a payer."""

    def fail(letter) -> Outcome:
        raise ZeroDivisionError("maria@example.com")

    channel.send = fail
    assert parent.run(task)[-1] == {"ended": "failed", "reason": "ZeroDivisionError"}
    assert "Traceback" in capfd.readouterr().err


def test_a_terminals_interrupt_is_for_the_parent(parent, task, channel):
    when_sending(channel, 2, lambda: signal.raise_signal(signal.SIGINT))
    assert parent.run(task)[-2:] == [{"sent": 10}, {"ended": "done"}]


def test_a_worker_that_is_asked_to_end_records_what_left_and_plans_the_rest_again(
    parent, task, channel, ledger
):
    when_sending(channel, 2, lambda: os.kill(os.getpid(), signal.SIGTERM))
    *_, report, end = parent.run(task)
    sent = len(channel.message_keys)
    assert sent < 10 and (report, end) == ({"sent": sent}, {"ended": "done"})
    states = [state for state, _ in contact_states(ledger).values()]
    assert (states.count("sent"), states.count("planned")) == (sent, 10 - sent)


@pytest.mark.parametrize("last_word", ["", '{"result": "re'])
def test_a_worker_ends_when_its_parent_is_lost(parent, task, channel, last_word):
    def lose() -> None:
        parent.say(last_word)
        parent.hang_up()
        time.sleep(TIME_TO_HEAR)

    when_sending(channel, 2, lose)
    assert parent.run(task)[-1] == {"ended": "done"}
    assert len(channel.message_keys) < 10


def test_a_setback_of_another_worker_stops_this_one(parent, task, channel):
    def hear() -> None:
        parent.say(json.dumps(HALT) + "\n")
        time.sleep(TIME_TO_HEAR)

    when_sending(channel, 2, hear)
    end = parent.run(task)[-1]
    assert end["ended"] == "halted" and "credencial recusada" in end["reason"]
    assert len(channel.message_keys) < 10


def test_each_setback_is_heard_before_the_input_ends():
    setbacks = Setbacks(DeliveryOptions(), lambda progress: None)
    retry = {"result": "retry", "reason": "limite", "wait_seconds": 2}
    lines = "".join(json.dumps(setback) + "\n" for setback in (HALT, retry))
    worker_process._receive_setbacks(io.BytesIO(lines.encode()), SimpleNamespace(setbacks=setbacks))
    assert setbacks.take_received() == Outcome(**HALT) and setbacks.is_ending


def test_heartbeats_come_several_times_in_a_lease(parent, task, channel, monkeypatch):
    """The parent kills a worker that is silent for two leases."""
    send_heartbeats, given = worker_process._send_heartbeats, []

    def hurry(seconds: float, *work) -> None:
        given.append(seconds)
        send_heartbeats(0.01, *work)

    monkeypatch.setattr(worker_process, "_send_heartbeats", hurry)
    when_sending(channel, 2, lambda: time.sleep(TIME_TO_HEAR))
    reports = parent.run(task)
    assert given == [pytest.approx(LEASE / 3)] and reports.count({}) >= 2


def test_heartbeats_are_empty_reports_until_the_end():
    setbacks, reports = Setbacks(DeliveryOptions(), lambda progress: None), []

    def write(report: dict) -> None:
        reports.append(report)
        if len(reports) == 3:
            setbacks.end()

    worker_process._send_heartbeats(0.01, write, SimpleNamespace(setbacks=setbacks))
    assert reports == [{}, {}, {}]


def test_a_report_without_a_reader_is_dropped():
    taking, writing = os.pipe()
    write = worker_process._writer(writing)
    write({"sent": 1})
    assert os.read(taking, 100) == b'{"sent": 1}\n'
    os.close(taking)
    write({"sent": 2})
    os.close(writing)
