"""States that a provider reports or confirms: forward only, and reconciliation of ``unknown``."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from cobranca.ledger.states import CONTACT_STATES, REPORTED_STATES
from cobranca.ledger.tables import contacts
from ledger.contact_rows import NIGHT, contact, insert_contacts, state_reasons


def test_reconciliation_sets_accepted_unknown_contacts_of_the_date_to_sent(ledger):
    insert_contacts(
        ledger,
        contact(1, state="unknown", state_reason="parou"),
        contact(2, state="unknown", state_reason="parou"),
        contact(3, state="unknown", business_date=NIGHT - timedelta(days=1)),
        contact(4, state="rejected"),
    )
    asked = []
    accepted = ledger.outcomes.confirm_unknown(NIGHT, lambda key: asked.append(key) or key == "m1")
    assert accepted == 1
    assert sorted(asked) == ["m1", "m2"]
    assert state_reasons(ledger) == {
        "m1": ("sent", None),
        "m2": ("unknown", "parou"),
        "m3": ("unknown", None),
        "m4": ("rejected", None),
    }


@pytest.mark.parametrize("state", REPORTED_STATES)
def test_a_report_moves_only_sent_contacts_and_only_forward(ledger, state):
    before = {f"m{number}": name for number, name in enumerate(CONTACT_STATES)}
    insert_contacts(ledger, *(contact(n, state=name) for n, name in enumerate(CONTACT_STATES)))
    moved = {name for key, name in before.items() if ledger.outcomes.record_event(key, state)}
    earlier = REPORTED_STATES[: REPORTED_STATES.index(state)]
    assert moved == {"sending", "unknown", *earlier}
    after = {key: name for key, (name, _) in state_reasons(ledger).items()}
    assert after == {key: state if name in moved else name for key, name in before.items()}


def test_a_report_sets_the_reason_and_the_providers_id_and_ends_the_lease(ledger):
    insert_contacts(
        ledger, contact(1, state="sending", lease_expires_at=datetime(2026, 11, 18, 12))
    )
    assert ledger.outcomes.record_event("m1", "bounced", "caixa cheia", "sg-1")
    with ledger.engine.connect() as connection:
        row = connection.execute(sa.select(contacts)).one()
    assert (row.state_reason, row.provider_message_id) == ("caixa cheia", "sg-1")
    assert row.lease_expires_at is None


def test_a_report_about_an_unknown_message_changes_nothing(ledger):
    assert not ledger.outcomes.record_event("m1", "delivered")


def test_a_state_that_no_provider_reports_is_refused(ledger):
    with pytest.raises(ValueError, match="'planned' is no state that a provider reports"):
        ledger.outcomes.record_event("m1", "planned")


def test_a_late_report_does_not_take_the_step_from_a_later_contact(ledger):
    insert_contacts(ledger, contact(1, state="bounced"))
    insert_contacts(
        ledger,
        contact(2, episode_key="erp:1", business_date=NIGHT + timedelta(days=1), state="sent"),
    )
    assert not ledger.outcomes.record_event("m1", "complained")
    assert state_reasons(ledger)["m1"] == ("bounced", None)
