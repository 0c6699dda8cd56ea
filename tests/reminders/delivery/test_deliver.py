"""Deliver a date: past and future dates, contact hours, recovery, and the outbox."""

import json
import logging
from dataclasses import replace
from datetime import date, datetime, timedelta
from email import message_from_bytes, policy
from types import SimpleNamespace

import pytest

from cobranca.errors import ConfigError, DeliveryRefused, PartitionError, SourceError
from cobranca.ledger.state_reasons import (
    CONTACT_HOURS_OVER,
    STALE_PAYMENTS,
    WAITS_FOR_CONTACT_HOURS,
)
from cobranca.ledger.tables import contacts
from cobranca.partitions.verdict import Check, Verdict, write_verdict
from cobranca.reminders import deliver, plan
from cobranca.reminders.channels import Outcome, Text
from cobranca.reminders.delivery import deliver as deliver_module
from cobranca.reminders.delivery.deliver import open_channel, open_sender
from cobranca.reminders.delivery.sender import SENDING_PER_THREAD
from cobranca.reminders.delivery.sender_context import DeliveryOptions, report_nothing
from cobranca.reminders.delivery.worker_pool import PoolResult, WorkerTask
from cobranca.reminders.plan.enter_plan import approved_batch
from cobranca.time_zone import TIME_ZONE
from creditor_files import make_group
from policy.config_edits import edit_yaml
from reminders.channels.twilio_server import TwilioServer
from reminders.contact_states import contact_states
from reminders.fake_channels import AcceptingChannel
from reminders.plans import PHONE, TONIGHT, clock_at, item, judge, message, noon, publish_plan

pytestmark = pytest.mark.usefixtures("source_changes")


TOMORROW = TONIGHT + timedelta(days=1)


def test_the_outbox_holds_each_message_once_and_an_index(settings):
    publish_plan(settings, [message(n, customer_name=f"Ana <{n}> Ltda") for n in range(5)])
    counts = deliver(settings, TONIGHT)
    assert (counts.planned, counts.sent, counts.new, counts.held) == (5, 5, 5, 0)
    folder = settings.folder("outbox", TONIGHT)
    assert len(list(folder.glob("*.eml"))) == 5 and len(list(folder.glob("*.html"))) == 6
    assert (
        "5 mensagens" in (folder / "index.html").read_text()
        and "Ana &lt;3&gt;" in (folder / "index.html").read_text()
    )
    mail = message_from_bytes(next(folder.glob("*.eml")).read_bytes(), policy=policy.default)
    assert (
        mail["X-Cobranca-Template"] == "first_notice"
        and mail["From"].addresses[0].addr_spec == "financeiro@example.com.br"
    )


def test_only_an_explicit_setting_opens_a_real_channel(settings, monkeypatch):
    assert open_channel(settings, TONIGHT).is_real is False
    production = replace(settings, delivery="sendgrid")
    with pytest.raises(ConfigError, match="sendgrid"):
        open_channel(production, TONIGHT)
    monkeypatch.setenv("AIRFLOW_CONN_SENDGRID", "http://:SG.secret@")
    channel = open_channel(production, TONIGHT)
    assert (channel.name, channel.is_real) == ("sendgrid", True) and "secret" not in repr(channel)
    assert channel.get("email").name == "sendgrid" and channel.get("sms") is None
    monkeypatch.setenv(
        "AIRFLOW_CONN_SENDGRID",
        '{"conn_type": "http", "host": "http://mail.example.com", "password": "x"}',
    )
    with pytest.raises(ConfigError, match="https"):
        open_channel(production, TONIGHT)


def test_whatsapp_and_sms_leave_through_the_account_of_the_texts(settings, monkeypatch):
    server = TwilioServer()
    monkeypatch.setenv("AIRFLOW_CONN_SENDGRID", "http://:SG.secret@")
    account = {"conn_type": "twilio", "host": "127.0.0.1", "port": server.port}
    account |= {"login": "AC" + "0" * 32, "password": "token"}
    monkeypatch.setenv("AIRFLOW_CONN_TWILIO", json.dumps(account))
    numbers = {"whatsapp_from": "+5511400000000", "sms_from": "+5511400000001"}
    edit_yaml(settings, "texts.yml", connection="twilio", texts={}, **numbers)
    router = open_channel(replace(settings, delivery="sendgrid"), TONIGHT)
    assert router.get("email").name == "sendgrid"
    for channel in ("whatsapp", "sms"):
        text = Text("m1", TONIGHT, "first_notice", channel, "Ana", PHONE, "Bom dia", "HX1")
        assert router.send(text).result == "sent"
    assert [form["From"] for form in server.accepted] == [
        f"whatsapp:{numbers['whatsapp_from']}",
        numbers["sms_from"],
    ]
    router.close()
    server.close()


@pytest.fixture
def processes(settings, monkeypatch) -> SimpleNamespace:
    """A real channel and 5 messages, in as many processes as ``number`` says.

    ``asked`` is what the number was made from, ``tasks`` what was given to them; they send nothing
    and ``lost`` of them are lost.
    """
    publish_plan(settings, [message(n) for n in range(5)])
    found = SimpleNamespace(number=3, lost=0, asked=[], tasks=[], channel=AcceptingChannel())

    def number_of(settings, messages):
        found.asked.append((settings, messages))
        return found.number

    def send(task, number):
        found.tasks.append((task, number))
        return PoolResult(sent=7, lost=found.lost)

    monkeypatch.setattr(deliver_module, "open_channel", lambda settings, day: found.channel)
    monkeypatch.setattr(deliver_module, "processes_for", number_of)
    monkeypatch.setattr(deliver_module, "send_in_processes", send)
    return found


@pytest.mark.parametrize(("lost", "sent"), [(0, 0), (1, 5)])
def test_what_a_lost_process_had_claimed_is_sent_here(settings, processes, lost, sent):
    processes.lost = lost
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT)).new == 7 + sent
    assert len(processes.channel.message_keys) == sent
    assert processes.asked == [(settings, 5)]


def test_a_process_gets_all_that_its_sender_needs(settings, processes, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SENDGRID", "http://:SG.secret@")
    options = DeliveryOptions(claim_size=3, threads=1)
    deliver(settings, TONIGHT, clock=noon(TONIGHT), options=options)
    [(task, number)] = processes.tasks
    assert number == 3
    ahead = noon(TONIGHT)() - datetime.now(TIME_ZONE)
    assert task.clock_offset_seconds == pytest.approx(ahead.total_seconds(), abs=20)
    assert [connection.conn_id for connection in task.connections] == ["sendgrid"]
    assert replace(task, clock_offset_seconds=0, connections=()) == WorkerTask(
        settings=settings,
        business_date=TONIGHT,
        batch_id=approved_batch(settings, TONIGHT).batch_id,
        options=options,
        clock_offset_seconds=0,
        connections=(),
        log_level=logging.getLogger().getEffectiveLevel(),
    )


@pytest.mark.parametrize("is_real", [True, False])
def test_few_messages_and_the_outbox_need_no_process(settings, processes, is_real):
    processes.number, processes.channel = 1, AcceptingChannel(is_real=is_real)
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT)).new == 5
    assert processes.tasks == [] and processes.asked == [(settings, 5)] * is_real


def test_a_night_whose_messages_are_all_sent_counts_none_for_processes(settings, processes):
    processes.number = 1
    for _ in range(2):
        deliver(settings, TONIGHT, clock=noon(TONIGHT))
    assert processes.asked == [(settings, 5), (settings, 0)]


def test_stale_payments_hold_the_reminders(settings):
    batch = publish_plan(settings, [message(1)])
    stale = [
        Check("payments_fresh", "payments", "warning", False, "2026-11-10", "2026-11-17"),
        Check("a", "b", "critical", True, "", ""),
    ]
    write_verdict(settings, Verdict.of(TONIGHT, batch.batch_id, "plan", stale, {}))
    counts = deliver(settings, TONIGHT)
    assert (counts.held, counts.sent) == (1, 0)
    judge(settings, batch)
    assert deliver(settings, TONIGHT).sent == 1


def test_stale_payments_hold_the_reminders_of_their_creditor_alone(settings, ledger):
    make_group(settings.config)
    items = [[item("A1", source="erp")], [item("B1", source="billing")]]
    rows = [
        message(number, own, creditor=creditor)
        for number, (own, creditor) in enumerate(zip(items, ("varejo", "atacado"), strict=True), 1)
    ]
    batch = publish_plan(settings, rows)
    stale = [
        Check("payments_fresh", f"{source}.payments", "warning", source != "erp", "", "")
        for source in ("erp", "billing")
    ]
    passed = Check("a", "b", "critical", True, "", "")
    write_verdict(settings, Verdict.of(TONIGHT, batch.batch_id, "plan", [*stale, passed], {}))
    counts = deliver(settings, TONIGHT)
    assert (counts.held, counts.sent) == (1, 1)
    assert contact_states(ledger) == {
        (1, TONIGHT): ("planned", STALE_PAYMENTS),
        (2, TONIGHT): ("sent", None),
    }
    judge(settings, batch)
    assert deliver(settings, TONIGHT).sent == 2


@pytest.mark.parametrize(
    ("today", "state"), [(TONIGHT, "sent"), (TOMORROW, "expired"), (date(2027, 1, 1), "expired")]
)
def test_messages_of_a_past_date_expire_on_a_real_channel(settings, ledger, today, state):
    publish_plan(settings, [message(1)])
    channel = AcceptingChannel(threads=3)
    deliver(settings, TONIGHT, clock=noon(today), channel=channel)
    assert contact_states(ledger)[1, TONIGHT][0] == state
    assert len(channel.message_keys) == (state == "sent")


def test_a_future_date_is_refused_on_a_real_channel(settings):
    publish_plan(settings, [message(1)])
    channel = AcceptingChannel(threads=3)
    with pytest.raises(DeliveryRefused, match="future"):
        deliver(settings, TONIGHT, clock=noon(TONIGHT - timedelta(days=1)), channel=channel)
    assert channel.message_keys == []


def test_a_refused_future_date_expires_nothing_of_today(settings, ledger):
    publish_plan(settings, [message(n) for n in range(3)])
    plan(settings, TONIGHT)
    publish_plan(settings, [message(9, night=TOMORROW)], night=TOMORROW)
    with pytest.raises(DeliveryRefused):
        deliver(settings, TOMORROW, clock=noon(TONIGHT), channel=AcceptingChannel(threads=3))
    with pytest.raises(DeliveryRefused):
        plan(replace(settings, delivery="sendgrid"), TOMORROW, clock=noon(TONIGHT))
    assert (
        deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=AcceptingChannel(threads=3)).sent
        == 3
    )


def test_a_backfill_of_thirty_past_dates_sends_nothing_on_a_real_channel(settings):
    channel = AcceptingChannel(threads=3)
    for days in range(30, 0, -1):
        night = TONIGHT - timedelta(days=days)
        publish_plan(
            settings,
            [message(1, [item("R1", night=night)], night=night, step=f"d+{40 - days}")],
            night=night,
        )
        assert deliver(settings, night, clock=noon(TONIGHT), channel=channel).sent == 0
    publish_plan(settings, [message(1, [item("R1")])])
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel).sent == 1
    assert len(channel.message_keys) == 1


def test_a_repeated_backfill_of_thirty_dates_writes_each_message_once(settings):
    nights = [TONIGHT - timedelta(days=days) for days in range(30, 0, -1)]
    for number, night in enumerate(nights):
        publish_plan(
            settings,
            [message(1, [item("R1", night=night)], night=night, step=f"d+{number}")],
            night=night,
        )
        assert deliver(settings, night).new == 1
    letters = {path: path.stat().st_mtime_ns for path in (settings.data / "outbox").rglob("*.eml")}
    assert len(letters) == 30
    for night in (nights[0], nights[15], nights[-1]):
        counts = deliver(settings, night)
        assert (counts.new, counts.sent) == (0, 1)
    assert letters == {
        path: path.stat().st_mtime_ns for path in (settings.data / "outbox").rglob("*.eml")
    }


def test_a_message_is_held_until_the_contact_hours_of_its_payers_state(settings, ledger):
    publish_plan(settings, [message(1, state="SP"), message(2, state="AC"), message(3, state=None)])
    channel = AcceptingChannel(threads=3)
    counts = deliver(settings, TONIGHT, clock=clock_at(8), channel=channel)
    assert (counts.sent, counts.held, counts.waits) == (2, 1, 1)
    assert contact_states(ledger)[2, TONIGHT] == (
        "planned",
        "fora do horário permitido onde o cliente mora",
    )
    counts = deliver(settings, TONIGHT, clock=clock_at(10), channel=channel)
    assert (counts.sent, counts.held, counts.waits) == (3, 0, 0)


def test_messages_whose_contact_hours_are_over_do_not_count_as_waiting(settings, ledger):
    publish_plan(
        settings, [message(1, channel="whatsapp", state="CE"), message(2, requires_approval=True)]
    )
    counts = deliver(settings, TONIGHT, clock=clock_at(18), channel=AcceptingChannel(threads=3))
    assert (counts.held, counts.waits) == (2, 0)
    assert contact_states(ledger)[1, TONIGHT] == ("planned", CONTACT_HOURS_OVER)


def test_sending_stops_at_midnight(settings, ledger):
    publish_plan(settings, [message(n) for n in range(6)])
    channel, now = AcceptingChannel(), [noon(TONIGHT)()]

    def send(letter):
        now.append(now[-1] + timedelta(hours=6.5))
        return Outcome("sent", provider_message_id="1")

    channel.send = send
    counts = deliver(settings, TONIGHT, clock=lambda: now[-1], channel=channel)
    assert (
        2 <= counts.sent <= 2 + SENDING_PER_THREAD
        and counts.held == 6 - counts.sent
        and counts.waits == 0
    )


def test_messages_claimed_by_a_dead_worker_in_an_earlier_plan_are_sent(settings, ledger):
    publish_plan(settings, [message(n) for n in range(4)])
    first = plan(settings, TONIGHT).batch_id
    claimed = ledger.worker.claim(TONIGHT, first, "dead", limit=2, after="", lease_seconds=0.5)
    publish_plan(settings, [message(n, reason="de novo") for n in range(5)])
    plan(settings, TONIGHT)
    counts = deliver(settings, TONIGHT, options=DeliveryOptions(lease_seconds=2))
    assert (len(claimed), counts.sent, counts.held) == (2, 5, 0)


def test_unknown_contacts_that_the_outbox_holds_are_confirmed_as_sent(settings, ledger):
    publish_plan(settings, [message(1), message(2)])
    deliver(settings, TONIGHT)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("drop trigger contacts_go_known_ways")
        connection.execute(contacts.update().values(state="unknown"))
    next(settings.folder("outbox", TONIGHT).glob("*.eml")).unlink()
    counts = deliver(settings, TONIGHT)
    assert (counts.sent, counts.unknown) == (1, 1)


def silent_source(monkeypatch) -> None:
    def unavailable(*_):
        raise SourceError("erp is restarting")

    monkeypatch.setattr("cobranca.sources.current_state.read_current_state", unavailable)


LIMITED = Outcome("retry", "limite de envio do provedor", wait_seconds=400)


@pytest.mark.parametrize(
    ("what", "waits"),
    [
        ("all was sent", 0),
        ("the source is silent", 1),
        ("the provider limits the rate", 1),
        ("the contact hours are still to come", 1),
        ("the contact hours are over", 0),
        ("a person approves first", 0),
        ("a person paused the sending", 1),
        ("a person paused the outbox", 1),
        ("the source is silent before the outbox", 0),
        ("the payments are stale", 0),
        ("another worker holds it", 1),
    ],
)
def test_a_delivery_comes_back_exactly_while_a_message_may_still_be_sent(
    settings, ledger, monkeypatch, what, waits
):
    batch = publish_plan(settings, [message(1, requires_approval=what.endswith("approves first"))])
    plan(settings, TONIGHT)
    channel, hour = AcceptingChannel(is_real="outbox" not in what), 12
    if "silent" in what:
        silent_source(monkeypatch)
    if "rate" in what:
        channel.send = lambda letter: LIMITED
    if "hours" in what:
        hour = 7 if "still" in what else 20
    if "paused" in what:
        ledger.switches.pause("ana", "revisão")
    if "stale" in what:
        checks = [
            Check("payments_fresh", "payments", "warning", False, "2026-11-10", "2026-11-17"),
            Check("a", "b", "critical", True, "", ""),
        ]
        write_verdict(settings, Verdict.of(TONIGHT, batch.batch_id, "plan", checks, {}))
    if "worker" in what:
        ledger.worker.claim(TONIGHT, batch.batch_id, "w", limit=1, after="", lease_seconds=600)
    options = DeliveryOptions(max_wait_seconds=0)
    counts = deliver(settings, TONIGHT, clock=clock_at(hour), channel=channel, options=options)
    assert (counts.waits, counts.sent) == (waits, what == "all was sent")


@pytest.mark.parametrize(
    ("mode", "minute", "state"),
    [
        ("immediate", 29, "sent"),
        ("immediate", 59, "sent"),
        ("scheduled", 29, "sent"),
        ("scheduled", 30, "planned"),
    ],
)
def test_contact_hours_count_when_the_message_leaves_the_provider(
    settings, ledger, mode, minute, state
):
    """A scheduled message leaves half an hour later; e-mail is permitted until 20:00."""
    limits = settings.config / "limits.yml"
    text = limits.read_text(encoding="utf-8").replace(
        "delivery_mode: immediate", f"delivery_mode: {mode}"
    )
    limits.write_text(text, encoding="utf-8")
    publish_plan(settings, [message(1)])
    deliver(settings, TONIGHT, clock=clock_at(19, minute), channel=AcceptingChannel())
    assert contact_states(ledger)[1, TONIGHT][0] == state


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ("2026-11-18T23:59:59", CONTACT_HOURS_OVER),
        ("2026-11-19T00:00", CONTACT_HOURS_OVER),
        ("2026-11-18T00:00", WAITS_FOR_CONTACT_HOURS),
        ("2026-11-18T07:59:59", WAITS_FOR_CONTACT_HOURS),
        ("2026-11-18T08:00", None),
        ("2026-11-18T19:59:59", None),
        ("2026-11-18T20:00", CONTACT_HOURS_OVER),
    ],
)
def test_a_message_leaves_on_its_day_within_the_contact_hours(settings, ledger, now, reason):
    """The clock stands at noon until the messages are looked at."""
    publish_plan(settings, [message(1)])
    times = iter([noon(TONIGHT)()])
    later = datetime.fromisoformat(now).replace(tzinfo=TIME_ZONE)
    deliver(settings, TONIGHT, clock=lambda: next(times, later), channel=AcceptingChannel())
    expected = ("planned", reason) if reason else ("sent", None)
    assert contact_states(ledger)[1, TONIGHT] == expected


@pytest.mark.usefixtures("far_clock")
def test_the_time_zone_of_the_machine_ends_no_day(settings, ledger):
    """In Tokyo it is tomorrow already."""
    publish_plan(settings, [message(1)])
    deliver(settings, TONIGHT, clock=clock_at(13, 0), channel=AcceptingChannel())
    assert contact_states(ledger)[1, TONIGHT] == ("sent", None)


def test_a_worker_does_not_send_another_plan_than_its_task_names(settings):
    publish_plan(settings, [message(1)])
    task = WorkerTask(settings, TONIGHT, "another batch", DeliveryOptions(), 0, (), 20)
    with (
        pytest.raises(PartitionError, match="another plan of 2026-11-18 was approved meanwhile"),
        open_sender(task, clock=noon(TONIGHT), report=report_nothing),
    ):
        pass
