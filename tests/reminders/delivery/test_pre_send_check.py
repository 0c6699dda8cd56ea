"""Pre-send check: payments, changes, holds and agents' records after the plan."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from cobranca.errors import SourceError
from cobranca.labels import REASONS, in_sentence
from cobranca.ledger.feedback import publish_feedback
from cobranca.ledger.provider_event import Event
from cobranca.ledger.provider_events import (
    record_consent,
    record_events,
    record_opt_out_by_link,
)
from cobranca.ledger.tables import agreements, erasures, outcomes, promises
from cobranca.partitions.outbound_partition import read_batch
from cobranca.reminders import deliver, plan
from cobranca.reminders.delivery.pre_send_check import HOLDS_UNREADABLE, PreSendCheck
from cobranca.reminders.plan.plan_file import FILE, PlanFile
from creditor_files import make_group
from ledger.clients import LedgerClients
from ledger.contact_rows import contact, insert_contacts
from reminders.contact_states import contact_states
from reminders.fake_channels import AcceptingChannel
from reminders.plans import TONIGHT, as_planned, item, message, noon, publish_plan
from warehouse.nights import land_night

pytestmark = pytest.mark.usefixtures("source_changes")


def test_a_payment_after_the_plan_cancels_the_message(settings, ledger, source_changes):
    publish_plan(settings, [message(1, [item("R1"), item("R2")]), message(2), message(3)])
    source_changes["R2"] = {"paid": Decimal("0.01")}
    source_changes["R00003"] = {"paid": Decimal(-5)}
    counts = deliver(settings, TONIGHT)
    assert (counts.cancelled_paid, counts.sent) == (1, 2)
    assert contact_states(ledger)[1, TONIGHT] == (
        "cancelled_paid",
        "pagamento identificado antes do envio",
    )


@pytest.mark.parametrize(("found", "is_sent"), [({"a1"}, True), ({"a1", "a2"}, False)])
def test_money_for_no_receivable_that_came_after_the_plan_stops_the_message(
    settings, ledger, source_changes, found, is_sent
):
    advance = {"payment_id": "a1", "receivable_id": None, "customer_id": "R1"}
    land_night(settings, TONIGHT, payments=[advance | {"paid_on": TONIGHT, "amount": Decimal(5)}])
    publish_plan(settings, [message(1, [item("R1")])])
    source_changes["R1"] = {"advances": frozenset(found)}
    assert deliver(settings, TONIGHT).sent == is_sent
    if not is_sent:
        assert contact_states(ledger)[1, TONIGHT] == (
            "cancelled",
            "pagamento sem título identificado antes do envio",
        )


def test_a_payment_known_to_the_plan_cancels_nothing(settings, source_changes):
    known = {
        "open_amount": Decimal(400),
        "fine": Decimal(8),
        "interest": Decimal(0),
        "amount_due": Decimal(408),
    }
    publish_plan(settings, [message(1, [item("R1", **known)])])
    source_changes["R1"] = {"paid": Decimal(600), "open_amount": Decimal(400)}
    assert deliver(settings, TONIGHT).sent == 1


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        ({"open_amount": Decimal("999.99")}, "cancelled_paid", "pagamento"),
        ({"paid": Decimal(1000), "status": "cancelled"}, "cancelled_paid", "pagamento"),
        ({"gone": True, "status": None}, "cancelled", "não está mais"),
        ({"status": "agreed"}, "cancelled", "encerrado"),
        ({"disputed": True}, "cancelled", "contestação"),
        ({"amount": Decimal(900)}, "cancelled", "mudou"),
        ({"due_date": TONIGHT}, "cancelled", "mudou"),
        ({"currency": "USD"}, "cancelled", "mudou"),
        ({"creditor": "varejo"}, "cancelled", "mudou"),
        ({"creditor": "principal"}, "sent", None),
        ({"opt_out_email": True}, "cancelled", "pediu"),
        ({"opt_out_phone": True}, "sent", None),
        ({"legal_hold": True}, "cancelled", "legal"),
        ({"deceased": True}, "cancelled", "falecido"),
        ({"unreadable": True, "paid": Decimal(1000)}, "planned", "não pôde ser lido"),
    ],
)
def test_a_change_at_the_source_after_the_plan_stops_the_message(
    settings, ledger, source_changes, found, state, words
):
    publish_plan(settings, [message(1, [item("R1"), item("R2")])])
    source_changes["R2"] = found
    deliver(settings, TONIGHT)
    ended, reason = contact_states(ledger)[1, TONIGHT]
    assert ended == state and (words is None or words in reason)


TOMORROW = TONIGHT + timedelta(days=1)
LAST_DAY = TONIGHT + timedelta(days=90)


@pytest.mark.parametrize(
    ("scheduled", "stated", "state"),
    [
        ([(TOMORROW, "1000.00")], None, "cancelled"),
        ([(TOMORROW, "400.00"), (LAST_DAY, "600.00")], None, "cancelled"),
        ([(LAST_DAY + timedelta(days=1), "1000.00")], None, "sent"),
        ([(TOMORROW, "400.00"), (LAST_DAY + timedelta(days=1), "600.00")], None, "sent"),
        ([(TOMORROW, "100.00")], None, "sent"),
        # less than the minimum amount would be left, or just so much
        ([(TOMORROW, "995.01")], None, "cancelled"),
        ([(TOMORROW, "995.00")], None, "sent"),
        ([(TOMORROW, "1000.00"), (TOMORROW, "-1000.00")], None, "sent"),
        # the source has not booked the payment yet, or has subtracted it
        ([(TOMORROW, "400.00")], "400.00", "cancelled"),
        ([(TOMORROW, "600.00")], "400.00", "sent"),
        ([(TOMORROW, "1000.00")], "1200.00", "cancelled"),
    ],
)
def test_a_payment_of_a_later_date_is_waited_for_only_where_it_will_settle_all(
    settings, ledger, source_changes, scheduled, stated, state
):
    """It is never taken for paid: the plan would ask again every night."""
    owed = min(Decimal(stated or 1000), Decimal(1000))
    known = {"open_amount": owed, "fine": Decimal(0), "interest": Decimal(0), "amount_due": owed}
    publish_plan(settings, [message(1, [item("R1", **known)])])
    source_changes["R1"] = {
        "scheduled": tuple((day, Decimal(amount)) for day, amount in scheduled),
        "open_amount": stated and Decimal(stated),
    }
    deliver(settings, TONIGHT)
    waits = in_sentence(REASONS["payment_scheduled"]) if state == "cancelled" else None
    assert contact_states(ledger)[1, TONIGHT] == (state, waits)


@pytest.mark.parametrize(("creditor", "state"), [("atacado", "sent"), ("varejo", "cancelled")])
def test_a_payment_of_a_later_date_is_waited_for_by_the_limits_of_its_creditor(
    settings, ledger, source_changes, creditor, state
):
    folder = make_group(settings.config)
    with (folder / "atacado.yml").open("a", encoding="utf-8") as file:
        file.write("limits: {scheduled_payment_days: 10}\n")
    publish_plan(settings, [message(1, [item("R1")], creditor=creditor)])
    later = TONIGHT + timedelta(days=11)
    source_changes["R1"] = {"creditor": creditor, "scheduled": ((later, Decimal(1000)),)}
    deliver(settings, TONIGHT)
    assert contact_states(ledger)[1, TONIGHT][0] == state


def test_the_sources_are_asked_what_is_paid_on_the_business_date(settings, monkeypatch):
    days = []

    def read(settings, source, receivable_ids, kept, day):
        days.append(day)
        return as_planned(settings, source, receivable_ids)

    monkeypatch.setattr("cobranca.sources.current_state.read_current_state", read)
    publish_plan(settings, [message(1)])
    deliver(settings, TONIGHT)
    assert days == [TONIGHT]


def test_messages_held_by_an_unavailable_source_are_retried_the_same_day(
    settings, ledger, monkeypatch
):
    publish_plan(settings, [message(n) for n in range(5)])

    def unavailable(*_):
        raise SourceError("erp is restarting")

    with monkeypatch.context() as patch:
        patch.setattr("cobranca.sources.current_state.read_current_state", unavailable)
        counts = deliver(
            settings, TONIGHT, clock=noon(TONIGHT), channel=AcceptingChannel(threads=3)
        )
        assert (counts.held, counts.waits) == (5, 5)
    assert (
        deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=AcceptingChannel(threads=3)).sent
        == 5
    )


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
def test_a_hold_entered_after_the_plan_stops_the_message(
    settings, ledger, source_changes, line, state
):
    publish_plan(settings, [message(1, [item("R1")])])
    plan(settings, TONIGHT)
    source_changes["R1"] = {"customer_id": "K1"}
    holds = settings.config / "holds.csv"
    holds.write_text(holds.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    channel = AcceptingChannel(threads=3)
    if state == "planned":
        # The file becomes invalid after the delivery has started.
        good = holds.read_text(encoding="utf-8").replace(line + "\n", "")
        holds.write_text(good, encoding="utf-8")
        check = PreSendCheck(settings, TONIGHT, ledger.lookups)
        holds.write_text(good + line + "\n", encoding="utf-8")
        messages = [
            message
            for chunk in PlanFile(read_batch(settings, TONIGHT).path(FILE)).messages()
            for message in chunk
        ]
        assert check(messages).stopped == {messages[0].message_key: ("planned", HOLDS_UNREADABLE)}
        return
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert contact_states(ledger)[1, TONIGHT][0] == state


def test_a_hold_on_one_account_stops_messages_about_the_payers_other_accounts(settings, ledger):
    payer = message(1)[0]["customer_key"]
    accounts = [{"source": "billing", "customer_id": "K9", "customer_key": payer}]
    publish_plan(settings, [message(1, [item("R1")]), message(2)], aliases=accounts)
    plan(settings, TONIGHT)
    with (settings.config / "holds.csv").open("a", encoding="utf-8") as holds:
        holds.write("customer;billing;K9;hardship;ana;2026-11-18;\n")
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=AcceptingChannel(threads=3))
    assert {number: state for (number, _), (state, _) in contact_states(ledger).items()} == {
        1: "cancelled",
        2: "sent",
    }


@pytest.mark.parametrize(
    ("record", "state"),
    [
        ({"code": "CONTESTA"}, "cancelled"),
        ({"code": "PAGO_INFORMADO"}, "cancelled"),
        ({"code": "NAO_ATENDE"}, "sent"),
        ({"promised_on": TONIGHT}, "cancelled"),
        ({"agreed_on": TONIGHT}, "cancelled"),
    ],
)
@pytest.mark.parametrize("is_known", [False, True])
def test_an_agents_record_after_the_plan_stops_the_message(
    settings, ledger, record, state, is_known
):
    """A record in the feedback of the night was already known to the plan."""
    day = TONIGHT - timedelta(days=1)
    person, money = (
        {"customer_key": f"C{1:020x}", "agent_id": "ana"},
        {"currency": "BRL", "amount": Decimal(10)},
    )
    with ledger.engine.begin() as connection:
        if "code" in record:
            connection.execute(
                outcomes.insert(), {"outcome_id": "x", "contacted_on": day, **record, **person}
            )
        elif "promised_on" in record:
            connection.execute(
                promises.insert(), {"promise_id": "x", "made_on": day, **record, **person, **money}
            )
        else:
            row = {
                "agreement_id": "x",
                "installments": 2,
                "discount_rate": Decimal(0),
                **record,
                **person,
                **money,
            }
            connection.execute(agreements.insert(), row | {"agreed_on": day})
    if is_known:
        publish_feedback(settings, TONIGHT)
    publish_plan(settings, [message(1), message(2)])
    deliver(settings, TONIGHT)
    assert contact_states(ledger)[1, TONIGHT][0] == ("sent" if is_known else state)
    assert contact_states(ledger)[2, TONIGHT][0] == "sent"


@pytest.mark.parametrize(
    ("channel", "code", "state"),
    [("sms", "NUMERO_ERRADO", "cancelled"), ("sms", "NAO_LIGAR", "cancelled"),
     ("email", "NUMERO_ERRADO", "sent"),
     ("email", "NAO_LIGAR", "sent"), ("email", "FALECIDO", "cancelled"),
      ("sms", "FALECIDO", "cancelled")],
)  # fmt: skip
def test_a_record_about_the_telephone_stops_only_messages_to_it(
    settings, ledger, channel, code, state
):
    publish_plan(settings, [message(1, channel=channel)])
    publish_feedback(settings, TONIGHT)
    outcome = {
        "outcome_id": "o1",
        "contacted_on": TONIGHT,
        "customer_key": f"C{1:020x}",
        "agent_id": "a",
        "code": code,
    }
    with ledger.engine.begin() as connection:
        connection.execute(outcomes.insert(), outcome)
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=AcceptingChannel(threads=3))
    assert contact_states(ledger)[1, TONIGHT][0] == state


@pytest.mark.parametrize(
    ("code", "state"),
    [("PROMESSA", "sent"), ("CONTESTA", "sent"), ("FALECIDO", "cancelled")],
)
@pytest.mark.parametrize("creditor", ["varejo", "principal"])
def test_what_was_said_of_another_creditor_s_debt_stops_nothing_but_of_a_death(
    settings, ledger, code, state, creditor
):
    publish_plan(settings, [message(1)])
    publish_feedback(settings, TONIGHT)
    outcome = {"outcome_id": "o1", "contacted_on": TONIGHT, "customer_key": f"C{1:020x}",
               "creditor": creditor, "agent_id": "a", "code": code}  # fmt: skip
    with ledger.engine.begin() as connection:
        connection.execute(outcomes.insert(), outcome)
    deliver(settings, TONIGHT)
    expected = "cancelled" if creditor == "principal" else state
    assert contact_states(ledger)[1, TONIGHT][0] == expected


@pytest.mark.parametrize(
    ("creditors", "state"),
    [
        (["atacado"], "sent"),
        (["varejo"], "cancelled"),
        ([""], "cancelled"),
        # the hold of another creditor hides none
        (["varejo", "atacado"], "cancelled"),
        (["atacado", "varejo"], "cancelled"),
    ],
)
def test_a_hold_of_one_creditor_stops_its_messages(
    settings, ledger, source_changes, creditors, state
):
    make_group(settings.config)
    publish_plan(settings, [message(1, [item("R1")], creditor="varejo")])
    plan(settings, TONIGHT)
    source_changes["R1"] = {"customer_id": "K1"}
    header = "scope;source;target_id;creditor;reason;author;starts_on;expires_on"
    lines = [f"customer;erp;K1;{creditor};legal;ana;2026-11-18;" for creditor in creditors]
    (settings.config / "holds.csv").write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    deliver(settings, TONIGHT)
    assert contact_states(ledger)[1, TONIGHT][0] == state


@pytest.mark.parametrize(
    ("creditor", "state"), [("varejo", "sent"), ("principal", "cancelled"), (None, "cancelled")]
)
def test_a_link_stops_the_e_mails_of_its_creditor_or_of_all(settings, ledger, creditor, state):
    publish_plan(settings, [message(1)])
    record_opt_out_by_link(ledger.engine, f"C{1:020x}", creditor, noon(TONIGHT)())
    deliver(settings, TONIGHT)
    assert contact_states(ledger)[1, TONIGHT][0] == state


CHANNELS = ("email", "sms", "whatsapp")


def refuse_by_link(ledger, channel: str) -> None:
    record_consent(
        ledger.engine, PAYER, channel, is_opted_in=False, origin="link", at=noon(TONIGHT)()
    )


def report_of(kind: str) -> Callable[[LedgerClients, str], None]:
    """The provider reports ``kind`` about an earlier message to the payer."""

    def report(ledger, channel: str) -> None:
        earlier = contact(
            7,
            customer_key=PAYER,
            channel=channel,
            business_date=TONIGHT - timedelta(days=9),
            state="sent",
        )
        insert_contacts(ledger, earlier)
        event = Event("provider", earlier["message_key"], kind, noon(TONIGHT)())
        assert record_events(ledger.engine, [event]).stopped == 1

    return report


PAYER = f"C{1:020x}"
REFUSALS = {
    "link": refuse_by_link,
    "spam mark": report_of("complained"),
    "STOP": report_of("opted_out"),
}


@pytest.mark.parametrize("refused", CHANNELS)
@pytest.mark.parametrize("how", REFUSALS)
def test_a_refusal_after_the_plan_stops_the_messages_of_its_channel(settings, ledger, how, refused):
    """The payer is written to by every channel, and refuses one after the plan was made."""
    publish_plan(settings, [message(1, [item(each)], channel=each) for each in CHANNELS])
    plan(settings, TONIGHT)
    REFUSALS[how](ledger, refused)
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=AcceptingChannel())
    stopped = ("cancelled", in_sentence(REASONS["opted_out"]))
    for channel in CHANNELS:
        expected = stopped if channel == refused else ("sent", None)
        assert contact_states(ledger, channel)[1, TONIGHT] == expected


def test_a_payer_erased_after_the_plan_gets_no_message(settings, ledger):
    publish_plan(settings, [message(1), message(2)])
    plan(settings, TONIGHT)
    erased = {
        "customer_key": PAYER,
        "source": "erp",
        "customer_id": "1",
        "erased_on": TONIGHT,
        "author": "ana",
        "reason": "pedido",
    }
    with ledger.engine.begin() as connection:
        connection.execute(erasures.insert(), erased)
    deliver(settings, TONIGHT)
    assert contact_states(ledger)[1, TONIGHT] == ("cancelled", in_sentence(REASONS["hold_erased"]))
    assert contact_states(ledger)[2, TONIGHT] == ("sent", None)


def test_a_hold_entered_between_two_checks_stops_the_next_message(settings, ledger):
    publish_plan(settings, [message(1, [item("R1")])])
    messages = [
        found
        for chunk in PlanFile(read_batch(settings, TONIGHT).path(FILE)).messages()
        for found in chunk
    ]
    check = PreSendCheck(settings, TONIGHT, ledger.lookups)
    assert check(messages).ready == messages
    holds = settings.config / "holds.csv"
    good = holds.read_text(encoding="utf-8")
    holds.write_text(good + "receivable;erp;R1;legal;ana;2026-11-01;\n", encoding="utf-8")
    assert [state for state, _ in check(messages).stopped.values()] == ["cancelled"]
    holds.write_text(good + "a line that is no hold\n", encoding="utf-8")
    assert list(check(messages).stopped.values()) == [("planned", HOLDS_UNREADABLE)]
    holds.write_text(good, encoding="utf-8")
    assert check(messages).ready == messages


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
@pytest.mark.parametrize(
    ("found", "state"), [({"opt_out_email": True}, "sent"), ({"opt_out_phone": True}, "cancelled")]
)
def test_a_refusal_of_the_telephone_at_the_source_stops_messages_to_it(
    settings, ledger, source_changes, channel, found, state
):
    publish_plan(settings, [message(1, [item("R1")], channel=channel)])
    source_changes["R1"] = found
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=AcceptingChannel())
    assert contact_states(ledger)[1, TONIGHT][0] == state
