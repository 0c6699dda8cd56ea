"""Claims, leases and results of a sending worker."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from cobranca.ledger.contact_worker import SendResult
from cobranca.ledger.state_reasons import STEP_ALREADY_DONE, WORKER_LOST
from cobranca.ledger.tables import contacts
from ledger.clients import LedgerClients
from ledger.contact_rows import NIGHT, contact, insert_contacts, planned_contact, state_reasons


@pytest.fixture
def planned(ledger) -> LedgerClients:
    """A ledger with three planned contacts of batch b1."""
    ledger.planner.plan(NIGHT, "b1", [[(planned_contact(number), []) for number in (1, 2, 3)]])
    return ledger


def claim(ledger: LedgerClients, owner="w1", *, limit=9, after="", seconds=60) -> list[str]:
    return ledger.worker.claim(NIGHT, "b1", owner, limit=limit, after=after, lease_seconds=seconds)


def start(ledger: LedgerClients, *keys: str, owner="w1", seconds=60) -> list[str]:
    return ledger.worker.advance(owner, ended=[], start=keys, lease_seconds=seconds)


def end(ledger: LedgerClients, *results: SendResult, owner="w1") -> None:
    ledger.worker.advance(owner, ended=results, start=[], lease_seconds=60)


def test_a_claim_takes_keys_in_order_up_to_the_limit_and_each_key_once(planned):
    assert claim(planned, limit=2) == ["m1", "m2"]
    assert claim(planned, "w2") == ["m3"]
    assert claim(planned, "w3") == []


def test_a_claim_continues_after_a_key(planned):
    assert claim(planned, after="m2") == ["m3"]


def test_a_claim_takes_contacts_of_its_batch_only(planned):
    assert planned.worker.claim(NIGHT, "b2", "w1", limit=9, after="", lease_seconds=60) == []


def test_nothing_is_claimed_or_started_while_sending_is_paused(planned):
    assert claim(planned, limit=1) == ["m1"]
    planned.switches.pause("ana", "feriado")
    assert claim(planned) == []
    assert start(planned, "m1") == []
    planned.switches.resume("ana", "fim")
    assert start(planned, "m1") == ["m1"]


def test_a_step_that_was_done_meanwhile_is_suppressed_instead_of_claimed(planned):
    earlier = NIGHT - timedelta(days=1)
    # With another first day of counting, the unique index does not refuse the claim.
    done = contact(9, episode_key="erp:2", business_date=earlier, payer_key="C2", state="sent")
    insert_contacts(planned, done | {"counts_from": earlier})
    assert claim(planned) == ["m1", "m3"]
    assert state_reasons(planned)["m2"] == ("suppressed", STEP_ALREADY_DONE)


def test_a_step_that_another_payer_took_meanwhile_is_claimed(planned):
    """The debt moved to its true payer."""
    insert_contacts(planned, contact(9, episode_key="erp:2", payer_key="C9", state="sent"))
    assert claim(planned) == ["m1", "m2", "m3"]


def test_the_unique_index_suppresses_the_second_of_two_claims_of_one_step(planned):
    """Both contacts are planned, so neither counts as done when they are claimed together.

    They are with one payer, under two keys.
    """
    insert_contacts(planned, contact(4, episode_key="erp:1", payer_key="C1"))
    assert claim(planned) == ["m1", "m2", "m3"]
    assert state_reasons(planned)["m4"] == ("suppressed", STEP_ALREADY_DONE)


def test_only_a_valid_lease_of_the_owner_may_start(planned):
    claim(planned, limit=1)
    claim(planned, limit=1, seconds=-1)
    assert start(planned, "m1", owner="w2") == []
    assert start(planned, "m1", "m2") == ["m1"]
    assert start(planned, "m1") == ["m1"], "idempotent"


def test_only_a_lease_that_ran_out_is_recovered(planned):
    claim(planned, limit=1, seconds=5)
    claim(planned, "w2", limit=1, seconds=-1)
    assert planned.recovery.recover() == 1
    assert state_reasons(planned) == {
        "m1": ("claimed", None),
        "m2": ("planned", None),
        "m3": ("planned", None),
    }
    assert start(planned, "m1") == ["m1"]


def test_a_slow_owner_records_the_answer_after_the_lease_ran_out(planned):
    claim(planned, limit=1)
    start(planned, "m1", seconds=-1)
    assert planned.recovery.recover() == 0
    assert state_reasons(planned)["m1"] == ("unknown", WORKER_LOST)
    end(planned, SendResult("m1", "sent"), owner="w2")
    assert state_reasons(planned)["m1"][0] == "unknown"
    end(planned, SendResult("m1", "sent"))
    assert state_reasons(planned)["m1"] == ("sent", None)


def test_a_message_whose_lease_ran_out_is_not_started(planned):
    claim(planned, limit=1, seconds=-1)
    assert start(planned, "m1") == []


def test_a_message_that_is_planned_again_has_no_owner(planned):
    claim(planned, limit=2)
    start(planned, "m1")
    end(planned, SendResult("m1", "planned"))
    planned.worker.release("w1", ["m2"])
    with planned.engine.connect() as connection:
        query = sa.select(contacts.c.owner, contacts.c.lease_expires_at)
        assert set(connection.execute(query)) == {(None, None)}


def test_a_claim_takes_contacts_of_its_date_only(planned):
    tomorrow = NIGHT + timedelta(days=1)
    assert planned.worker.claim(tomorrow, "b1", "w1", limit=9, after="", lease_seconds=60) == []


def test_a_contact_that_waits_for_approval_is_not_claimed(ledger):
    insert_contacts(
        ledger,
        contact(1, requires_approval=True),
        contact(2, requires_approval=True, approved_by="ana"),
    )
    assert claim(ledger) == ["m2"]


def test_a_renewed_lease_is_not_recovered(planned):
    claim(planned, limit=1, seconds=60)
    planned.worker.renew("w1", 3600)
    with planned.engine.connect() as connection:
        expires_at = contacts.c.lease_expires_at
        query = sa.select(expires_at, contacts.c.updated_at).where(expires_at.is_not(None))
        lease, now = connection.execute(query).one()
    assert lease - now > timedelta(minutes=50)


def test_a_renewal_does_not_revive_an_expired_lease(planned):
    claim(planned, limit=1, seconds=-1)
    planned.worker.renew("w1", 3600)
    assert start(planned, "m1") == []
    assert planned.recovery.recover() == 1


def test_a_message_that_may_have_left_is_neither_started_nor_planned_again(planned):
    """Its lease ran out, so whether it left is not known."""
    claim(planned, limit=1)
    start(planned, "m1", seconds=-1)
    planned.recovery.recover()
    assert start(planned, "m1") == []
    end(planned, SendResult("m1", "planned"))
    assert state_reasons(planned)["m1"] == ("unknown", WORKER_LOST)


def test_a_result_keeps_the_provider_s_id_of_the_message(planned):
    claim(planned, limit=1)
    start(planned, "m1")
    end(planned, SendResult("m1", "sent", provider_message_id="x-1"))
    with planned.engine.connect() as connection:
        query = sa.select(contacts.c.provider_message_id).where(contacts.c.message_key == "m1")
        assert connection.scalar(query) == "x-1"


def test_a_claimed_contact_leaves_the_scheduled_batch_of_an_earlier_owner(planned):
    claim(planned, limit=1)
    planned.scheduled.schedule("w1", ["m1"], "earlier", 1800)
    planned.worker.release("w1", ["m1"])
    claim(planned, limit=1)
    with planned.engine.connect() as connection:
        query = sa.select(contacts.c.scheduled_batch, contacts.c.scheduled_for)
        assert set(connection.execute(query)) == {(None, None)}


@pytest.mark.parametrize("state", ["sent", "rejected", "unknown", "planned"])
def test_a_result_is_recorded_once_by_the_owner_that_was_sending(planned, state):
    claim(planned, limit=2)
    start(planned, "m1")
    end(planned, SendResult("m1", state), owner="w2")
    assert state_reasons(planned)["m1"][0] == "sending"
    end(planned, SendResult("m1", state, "motivo"), SendResult("m2", state))
    assert state_reasons(planned)["m1"] == (state, "motivo")
    assert state_reasons(planned)["m2"][0] == "claimed", "it was never being sent"


def test_a_released_contact_can_be_claimed_by_another_worker(planned):
    claim(planned)
    planned.worker.release("w2", ["m1"])
    assert state_reasons(planned)["m1"] == ("claimed", None)
    planned.worker.release("w1", ["m1"], reason="fora do horário")
    planned.worker.release("w1", ["m2"], "cancelled", "contestado")
    assert state_reasons(planned)["m1"] == ("planned", "fora do horário")
    assert state_reasons(planned)["m2"] == ("cancelled", "contestado")
    assert claim(planned, "w2") == ["m1"]
    assert state_reasons(planned)["m1"] == ("claimed", None)


def test_a_hold_reason_does_not_replace_another_reason(planned):
    claim(planned, limit=1)
    planned.worker.release("w1", ["m1"], reason="primeiro")
    planned.worker.set_hold_reason(NIGHT, "b1", "segundo")
    reasons = {key: reason for key, (_, reason) in state_reasons(planned).items()}
    assert reasons == {"m1": "primeiro", "m2": "segundo", "m3": "segundo"}


def test_a_hold_reason_is_one_of_its_own_batch_and_date(planned):
    planned.worker.set_hold_reason(NIGHT, "b2", "outro lote")
    planned.worker.set_hold_reason(NIGHT + timedelta(days=1), "b1", "outro dia")
    assert set(state_reasons(planned).values()) == {("planned", None)}


def test_all_planned_contacts_of_a_date_are_moved_and_no_others(planned):
    assert planned.worker.set_all_planned(NIGHT + timedelta(days=1), "expired", "tarde") == 0
    claim(planned, limit=1)
    assert planned.worker.set_all_planned(NIGHT, "expired", "tarde") == 2
    assert state_reasons(planned) == {
        "m1": ("claimed", None),
        "m2": ("expired", "tarde"),
        "m3": ("expired", "tarde"),
    }
