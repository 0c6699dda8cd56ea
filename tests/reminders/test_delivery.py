"""Planning and delivery to the outbox, on small approved plans."""

import time
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from cobranca.errors import ConfigError, DeliveryHalted, DeliveryRefused, PartitionError, SourceError
from cobranca.ledger import open_ledger
from cobranca.ledger.contacts import ALREADY_WRITTEN_TODAY, NO_HOUR_LEFT, ContactLedger, PlanConflict
from cobranca.ledger.feedback import publish_feedback
from cobranca.ledger.tables import agreements, contact_items, contacts, outcomes, promises
from cobranca.outbound import read_batch
from cobranca.quality.verdict import Check, Verdict, write_verdict
from cobranca.reminders import deliver, plan
from cobranca.reminders.channels import Outcome
from cobranca.reminders.control import approve
from cobranca.reminders.counts import Unbalanced, balance
from cobranca.reminders.delivery import open_channel
from cobranca.reminders.last_look import HOLDS_UNREADABLE, TOO_SLOW, LastLook, Seen
from cobranca.reminders.messages import FILE, PlanFile
from cobranca.reminders.sender import AHEAD, NOT_BEGUN
from reminders.plans import TONIGHT, as_planned, item, judge, message, noon, publish_plan

TOMORROW = TONIGHT + timedelta(days=1)


@pytest.fixture(autouse=True)
def now(monkeypatch) -> dict[str, dict]:
    """What the source says now of a receivable, where it differs from the plan."""
    now: dict[str, dict] = {}

    def standing(settings, source, ids, kept):
        return {key: replace(found, **now.get(key, {})) for key, found in as_planned(settings, source, ids).items()}

    monkeypatch.setattr("cobranca.landing.standing_now", standing)
    return now


@pytest.fixture
def ledger(settings):
    engine = open_ledger(settings.ledger)
    yield ContactLedger(engine)
    engine.dispose()


def states(ledger: ContactLedger, channel: str | None = None) -> dict[tuple[int, date], tuple[str, str | None]]:
    """State and reason by customer number and date, by every channel or one."""
    query = sa.select(contacts)
    with ledger.engine.connect() as connection:
        rows = connection.execute(query if channel is None else query.where(contacts.c.channel == channel)).all()
    return {(int(row.customer_key[1:], 16), row.business_date): (row.state, row.state_reason) for row in rows}


class Recorder:
    """A real channel that only remembers; ``answers`` may hold an outcome by message key."""

    name, is_real, threads = "recorder", True, 3

    def __init__(self):
        self.letters, self.answers = [], {}

    def send(self, letter) -> Outcome:
        self.letters.append(letter.message_key)
        return self.answers.get(letter.message_key, Outcome("sent", provider_message_id="1"))

    def was_accepted(self, key: str) -> bool:
        return False

    def close(self) -> None:
        pass


def test_the_outbox_holds_each_message_once_and_an_index(settings):
    publish_plan(settings, [message(n, customer_name=f"Ana <{n}>") for n in range(5)])
    counts = deliver(settings, TONIGHT)
    assert (counts.planned, counts.sent, counts.new, counts.held) == (5, 5, 5, 0)
    folder = settings.folder("outbox", TONIGHT)
    assert len(list(folder.glob("*.eml"))) == 5 and len(list(folder.glob("*.html"))) == 6
    assert "5 mensagens" in (folder / "index.html").read_text() and "Ana &lt;3&gt;" in (folder / "index.html").read_text()
    mail = message_from_bytes(next(folder.glob("*.eml")).read_bytes(), policy=policy.default)
    assert mail["X-Cobranca-Template"] == "first_notice" and mail["From"].addresses[0].addr_spec == "financeiro@example.com.br"


def test_planning_and_delivering_again_changes_nothing(settings, ledger):
    publish_plan(settings, [message(n) for n in range(5)])
    assert plan(settings, TONIGHT).new == 5
    assert plan(settings, TONIGHT).new == 0
    deliver(settings, TONIGHT)
    files = {path.name: path.stat().st_mtime_ns for path in settings.folder("outbox", TONIGHT).glob("*.eml")}
    for _ in range(2):
        assert plan(settings, TONIGHT).as_dict()["sent"] == 5
        counts = deliver(settings, TONIGHT)
        assert (counts.sent, counts.new, counts.already) == (5, 0, 5)
    assert files == {path.name: path.stat().st_mtime_ns for path in settings.folder("outbox", TONIGHT).glob("*.eml")}


def test_only_the_batch_of_its_own_passed_verdict_is_planned(settings):
    with pytest.raises(PartitionError):
        plan(settings, TONIGHT)
    batch = publish_plan(settings, [message(1)])
    judge(settings, batch, batch_id="another")
    with pytest.raises(PartitionError):
        deliver(settings, TONIGHT)
    judge(settings, batch, failed="plan_total_matches")
    with pytest.raises(PartitionError):
        deliver(settings, TONIGHT)
    judge(settings, batch)
    assert deliver(settings, TONIGHT).sent == 1


def test_a_newer_plan_of_the_date_replaces_what_was_not_yet_sent(settings, ledger):
    publish_plan(settings, [message(1), message(2), message(3)])
    plan(settings, TONIGHT)
    publish_plan(settings, [message(2, [item("R00002"), item("R9")], step="d+3"), message(4)])
    counts = plan(settings, TONIGHT)
    assert (counts.planned, counts.new, counts.superseded, counts.not_in_plan) == (2, 1, 2, 2)
    with ledger.engine.connect() as connection:
        query = sa.select(contacts.c.step, sa.func.count()).join(contact_items).group_by(contacts.c.step)
        assert dict(connection.execute(query.where(contacts.c.state == "planned")).all()) == {"d+3": 2, "d+1": 1}
    assert deliver(settings, TONIGHT).sent == 2
    publish_plan(settings, [message(1), message(4)])
    counts = deliver(settings, TONIGHT)
    assert (counts.sent, counts.new, counts.superseded) == (3, 1, 1), "the one that came back is sent, nobody else again"


def test_what_a_dead_worker_held_of_an_earlier_plan_is_sent_by_the_newer_one(settings, ledger):
    publish_plan(settings, [message(n) for n in range(4)])
    first = plan(settings, TONIGHT).batch_id
    held = ledger.claim(TONIGHT, first, "dead", limit=2, after="", lease_seconds=0.5)
    publish_plan(settings, [message(n, reason="de novo") for n in range(5)])
    plan(settings, TONIGHT)
    counts = deliver(settings, TONIGHT, lease_seconds=2)
    assert (len(held), counts.sent, counts.held) == (2, 5, 0)


def test_a_payer_whose_key_changes_during_the_day_is_not_written_to_again_about_the_same(settings, ledger):
    publish_plan(settings, [message(1, [item("A"), item("B")]), message(2)])
    assert deliver(settings, TONIGHT).sent == 2
    # Its tax id was corrected and A was paid: another key, another carrier and another step, but the same person.
    publish_plan(settings, [message(3, [item("B")], step="d+3"), message(2), message(4)])
    counts = deliver(settings, TONIGHT)
    assert (counts.new, counts.suppressed, counts.held) == (1, 1, 0)
    assert states(ledger)[3, TONIGHT] == ("suppressed", ALREADY_WRITTEN_TODAY)
    # Tomorrow is another day, on which the night decides by what it knows.
    tomorrow = TONIGHT + timedelta(days=1)
    publish_plan(settings, [message(3, [item("B", night=tomorrow)], night=tomorrow, step="d+3")], night=tomorrow)
    assert deliver(settings, tomorrow).sent == 1


def test_a_step_that_was_done_is_not_done_again_on_another_date(settings, ledger):
    publish_plan(settings, [message(1), message(2)])
    deliver(settings, TONIGHT)
    tomorrow = [message(1, [item("R00001")], night=TOMORROW), message(2, [item("R00002")], night=TOMORROW, step="d+3")]
    publish_plan(settings, tomorrow, night=TOMORROW)
    counts = deliver(settings, TOMORROW)
    assert (counts.suppressed, counts.sent) == (1, 1)
    assert states(ledger)[1, TOMORROW] == ("suppressed", "etapa já realizada para esta dívida")


def test_what_an_earlier_date_left_is_not_sent_beside_todays_message(settings, ledger):
    publish_plan(settings, [message(1), message(2)])
    plan(settings, TONIGHT)
    publish_plan(settings, [message(1, night=TOMORROW)], night=TOMORROW)
    assert deliver(settings, TOMORROW).sent == 1
    assert states(ledger)[2, TONIGHT][0] == "expired"
    counts = deliver(settings, TONIGHT)
    assert (counts.expired, counts.sent) == (2, 0)


def test_two_messages_for_one_customer_are_refused_before_anything_is_planned(settings, ledger):
    publish_plan(settings, [message(1), message(2, customer_key=f"C{1:020x}", message_key="other")])
    with pytest.raises(PlanConflict):
        plan(settings, TONIGHT)
    assert states(ledger) == {}


@pytest.mark.parametrize("carriers", [0, 2])
def test_a_message_without_exactly_one_carrying_receivable_is_refused(settings, carriers):
    rows = message(1, [item("R1"), item("R2")])
    for row in rows:
        row["is_carrier"] = carriers == 2
    publish_plan(settings, [rows])
    with pytest.raises(PartitionError, match="carrying"):
        plan(settings, TONIGHT)


def test_a_payment_since_the_plan_cancels_the_message(settings, ledger, now):
    publish_plan(settings, [message(1, [item("R1"), item("R2")]), message(2), message(3)])
    now["R2"] = {"paid": Decimal("0.01")}
    now["R00003"] = {"paid": Decimal("-5")}
    counts = deliver(settings, TONIGHT)
    assert (counts.cancelled_paid, counts.sent) == (1, 2)
    assert states(ledger)[1, TONIGHT] == ("cancelled_paid", "pagamento identificado antes do envio")


def test_a_payment_that_the_plan_knew_cancels_nothing(settings, now):
    known = {"open_amount": Decimal(400), "fine": Decimal(8), "interest": Decimal(0), "amount_due": Decimal(408)}
    publish_plan(settings, [message(1, [item("R1", **known)])])
    now["R1"] = {"paid": Decimal(600), "open_amount": Decimal(400)}
    assert deliver(settings, TONIGHT).sent == 1


@pytest.mark.parametrize(
    ("found", "state", "said"),
    [
        ({"open_amount": Decimal("999.99")}, "cancelled_paid", "pagamento"),
        ({"paid": Decimal(1000), "status": "cancelled"}, "cancelled_paid", "pagamento"),
        ({"gone": True, "status": None}, "cancelled", "não está mais"),
        ({"status": "agreed"}, "cancelled", "encerrado"),
        ({"disputed": True}, "cancelled", "contestação"),
        ({"amount": Decimal(900)}, "cancelled", "mudou"),
        ({"due_date": TONIGHT}, "cancelled", "mudou"),
        ({"opt_out_email": True}, "cancelled", "pediu"),
        ({"opt_out_phone": True}, "sent", None),
        ({"legal_hold": True}, "cancelled", "legal"),
        ({"deceased": True}, "cancelled", "falecido"),
        ({"unreadable": True, "paid": Decimal(1000)}, "planned", "não pôde ser lido"),
    ],
)
def test_what_changed_at_the_source_since_the_plan_stops_the_message(settings, ledger, now, found, state, said):
    publish_plan(settings, [message(1, [item("R1"), item("R2")])])
    now["R2"] = found
    deliver(settings, TONIGHT)
    ended, reason = states(ledger)[1, TONIGHT]
    assert ended == state and (said is None or said in reason)


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("customer;erp;K1;dispute;ana;2026-11-18;", "cancelled"),
        ("receivable;erp;R1;legal;ana;2026-11-01;2026-11-18", "cancelled"),
        ("receivable;erp;R1;legal;ana;2026-11-01;2026-11-17", "sent"),
        ("receivable;billing;R1;legal;ana;2026-11-01;", "sent"),
        ("customer;erp;K1;because;ana;2026-11-18;", "planned"),
    ],
)
def test_a_hold_entered_in_the_morning_stops_the_message(settings, ledger, now, line, state):
    publish_plan(settings, [message(1, [item("R1")])])
    plan(settings, TONIGHT)
    now["R1"] = {"customer_id": "K1"}
    holds = settings.config / "holds.csv"
    holds.write_text(holds.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    channel = Recorder()
    if state == "planned":
        # Wrong from the moment on that the delivery has begun.
        good = holds.read_text(encoding="utf-8").replace(line + "\n", "")
        holds.write_text(good, encoding="utf-8")
        ready = LastLook(settings, TONIGHT, ledger)
        holds.write_text(good + line + "\n", encoding="utf-8")
        messages = [message for chunk in PlanFile(read_batch(settings, TONIGHT).path(FILE)).messages() for message in chunk]
        assert ready(messages).stopped == {messages[0].message_key: ("planned", HOLDS_UNREADABLE)}
        return
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert states(ledger)[1, TONIGHT][0] == state


def test_a_hold_on_one_account_stops_what_is_about_another_account_of_the_payer(settings, ledger):
    payer = message(1)[0]["customer_key"]
    accounts = [{"source": "billing", "customer_id": "K9", "customer_key": payer}]
    publish_plan(settings, [message(1, [item("R1")]), message(2)], aliases=accounts)
    plan(settings, TONIGHT)
    with (settings.config / "holds.csv").open("a", encoding="utf-8") as holds:
        holds.write("customer;billing;K9;hardship;ana;2026-11-18;\n")
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=Recorder())
    assert {number: state for (number, _), (state, _) in states(ledger).items()} == {1: "cancelled", 2: "sent"}


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"code": "CONTESTA"}, "cancelled"),
        ({"code": "PAGO_INFORMADO"}, "cancelled"),
        ({"code": "NAO_ATENDE"}, "sent"),
        ({"promised_on": TONIGHT}, "cancelled"),
        ({"agreed_on": TONIGHT}, "cancelled"),
    ],
)
@pytest.mark.parametrize("is_known", [False, True])
def test_what_an_agent_recorded_since_the_plan_stops_the_message(settings, ledger, told, state, is_known):
    """What the night's feedback already held was weighed by the plan itself."""
    day = TONIGHT - timedelta(days=1)
    person, money = {"customer_key": f"C{1:020x}", "agent_id": "ana"}, {"currency": "BRL", "amount": Decimal(10)}
    with ledger.engine.begin() as connection:
        if "code" in told:
            connection.execute(outcomes.insert(), {"outcome_id": "x", "contacted_on": day, **told, **person})
        elif "promised_on" in told:
            connection.execute(promises.insert(), {"promise_id": "x", "made_on": day, **told, **person, **money})
        else:
            row = {"agreement_id": "x", "installments": 2, "discount_rate": Decimal(0), **told, **person, **money}
            connection.execute(agreements.insert(), row | {"agreed_on": day})
    if is_known:
        publish_feedback(settings, TONIGHT)
    publish_plan(settings, [message(1), message(2)])
    deliver(settings, TONIGHT)
    assert states(ledger)[1, TONIGHT][0] == ("sent" if is_known else state)
    assert states(ledger)[2, TONIGHT][0] == "sent"


def test_a_message_that_waited_is_looked_at_again(settings, ledger, monkeypatch):
    """The provider is slow, so the claim takes longer than a look stays fresh; no time passes but with each answer."""
    monkeypatch.setattr("cobranca.reminders.sender.FRESH_SECONDS", 0.2)
    passed = []
    monkeypatch.setattr("cobranca.reminders.sender.time", SimpleNamespace(monotonic=lambda: 0.15 * len(passed)))
    publish_plan(settings, [message(n) for n in range(12)])
    looks, channel = [], Recorder()

    def look(messages) -> Seen:
        looks.append(len(messages))
        return Seen(ready=list(messages))

    def slow(letter) -> Outcome:
        passed.append(letter)
        return Outcome("sent", provider_message_id="1")

    channel.send = slow
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel, last_look=look).sent == 12
    assert looks[0] == 12 and len(looks) > 1 and sorted(looks, reverse=True) == looks


def test_sources_that_answer_too_slowly_hold_the_messages(settings, ledger, monkeypatch):
    monkeypatch.setattr("cobranca.reminders.sender.FRESH_SECONDS", 0.01)
    publish_plan(settings, [message(1)])

    def look(messages) -> Seen:
        time.sleep(0.05)
        return Seen(ready=list(messages))

    assert deliver(settings, TONIGHT, last_look=look).held == 1
    assert states(ledger)[1, TONIGHT] == ("planned", TOO_SLOW)


def test_a_message_that_must_not_leave_is_rejected_with_its_reason(settings, ledger):
    wrong = item("R2", boleto_line="23793381286000782713695000063305975520000370001")
    publish_plan(settings, [message(1, email="sem e-mail"), message(2, [wrong]), message(3)])
    counts = deliver(settings, TONIGHT)
    assert (counts.rejected, counts.sent) == (2, 1)
    assert states(ledger)[1, TONIGHT] == ("rejected", "e-mail inválido")
    state, reason = states(ledger)[2, TONIGHT]
    assert state == "rejected" and reason.startswith("boleto com dígito verificador inválido")


def test_a_step_that_asks_for_approval_waits_for_a_person(settings, ledger):
    publish_plan(settings, [message(1, requires_approval=True), message(2)])
    counts = deliver(settings, TONIGHT)
    assert (counts.held, counts.sent) == (1, 1)
    assert states(ledger)[1, TONIGHT] == ("planned", "aguarda aprovação de uma pessoa")
    assert approve(settings, TONIGHT, "gerente") == 1
    assert deliver(settings, TONIGHT).sent == 2


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


@pytest.mark.parametrize(("today", "state"), [(TONIGHT, "sent"), (TOMORROW, "expired"), (date(2027, 1, 1), "expired")])
def test_a_past_date_never_reaches_people(settings, ledger, today, state):
    publish_plan(settings, [message(1)])
    channel = Recorder()
    deliver(settings, TONIGHT, clock=noon(today), channel=channel)
    assert states(ledger)[1, TONIGHT][0] == state
    assert len(channel.letters) == (state == "sent")


def test_each_message_waits_for_the_hour_where_its_payer_lives(settings, ledger):
    publish_plan(settings, [message(1, state="SP"), message(2, state="AC"), message(3, state=None)])
    channel = Recorder()
    counts = deliver(settings, TONIGHT, clock=hour(8), channel=channel)
    assert (counts.sent, counts.held, counts.waits) == (2, 1, 1)
    assert states(ledger)[2, TONIGHT] == ("planned", "fora do horário permitido onde o cliente mora")
    counts = deliver(settings, TONIGHT, clock=hour(10), channel=channel)
    assert (counts.sent, counts.held, counts.waits) == (3, 0, 0)


def test_a_night_that_goes_on_past_midnight_stops(settings, ledger):
    publish_plan(settings, [message(n) for n in range(6)])
    channel, now = Recorder(), [noon(TONIGHT)()]
    channel.threads = 1

    def send(letter):
        now.append(now[-1] + timedelta(hours=6.5))
        return Outcome("sent", provider_message_id="1")

    channel.send = send
    counts = deliver(settings, TONIGHT, clock=lambda: now[-1], channel=channel)
    assert 2 <= counts.sent <= 2 + AHEAD and counts.held == 6 - counts.sent and counts.waits == 0


def hour(at: int, minute: int = 30):
    return lambda: datetime(2026, 11, 18, at, minute, tzinfo=ZoneInfo("America/Sao_Paulo"))


def test_whose_hours_are_over_keeps_nobody_waiting(settings, ledger):
    publish_plan(settings, [message(1, channel="whatsapp", state="CE"), message(2, requires_approval=True)])
    counts = deliver(settings, TONIGHT, clock=hour(18), channel=Recorder())
    assert (counts.held, counts.waits) == (2, 0)
    assert states(ledger)[1, TONIGHT] == ("planned", NO_HOUR_LEFT)


def test_the_hour_that_ends_within_a_claim_ends_it(settings, ledger):
    publish_plan(settings, [message(n) for n in range(60)])
    channel, now, late = Recorder(), [hour(19, 59)()], []
    channel.threads = 1

    def send(letter):
        late.append(now[0].hour >= 20)
        now[0] += timedelta(seconds=14)
        return Outcome("sent", provider_message_id="1")

    channel.send = send
    counts = deliver(settings, TONIGHT, clock=lambda: now[0], channel=channel)
    assert sum(late) <= AHEAD
    assert counts.sent == len(late) < 10 and counts.waits == 0


def test_what_a_silent_source_holds_is_tried_again_the_same_day(settings, ledger, monkeypatch):
    publish_plan(settings, [message(n) for n in range(5)])

    def silent(*_):
        raise SourceError("erp is restarting")

    with monkeypatch.context() as patch:
        patch.setattr("cobranca.landing.standing_now", silent)
        counts = deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=Recorder())
        assert (counts.held, counts.waits) == (5, 5)
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=Recorder()).sent == 5


def test_what_the_providers_limit_holds_says_so_and_is_tried_again_the_same_day(settings, ledger):
    publish_plan(settings, [message(n) for n in range(60)])
    channel = Recorder()
    channel.send = lambda letter: Outcome("retry", "limite de envio do provedor", wait_seconds=400)
    counts = deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel, claim_size=20)
    assert (counts.held, counts.waits) == (60, 60)
    assert set(states(ledger).values()) <= {("planned", reason) for reason in ("limite de envio do provedor", NOT_BEGUN.reason)}
    counts = deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=Recorder())
    assert (counts.sent, counts.waits) == (60, 0)
    assert set(states(ledger).values()) == {("sent", None)}


def test_a_limit_that_ended_long_ago_by_the_providers_word_is_not_hammered(settings, ledger):
    publish_plan(settings, [message(1)])
    channel, asked = Recorder(), []
    channel.threads = 1

    def send(letter):
        asked.append(letter)
        return Outcome("retry", "limite de envio do provedor", wait_seconds=0)

    channel.send = send
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel, patience_seconds=1)
    assert 2 <= len(asked) <= 6


def test_a_provider_that_refuses_one_message_after_the_other_is_not_asked_to_the_end(settings, ledger):
    publish_plan(settings, [message(n) for n in range(100)])
    channel = Recorder()
    channel.send = lambda letter: Outcome("rejected", "recusada pelo provedor (HTTP 400)")
    with pytest.raises(DeliveryHalted, match="uma mensagem após a outra"):
        deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    found = Counter(state for state, _ in states(ledger).values())
    assert found["planned"] >= 50 and found["rejected"] + found["planned"] == 100


def test_a_date_in_the_future_takes_nothing_from_today(settings, ledger):
    publish_plan(settings, [message(n) for n in range(3)])
    plan(settings, TONIGHT)
    publish_plan(settings, [message(9, night=TOMORROW)], night=TOMORROW)
    with pytest.raises(DeliveryRefused):
        deliver(settings, TOMORROW, clock=noon(TONIGHT), channel=Recorder())
    with pytest.raises(DeliveryRefused):
        plan(replace(settings, delivery="sendgrid"), TOMORROW, clock=noon(TONIGHT))
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=Recorder()).sent == 3


def test_what_a_dead_worker_had_claimed_yesterday_ends_nothing_of_today(settings, ledger):
    batch = publish_plan(settings, [message(1)])
    plan(settings, TONIGHT)
    assert ledger.claim(TONIGHT, batch.batch_id, "dead", limit=9, after="", lease_seconds=0.05)
    time.sleep(0.1)
    publish_plan(settings, [message(1, [item("R00001", days=2, night=TOMORROW)], night=TOMORROW)], night=TOMORROW)
    plan(settings, TOMORROW)
    assert states(ledger)[1, TONIGHT][0] == "expired"
    assert deliver(settings, TOMORROW, clock=noon(TOMORROW), channel=Recorder()).sent == 1


def test_another_plan_of_a_date_over_another_channel_writes_to_nobody_again(settings, ledger):
    publish_plan(settings, [message(1)])
    channel = Recorder()
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    publish_plan(settings, [message(1, channel="sms"), message(2, channel="sms")])
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert len(channel.letters) == 2
    found = states(ledger, channel="sms")
    assert found == {(1, TONIGHT): ("suppressed", ALREADY_WRITTEN_TODAY), (2, TONIGHT): ("sent", None)}


@pytest.mark.parametrize(
    ("channel", "code", "state"),
    [("sms", "NUMERO_ERRADO", "cancelled"), ("sms", "NAO_LIGAR", "cancelled"), ("email", "NUMERO_ERRADO", "sent"),
     ("email", "NAO_LIGAR", "sent"), ("email", "FALECIDO", "cancelled"), ("sms", "FALECIDO", "cancelled")],
)  # fmt: skip
def test_what_an_agent_heard_about_the_telephone_stops_what_goes_to_it(settings, ledger, channel, code, state):
    publish_plan(settings, [message(1, channel=channel)])
    publish_feedback(settings, TONIGHT)
    heard = {"outcome_id": "o1", "contacted_on": TONIGHT, "customer_key": f"C{1:020x}", "agent_id": "a", "code": code}
    with ledger.engine.begin() as connection:
        connection.execute(outcomes.insert(), heard)
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=Recorder())
    assert states(ledger)[1, TONIGHT][0] == state


def test_a_message_that_the_ledger_does_not_hold_is_noticed_even_beside_others(settings, ledger, monkeypatch):
    publish_plan(settings, [message(1), message(2)])
    plan(settings, TONIGHT)
    publish_plan(settings, [message(2), message(3)])
    monkeypatch.setattr(ContactLedger, "newest_plan", lambda self, day: read_batch(settings, day).batch_id)
    monkeypatch.setattr(ContactLedger, "has_strays", lambda self, day, batch_id: False)
    with pytest.raises(Unbalanced, match="2 messages, the ledger 1 contacts"):
        deliver(settings, TONIGHT)


def test_a_future_date_is_refused(settings):
    publish_plan(settings, [message(1)])
    channel = Recorder()
    with pytest.raises(DeliveryRefused, match="future"):
        deliver(settings, TONIGHT, clock=noon(TONIGHT - timedelta(days=1)), channel=channel)
    assert channel.letters == []


def test_thirty_dates_that_are_made_up_for_reach_nobody(settings):
    channel = Recorder()
    for days in range(30, 0, -1):
        night = TONIGHT - timedelta(days=days)
        publish_plan(settings, [message(1, [item("R1", night=night)], night=night, step=f"d+{40 - days}")], night=night)
        assert deliver(settings, night, clock=noon(TONIGHT), channel=channel).sent == 0
    publish_plan(settings, [message(1, [item("R1")])])
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel).sent == 1
    assert len(channel.letters) == 1


def test_a_backfill_of_thirty_dates_and_its_repetition_write_each_message_once(settings):
    nights = [TONIGHT - timedelta(days=days) for days in range(30, 0, -1)]
    for number, night in enumerate(nights):
        publish_plan(settings, [message(1, [item("R1", night=night)], night=night, step=f"d+{number}")], night=night)
        assert deliver(settings, night).new == 1
    letters = {path: path.stat().st_mtime_ns for path in (settings.data / "outbox").rglob("*.eml")}
    assert len(letters) == 30
    for night in (nights[0], nights[15], nights[-1]):
        counts = deliver(settings, night)
        assert (counts.new, counts.sent) == (0, 1)
    assert letters == {path: path.stat().st_mtime_ns for path in (settings.data / "outbox").rglob("*.eml")}


def test_a_full_disk_halts_the_delivery_and_nothing_is_lost(settings, ledger, monkeypatch):
    publish_plan(settings, [message(n) for n in range(5)])

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("cobranca.reminders.channels.outbox.Outbox.close", lambda self: None)
        broken.setattr("cobranca.reminders.channels.outbox.write_atomically", full)
        with pytest.raises(DeliveryHalted, match="No space left"):
            deliver(settings, TONIGHT)
    assert {state for state, _ in states(ledger).values()} == {"planned"}
    assert deliver(settings, TONIGHT).sent == 5


def test_an_error_in_the_middle_leaves_nothing_in_doubt(settings, ledger, monkeypatch):
    publish_plan(settings, [message(n) for n in range(9)])
    monkeypatch.setattr("cobranca.reminders.wording.greeting", _breaks_at(5))
    with pytest.raises(ZeroDivisionError):
        deliver(settings, TONIGHT)
    assert sorted(state for state, _ in states(ledger).values()) == ["planned"] * 5 + ["sent"] * 4
    monkeypatch.undo()
    monkeypatch.setattr("cobranca.landing.standing_now", as_planned)
    assert deliver(settings, TONIGHT).sent == 9


def _breaks_at(number: int):
    calls = iter(range(1, 1000))
    return lambda found: "Ana" if next(calls) < number else 1 / 0


def test_what_the_outbox_already_holds_is_not_left_in_doubt(settings, ledger):
    publish_plan(settings, [message(1), message(2)])
    deliver(settings, TONIGHT)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("drop trigger contacts_go_known_ways")
        connection.execute(contacts.update().values(state="unknown"))
    next(settings.folder("outbox", TONIGHT).glob("*.eml")).unlink()
    counts = deliver(settings, TONIGHT)
    assert (counts.sent, counts.unknown) == (1, 1)


def test_a_provider_that_confirms_nothing_is_not_asked_to_the_end(settings):
    publish_plan(settings, [message(n) for n in range(60)])
    channel = Recorder()
    channel.send = lambda letter: Outcome("unknown", "resposta 500 do provedor")
    counts = deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert counts.unknown <= 20 + AHEAD * channel.threads and counts.held == 60 - counts.unknown


def test_few_messages_are_in_doubt_at_a_time(settings, ledger):
    publish_plan(settings, [message(n) for n in range(30)])
    seen = []
    channel = Recorder()

    def send(letter) -> Outcome:
        seen.append(ledger.counts(TONIGHT).get("sending", 0))
        return Outcome("sent", provider_message_id="1")

    channel.send = send
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel).sent == 30
    assert max(seen) <= AHEAD * channel.threads and min(seen) >= 1, "sending is committed before any byte leaves"


def test_lost_contacts_are_noticed():
    with pytest.raises(Unbalanced, match="3 messages, the ledger 2"):
        balance(TONIGHT, "b", 3, {"sent": 2}, new=0, already=0)
    with pytest.raises(Unbalanced, match="strange"):
        balance(TONIGHT, "b", 1, {"strange": 1}, new=0, already=0)


def test_without_an_explicit_setting_nobody_is_reached(settings, monkeypatch):
    assert open_channel(settings, TONIGHT).is_real is False
    production = replace(settings, delivery="sendgrid")
    with pytest.raises(ConfigError, match="sendgrid"):
        open_channel(production, TONIGHT)
    monkeypatch.setenv("AIRFLOW_CONN_SENDGRID", "http://:SG.secret@")
    channel = open_channel(production, TONIGHT)
    assert (channel.name, channel.is_real) == ("sendgrid", True) and "secret" not in repr(channel)
    monkeypatch.setenv("AIRFLOW_CONN_SENDGRID", '{"conn_type": "http", "host": "http://mail.example.com", "password": "x"}')
    with pytest.raises(ConfigError, match="https"):
        open_channel(production, TONIGHT)
