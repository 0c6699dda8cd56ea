"""The ledger's database: migrations, what can never be rewritten, and the feedback of a night."""

import threading
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from cobranca.errors import ConfigError, LedgerError
from cobranca.ledger import engine as engine_module
from cobranca.ledger import open_ledger
from cobranca.ledger.contacts import _PLANNING_LOCK, ContactLedger, Ended
from cobranca.ledger.engine import migrate
from cobranca.ledger.events import consent
from cobranca.ledger.feedback import publish_feedback
from cobranca.ledger.states import CONTACT_STATES, WAYS
from cobranca.ledger.tables import (
    agreements,
    consents,
    contact_history,
    contact_items,
    contacts,
    holdouts,
    metadata,
    outcomes,
    payer_accounts,
    promises,
    suppressions,
    utc_now,
)
from cobranca.schema import FEEDBACK

NIGHT = date(2026, 11, 18)
PROCESSES = get_context("forkserver")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server = request.getfixturevalue("postgres_server")
    return server.create_database(f"ledger_{abs(hash(str(tmp_path))) % 10**12}")


@pytest.fixture
def engine(url):
    engine = open_ledger(url)
    yield engine
    engine.dispose()


def contact(number: int = 1, **changes) -> dict:
    return {
        "message_key": f"m{number}",
        "business_date": NIGHT,
        "batch_id": "b1",
        "customer_key": f"C{number}",
        "episode_key": f"erp:{number}",
        "step": "d+1",
        "step_offset": 1,
        "channel": "email",
        "template": "first_notice",
        "policy_version": "2026-01",
        "state": "planned",
        **changes,
    }


def test_the_migrations_make_exactly_the_declared_tables(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


@pytest.fixture
def batch_of_two(engine):
    """A worker that is given up for dead has handed over both contacts of a batch that leaves in half an hour."""
    ledger = ContactLedger(engine, patience_seconds=0)
    planned = [
        {name: value for name, value in contact(n).items() if name != "state"} | {"requires_approval": False} for n in (1, 2)
    ]
    ledger.plan(NIGHT, "b1", [[(one, []) for one in planned]])
    keys = ledger.claim(NIGHT, "b1", "asleep", limit=9, after="", lease_seconds=60)
    ledger.schedule("asleep", keys, "late", 1800)
    return ledger


def state_of(ledger: ContactLedger) -> dict[str, str]:
    with ledger.engine.connect() as connection:
        return dict(connection.execute(sa.select(contacts.c.message_key, contacts.c.state)).all())


def test_who_wakes_up_while_its_batch_is_cancelled_may_not_write_it_down_as_sent(batch_of_two):
    ledger = batch_of_two
    ledger.advance("asleep", ended=[], start=["m1", "m2"], lease_seconds=-1)
    ledger.recover()
    assert ledger.batches_in_doubt(NIGHT, 660) == ["late"]
    # The provider is being asked to cancel it at this moment.
    ledger.advance("asleep", ended=[Ended("m1", "sent"), Ended("m2", "sent")], start=[], lease_seconds=60)
    assert ledger.take_back(NIGHT, "late", "cancelado") == 2
    assert state_of(ledger) == {"m1": "planned", "m2": "planned"}


@pytest.mark.parametrize("other", ["sending", "sent"])
def test_a_batch_of_which_somebody_knows_more_is_not_cancelled(batch_of_two, other):
    ledger = batch_of_two
    ledger.advance("asleep", ended=[], start=["m1"], lease_seconds=-1)
    ledger.recover()
    ledger.advance("asleep", ended=[], start=["m2"], lease_seconds=60)
    if other == "sent":
        ledger.advance("asleep", ended=[Ended("m2", "sent")], start=[], lease_seconds=60)
    assert state_of(ledger) == {"m1": "unknown", "m2": other}
    assert ledger.batches_in_doubt(NIGHT, 660) == []


def test_a_message_that_leaves_at_once_belongs_to_no_earlier_batch(batch_of_two):
    ledger = batch_of_two
    ledger.release("asleep", ["m1", "m2"])
    # Since then batches were switched off.
    keys = ledger.claim(NIGHT, "b1", "awake", limit=9, after="", lease_seconds=60)
    ledger.advance("awake", ended=[], start=keys, lease_seconds=60)
    ledger.advance("awake", ended=[Ended(key, "unknown") for key in keys], start=[], lease_seconds=60)
    assert ledger.batches_in_doubt(NIGHT, 660) == []
    assert ledger.take_back(NIGHT, "late", "cancelado") == 0


def _open(url: str) -> None:
    open_ledger(url).dispose()


def test_processes_that_start_at_once_migrate_one_after_another(url):
    processes = [PROCESSES.Process(target=_open, args=(url,)) for _ in range(3)]
    for process in processes:
        process.start()
    threads = [threading.Thread(target=_open, args=(url,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in (*threads, *processes):
        thread.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    _open(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [("mysql://x/y", "mysql"), ("nonsense", "not a URL")],
)
def test_a_ledger_of_another_kind_is_explained(url, said):
    with pytest.raises(ConfigError, match=said):
        open_ledger(url)


def test_a_ledger_that_does_not_answer_is_explained_without_its_password():
    with pytest.raises(LedgerError, match="cannot be opened") as caught:
        open_ledger("postgresql://u:s3cret@127.0.0.1:1/x")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "statement",
    [
        "update contact_history set reason = 'x'",
        "delete from contact_history",
        "delete from contacts",
        "insert into contacts select * from contacts",
    ],
)
def test_what_was_done_to_people_cannot_be_rewritten(engine, statement):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), contact())
    with pytest.raises(sa.exc.DBAPIError), engine.begin() as connection:
        connection.exec_driver_sql(statement)


def test_truncate_is_refused_too(postgres_server):
    engine = open_ledger(postgres_server.create_database("ledger_truncate"))
    for table in ("contact_history", "contacts cascade"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(f"truncate {table}")
    engine.dispose()


def test_the_working_role_can_work_but_not_rewrite_the_past(postgres_server):
    url = postgres_server.create_database("ledger_grants")
    owner = open_ledger(url)
    script = (Path(engine_module.__file__).parent / "grants.sql").read_text(encoding="utf-8").replace(':"app"', "worker")
    with owner.begin() as connection:
        connection.exec_driver_sql("create role worker login password 'w'")
        connection.exec_driver_sql(script)
    worker = open_ledger(sa.make_url(url).set(username="worker", password="w"))
    ledger = ContactLedger(worker, patience_seconds=0)
    try:
        planned = {name: value for name, value in contact().items() if name != "state"} | {"requires_approval": False}
        item = {"receivable_key": "erp:1", "currency": "BRL", "open_amount": Decimal(1), "amount_due": Decimal(1)}
        for batch in ("b1", "b2"):
            ledger.plan(NIGHT, batch, [[(planned | {"batch_id": batch}, [item])]])
        assert ledger.claim(NIGHT, "b2", "w1", limit=9, after="", lease_seconds=60) == ["m1"]
        ledger.advance("w1", ended=[], start=["m1"], lease_seconds=60)
        ledger.advance("w1", ended=[Ended("m1", "sent")], start=[], lease_seconds=60)
        assert ledger.record_event("m1", "delivered")
        ledger.pause(True, "ana", "x")
        ledger.record_run("r", NIGHT, "plan", "b2", {})
        for statement in (
            "delete from contact_history", "update contact_history set reason = 'x'", "truncate contact_history",
            "insert into contact_history (message_key, at, to_state, batch_id) values ('m9', now(), 'sent', 'b')",
            "alter table contact_history disable trigger all", "drop table contact_history", "delete from contacts",
            "drop trigger contacts_updated on contacts", "update alembic_version set version_num = '0001'",
        ):  # fmt: skip
            with pytest.raises(sa.exc.DBAPIError, match="permission denied|must be owner"), worker.begin() as connection:
                connection.exec_driver_sql(statement)
        with worker.connect() as connection:
            told = list(connection.scalars(sa.select(contact_history.c.to_state).order_by(contact_history.c.id)))
        assert told[-4:] == ["claimed", "sending", "sent", "delivered"]
    finally:
        worker.dispose()
        with owner.begin() as connection:
            connection.exec_driver_sql("drop owned by worker")
            connection.exec_driver_sql("drop role worker")
        owner.dispose()


def test_every_change_of_state_is_appended_whoever_makes_it(engine):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), contact())
    for state in ("claimed", "sending", "sent"):
        with engine.begin() as connection:
            connection.exec_driver_sql(f"update contacts set state = '{state}', owner = 'w1'")
    with engine.connect() as connection:
        rows = connection.execute(sa.select(contact_history).order_by(contact_history.c.id)).all()
    assert [(row.from_state, row.to_state) for row in rows] == [
        (None, "planned"),
        ("planned", "claimed"),
        ("claimed", "sending"),
        ("sending", "sent"),
    ]
    assert rows == sorted(rows, key=lambda row: row.at)


def test_the_database_refuses_a_second_contact_for_a_step_or_a_day(engine):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), contact(1, state="sent"))
        # A rejected one does not count as done.
        connection.execute(contacts.insert(), contact(2, episode_key="erp:9", state="rejected"))
        connection.execute(contacts.insert(), contact(3, episode_key="erp:9", state="sent"))
    tomorrow = NIGHT + timedelta(days=1)
    for again in (
        contact(4, episode_key="erp:1", business_date=tomorrow, state="claimed"),
        contact(5, customer_key="C1", episode_key="erp:5"),
        contact(6, state="lost"),
        contact(7, step=None),
    ):
        with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
            connection.execute(contacts.insert(), again)


def test_the_database_allows_exactly_the_ways_that_are_written_down(engine):
    went = set()
    for before in CONTACT_STATES:
        for after in CONTACT_STATES:
            with engine.connect() as connection, connection.begin() as transaction:
                connection.execute(contacts.insert(), contact(state=before))
                try:
                    connection.execute(contacts.update().values(state=after))
                    went.add((before, after))
                except sa.exc.DBAPIError as refused:
                    assert "a contact does not go" in str(refused)
                transaction.rollback()
    itself = {(state, state) for state in CONTACT_STATES}
    assert went - itself == set(WAYS) - {("unknown", "planned")}


def test_only_a_cancelled_batch_brings_back_what_was_in_doubt(engine):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), contact(state="unknown", scheduled_batch="b"))
        connection.execute(contacts.update().values(state="planned"))


def test_what_was_written_before_the_ways_were_known_stays(url):
    """The tables of the first release, with contacts and their items in them, brought to the newest."""
    engine = sa.create_engine(url if url.startswith("sqlite") else url.replace("postgresql://", "postgresql+psycopg://"))
    migrate(engine, "0001")
    with engine.begin() as connection:
        columns = {column.name for column in contacts.c} - {"scheduled_batch", "scheduled_for"}
        for number in (1, 2):
            row = {name: value for name, value in contact(number, state="sent").items() if name in columns}
            row |= {"requires_approval": False, "business_date": str(NIGHT)}
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"insert into contacts ({names}) values ({values})"), row)
            connection.execute(sa.text(f"insert into contact_items values ('m{number}', 'r', 'BRL', '1.00', '2.00')"))
    migrate(engine)
    with engine.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(contacts)) == 2
        assert connection.scalars(sa.select(contact_items.c.amount_due)).all() == [Decimal("2.00")] * 2
        connection.execute(contacts.update().where(contacts.c.message_key == "m1").values(state="delivered"))
        changes = connection.execute(sa.select(contact_history.c.from_state, contact_history.c.to_state)).all()
        assert changes == [(None, "sent"), (None, "sent"), ("sent", "delivered")]
    engine.dispose()


def test_leases_are_measured_by_the_databases_clock(engine):
    with engine.connect() as connection:
        now, later = connection.execute(sa.select(utc_now(), utc_now(90))).one()
    assert timedelta(seconds=89) < later - now < timedelta(seconds=91)


def test_money_never_passes_through_a_float(engine):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), contact())
        amounts = {"open_amount": Decimal("9999999999999999.99"), "amount_due": Decimal("0.10")}
        connection.execute(contact_items.insert(), {"message_key": "m1", "receivable_key": "r", "currency": "BRL", **amounts})
        row = connection.execute(sa.select(contact_items)).one()
        assert (row.open_amount, row.amount_due) == (Decimal("9999999999999999.99"), Decimal("0.10"))
    with pytest.raises(sa.exc.StatementError), engine.begin() as connection:
        connection.execute(contact_items.update().values(open_amount=0.1))


def test_no_column_is_made_for_personal_data():
    names = {column.name for table in metadata.tables.values() for column in table.columns}
    assert not names & {"name", "customer_name", "email", "phone", "tax_id", "cpf"} - {"name"}
    assert [table.name for table in metadata.tables.values() if "name" in table.columns] == ["switches"]


def test_the_first_nights_feedback_is_empty_but_complete(settings):
    feedback = publish_feedback(settings, NIGHT)
    assert {entry.name: entry.rows for entry in feedback.files} == {f"{name}.parquet": 0 for name in FEEDBACK}
    for name, schema in FEEDBACK.items():
        assert pq.read_schema(feedback.path(f"{name}.parquet")).equals(schema)


def test_the_feedback_tells_only_what_happened_before_its_date(settings, url):
    settings = type(settings)(settings.config, settings.data, settings.warehouse, url, settings.delivery)
    engine = open_ledger(url)
    with engine.begin() as connection:
        for days in (-1, 0, 1):
            day, key = NIGHT + timedelta(days=days), f"k{days}"
            connection.execute(contacts.insert(), contact(days + 5, business_date=day, state="sent"))
            connection.execute(
                contact_items.insert(),
                {"message_key": f"m{days + 5}", "receivable_key": "erp:1", "currency": "BRL", "open_amount": 1, "amount_due": 2},
            )
            step = {"step": key, "step_offset": 1, "channel": "email", "policy_version": "1"}
            connection.execute(holdouts.insert(), {"business_date": day, "customer_key": "C1", "episode_key": "erp:1", **step})
            said = datetime.combine(day, time(15))
            connection.execute(consents.insert(), consent("C1", "email", False, "link", said))
            listed = {"listed_at": said, "listed_on": day, "address_digest": f"{days:064d}"}
            connection.execute(suppressions.insert(), {"provider": "sendgrid", "kind": "bounced", **listed})
            account = {"customer_key": "C1", "known_since": day, "source": "erp", "customer_id": key}
            connection.execute(payer_accounts.insert(), account)
            person = {"customer_key": "C1", "agent_id": "ana"}
            money = {"currency": "BRL", "amount": Decimal("10.55")}
            connection.execute(outcomes.insert(), {"outcome_id": key, "contacted_on": day, "code": "RECADO", **person})
            connection.execute(promises.insert(), {"promise_id": key, "made_on": day, "promised_on": day, **person, **money})
            connection.execute(
                agreements.insert(),
                {"agreement_id": key, "agreed_on": day, "installments": 3, "discount_rate": Decimal("0.1"), **person, **money},
            )
    feedback = publish_feedback(settings, NIGHT)
    assert {entry.rows for entry in feedback.files} == {1}
    assert feedback.entry("promises.parquet").totals == {"amount BRL": "10.55"}
    row = pq.read_table(feedback.path("contacts.parquet")).to_pylist()[0]
    assert (row["message_key"], row["business_date"], row["state"]) == ("m4", NIGHT - timedelta(days=1), "sent")
    assert pq.read_table(feedback.path("contact_items.parquet")).to_pylist()[0]["amount_due"] == Decimal("2.00")
    assert publish_feedback(settings, NIGHT).batch_id == feedback.batch_id
    engine.dispose()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_who_fell_asleep_in_a_transaction_keeps_nobody_waiting(url, monkeypatch):
    open_ledger(url).dispose()
    monkeypatch.setattr(engine_module, "IDLE_SECONDS", 0.3)
    asleep, awake = open_ledger(url), open_ledger(url)
    plan = [[({**contact(), "requires_approval": False}, [])]]
    with asleep.connect() as sleeper:
        sleeper.execute(sa.select(sa.func.pg_advisory_xact_lock(_PLANNING_LOCK)))
        assert ContactLedger(awake).plan(NIGHT, "b1", plan) == 1
        with pytest.raises(sa.exc.InternalError, match="idle-in-transaction"):
            sleeper.execute(sa.select(1))
        sleeper.invalidate()
    for engine in (asleep, awake):
        engine.dispose()
