"""Reports of the provider: whatever their order, number or honesty, contacts end in the same states."""

import itertools
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cobranca.errors import ConfigError
from cobranca.events.event import Event
from cobranca.events.files import read_event_files
from cobranca.events.sendgrid import FRESH_SECONDS, Forged, Unreadable, Verifier, read_events
from cobranca.ledger import open_ledger
from cobranca.ledger.contacts import ContactLedger
from cobranca.ledger.events import record_consent, record_events, settle
from cobranca.ledger.tables import consents, contacts, delivery_events
from cobranca.settings import Settings
from events.reports import ADDRESS, KEY, NOW, Provider, contact, put, states, told

_databases = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request, settings: Settings):
    url = settings.ledger
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").create_database(f"reports_{next(_databases)}")
    engine = open_ledger(url)
    yield ContactLedger(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("report", "state", "reason"),
    [
        (told("processed"), "sent", None),
        (told("deferred", response="400 try again later"), "sent", "adiado pelo destino"),
        (told("delivered"), "delivered", None),
        (
            told(
                "bounce", type="bounce", status="5.1.1", reason=f"550 {ADDRESS} unknown", bounce_classification="Invalid Address"
            ),
            "bounced",
            "devolvido: endereço inexistente, código 5.1.1",
        ),
        (told("dropped", reason="Bounced Address"), "bounced", "não enviado pelo provedor: endereço que já devolveu mensagens"),
        # none of these says anything against the address
        (told("bounce", type="blocked", reason="listed"), "undelivered", "devolvido: bloqueado pelo destino"),
        (
            told("bounce", type="bounce", bounce_classification="Reputation"),
            "undelivered",
            "devolvido: recusado pela reputação do remetente",
        ),
        (
            told("dropped", reason="Recipient List over Package Quota"),
            "undelivered",
            "não enviado pelo provedor: cota do provedor esgotada",
        ),
        (
            told("dropped", reason="Spam Content (if Spam Checker app is enabled)"),
            "undelivered",
            "não enviado pelo provedor: conteúdo recusado pelo provedor",
        ),
        (
            told("dropped", reason="Unsubscribed Address"),
            "undelivered",
            "não enviado pelo provedor: o cliente pediu para não receber e-mails",
        ),
        (told("spamreport"), "complained", None),
        (told("unsubscribe"), "unknown", None),
    ],
)
def test_each_report_has_one_meaning_and_repeats_no_address(ledger, report, state, reason):
    put(ledger, contact(1, "unknown"))
    events, others = read_events(json.dumps([report]).encode())
    assert (len(events), others) == (1, 0)
    assert record_events(ledger, events).new == 1
    with ledger.engine.connect() as connection:
        row = connection.execute(sa.select(contacts)).one()
        kept = connection.execute(sa.select(delivery_events)).one()
    assert (row.state, row.state_reason) == (state, reason)
    assert ADDRESS not in repr(kept) + repr(row)


def test_an_unwanted_message_and_an_unsubscription_stop_that_channel_of_that_payer(ledger):
    put(ledger, contact(1), contact(2), contact(3))
    reports = [told("spamreport"), told("group_unsubscribe", key=f"M{2:024x}"), told("delivered", key=f"M{3:024x}")]
    for _ in range(2):
        record_events(ledger, read_events(json.dumps(reports).encode())[0])
    payers = [f"C{number:020x}" for number in (1, 2, 3)]
    assert ledger.opted_out(payers) == {(payers[0], "email"), (payers[1], "email")}
    with ledger.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(consents)) == 2
    # Who asks for the messages again gets them, and may change their mind once more.
    record_consent(ledger, payers[0], "email", is_opted_in=True, origin="person", at=NOW + timedelta(days=1))
    assert (payers[0], "email") not in ledger.opted_out(payers)
    record_consent(ledger, payers[0], "email", is_opted_in=False, origin="link", at=NOW + timedelta(days=2))
    assert (payers[0], "email") in ledger.opted_out(payers)


REPORTS = [
    told("processed", at=NOW),
    told("deferred", at=NOW + timedelta(seconds=5)),
    told("delivered", at=NOW + timedelta(minutes=1)),
    told("spamreport", at=NOW + timedelta(hours=3)),
]


def test_every_order_and_every_repetition_of_reports_ends_the_same(settings):
    engine = open_ledger(settings.ledger)
    ledger = ContactLedger(engine)
    orders = list(itertools.permutations(REPORTS))
    put(ledger, *(contact(number, "sending") for number in range(len(orders))))
    for number, order in enumerate(orders):
        for report in (*order, order[0]):
            body = json.dumps([{**report, "message_key": f"M{number:024x}", "sg_event_id": f"{number}"}]).encode()
            record_events(ledger, read_events(body)[0])
    assert set(states(ledger).values()) == {"complained"}
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(delivery_events)) == len(orders) * len(REPORTS)
    engine.dispose()


@pytest.fixture(scope="module")
def shared_ledger(tmp_path_factory):
    engine = open_ledger(f"sqlite:///{tmp_path_factory.mktemp('reports')}/ledger.db")
    yield ContactLedger(engine), itertools.count()
    engine.dispose()


@given(
    batches=st.lists(
        st.lists(st.sampled_from(["processed", "deferred", "delivered", "bounce", "dropped", "spamreport"]), max_size=5),
        max_size=5,
    ),
    start=st.sampled_from(["sending", "unknown", "sent", "planned", "cancelled", "rejected"]),
)
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_contact_only_moves_forward_and_only_if_it_was_sent(shared_ledger, batches, start):
    ledger, numbers = shared_ledger
    number = next(numbers)
    put(ledger, contact(number, start))
    key, farthest = f"M{number:024x}", ("sent", "delivered", "undelivered", "bounced", "complained")
    reached = [start]
    for batch in batches:
        body = json.dumps([told(event, key=key) for event in batch]).encode()
        record_events(ledger, read_events(body)[0])
        reached.append(states(ledger)[key])
    meaning = {"processed": 0, "deferred": 0, "delivered": 1, "dropped": 2, "bounce": 3, "spamreport": 4}
    ranks = [meaning[event] for batch in batches for event in batch]
    if start in ("planned", "cancelled", "rejected") or not ranks:
        assert set(reached) == {start}
    else:
        first = farthest.index(start) if start in farthest else -1
        assert reached[-1] == farthest[max(first, *ranks)]
    assert settle(ledger) == 0


def test_a_report_that_comes_before_its_contact_is_settled_later(ledger):
    record_events(ledger, [Event("sendgrid", KEY, "delivered", NOW), Event("sendgrid", KEY, "accepted", NOW)])
    assert states(ledger) == {}
    put(ledger, contact(1, "sending"))
    assert settle(ledger) == 1
    assert states(ledger) == {KEY: "delivered"}
    assert settle(ledger) == 0


def test_a_wish_that_comes_before_its_contact_is_kept_for_it(ledger):
    record_events(ledger, [Event("sendgrid", KEY, "complained", NOW), Event("sendgrid", KEY, "delivered", NOW)])
    put(ledger, contact(1, "unknown"))
    payer = f"C{1:020x}"
    for _ in range(2):
        settle(ledger)
        assert states(ledger) == {KEY: "complained"}
        assert ledger.opted_out([payer]) == {(payer, "email")}
    record_consent(ledger, payer, "email", is_opted_in=True, origin="person", at=NOW + timedelta(days=1))
    settle(ledger)
    assert ledger.opted_out([payer]) == set(), "a kept report is no newer wish"


def test_what_came_back_cannot_be_changed_or_removed(ledger):
    put(ledger, contact(1))
    record_events(ledger, [Event("sendgrid", KEY, "complained", NOW)])
    for table in (delivery_events, consents):
        for change in (table.delete(), table.update().values({table.c[table.primary_key.columns.keys()[0]]: "x"})):
            with pytest.raises(sa.exc.DBAPIError), ledger.engine.begin() as connection:
                connection.execute(change)


def test_what_is_not_ours_or_changes_nothing_is_left_out():
    reports = [
        told("open"),
        told("click"),
        told("delivered", key=None),
        told("delivered", key="short"),
        told("delivered", key="x" * 500),
        {"event": "delivered", "message_key": KEY},
        {"event": "delivered", "message_key": KEY, "timestamp": 10**30},
        {"event": ["delivered"], "message_key": KEY, "timestamp": 1},
        told("delivered"),
    ]
    events, others = read_events(json.dumps(reports).encode())
    assert (len(events), others) == (1, 8)


# the first second of the calendar, before it, milliseconds, its last second, the first of the years that are no times of ours
IMPOSSIBLE = (-62135596800, -(10**12), -1, 0, 946684799, 1763467200000, 253402300799, 4102444800, "soon", None, [], 1e300)


def test_a_report_of_an_impossible_time_stops_no_other(settings):
    ledger = ContactLedger(open_ledger(settings.ledger))
    put(ledger, contact(1))
    good = told("spamreport")
    reports = [good, *({**good, "timestamp": seconds} for seconds in IMPOSSIBLE)]
    folder = settings.data / "inbox" / "events"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps(reports))
    assert read_event_files(settings) == {"files": 1, "refused": 0, "new": 1, "moved": 1, "stopped": 1, "settled": 0}
    assert [path.name for path in folder.rglob("*.json")] == ["a.json"] and not (folder / "a.json").exists()
    assert states(ledger) == {KEY: "complained"}
    ledger.engine.dispose()


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"[" * 100_000, b"\xff\xfe", b"null", b"12"])
def test_a_body_that_is_no_list_of_events_is_refused(body):
    with pytest.raises(Unreadable):
        read_events(body)


def test_only_what_the_provider_signed_lately_is_believed():
    provider, other, body = Provider(), Provider(), json.dumps([told("delivered")]).encode()
    verifier = Verifier([other.public, provider.public])
    signature, timestamp = provider.sign(body)
    verifier.verify(body, signature, timestamp, NOW)
    verifier.verify(body, signature, timestamp, NOW + timedelta(seconds=FRESH_SECONDS))
    alone = Verifier([provider.public])
    forgeries = {
        "another body": (body + b" ", signature, timestamp, NOW),
        "another time": (body, signature, str(int(timestamp) + 1), NOW),
        "another signer": (body, other.sign(body)[0], timestamp, NOW),
        "a copy kept": (body, signature, timestamp, NOW + timedelta(seconds=FRESH_SECONDS + 1)),
        "from tomorrow": (body, *provider.sign(body, NOW + timedelta(days=1)), NOW),
        "no signature": (body, None, timestamp, NOW),
        "no time": (body, signature, None, NOW),
        "bad base64": (body, "%%%", timestamp, NOW),
        "strange time": (body, signature, "١٢٣", NOW),
        "huge time": (body, signature, "9" * 400, NOW),
        "bad text": (b"\xff", signature, timestamp, NOW),
    }
    for name, forgery in forgeries.items():
        with pytest.raises(Forged):
            alone.verify(*forgery)
            pytest.fail(name)


@pytest.mark.parametrize("keys", [[], ["not a key"], [""]])
def test_a_missing_public_key_says_where_to_get_it(keys):
    with pytest.raises(ConfigError, match="sendgrid_events.*Signature Verification"):
        Verifier(keys)


def test_files_are_read_once_and_bad_ones_set_aside(settings):
    engine = open_ledger(settings.ledger)
    ledger = ContactLedger(engine)
    put(ledger, contact(1), contact(2))
    inbox = settings.data / "inbox" / "events"
    inbox.mkdir(parents=True)
    (inbox / "a.json").write_text(json.dumps([told("delivered")]), encoding="utf-8")
    (inbox / "b.jsonl").write_text("\n".join(json.dumps(told("bounce", key=f"M{2:024x}")) for _ in range(2)), encoding="utf-8")
    (inbox / "c.json").write_text("{half a fi", encoding="utf-8")
    (inbox / "notes.txt").write_text("not for us", encoding="utf-8")
    counts = read_event_files(settings)
    assert counts == {"files": 3, "refused": 1, "new": 2, "moved": 2, "stopped": 0, "settled": 0}
    assert states(ledger) == {KEY: "delivered", f"M{2:024x}": "bounced"}
    (inbox / "a.json").write_text(json.dumps([told("delivered")]), encoding="utf-8")
    assert read_event_files(settings)["new"] == 0
    kept = sorted(path.relative_to(inbox).as_posix() for path in inbox.rglob("*") if path.is_file())
    assert kept == ["notes.txt", "read/a.2.json", "read/a.json", "read/b.jsonl", "refused/c.json"]
    engine.dispose()
