"""Rights of the working role on PostgreSQL (``grants.sql``)."""

from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from cobranca.ledger import engine as engine_module
from cobranca.ledger import open_ledger
from cobranca.ledger.contact_worker import SendResult
from cobranca.ledger.tables import (
    contact_history,
)
from ledger.clients import LedgerClients
from ledger.contact_rows import NIGHT, planned_contact


def test_the_working_role_can_work_but_not_rewrite_the_history(postgres_server):
    url = postgres_server.create_database("ledger_grants")
    owner = open_ledger(url)
    script = (
        (Path(engine_module.__file__).parent / "grants.sql")
        .read_text(encoding="utf-8")
        .replace(':"app"', "worker")
    )
    with owner.begin() as connection:
        connection.exec_driver_sql("create role worker login password 'w'")
        connection.exec_driver_sql(script)
    worker = open_ledger(sa.make_url(url).set(username="worker", password="w"))
    ledger = LedgerClients(worker, retry_seconds=0)
    try:
        item = {
            "receivable_key": "erp:1",
            "currency": "BRL",
            "open_amount": Decimal(1),
            "amount_due": Decimal(1),
        }
        for batch in ("b1", "b2"):
            ledger.planner.plan(NIGHT, batch, [[(planned_contact(batch_id=batch), [item])]])
        assert ledger.worker.claim(NIGHT, "b2", "w1", limit=9, after="", lease_seconds=60) == ["m1"]
        ledger.worker.advance("w1", ended=[], start=["m1"], lease_seconds=60)
        ledger.worker.advance("w1", ended=[SendResult("m1", "sent")], start=[], lease_seconds=60)
        assert ledger.outcomes.record_event("m1", "delivered")
        ledger.switches.pause("ana", "x")
        ledger.run_log.record_run("r", NIGHT, "plan", "b2", {})
        for statement in (
            "delete from contact_history", "update contact_history set reason = 'x'",
            "truncate contact_history",
            "insert into contact_history (message_key, at, to_state, batch_id) values ('m9', "
                "now(), 'sent', 'b')",
            "alter table contact_history disable trigger all", "drop table contact_history",
            "delete from contacts",
            "drop trigger contacts_updated on contacts", "update alembic_version set version_num "
                "= '0001'",
        ):  # fmt: skip
            with (
                pytest.raises(sa.exc.DBAPIError, match="permission denied|must be owner"),
                worker.begin() as connection,
            ):
                connection.exec_driver_sql(statement)
        with worker.connect() as connection:
            states = list(
                connection.scalars(
                    sa.select(contact_history.c.to_state).order_by(contact_history.c.id)
                )
            )
        assert states[-4:] == ["claimed", "sending", "sent", "delivered"]
    finally:
        worker.dispose()
        with owner.begin() as connection:
            connection.exec_driver_sql("drop owned by worker")
            connection.exec_driver_sql("drop role worker")
        owner.dispose()
