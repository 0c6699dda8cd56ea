"""Lookups of contacts and payers: counts, missing keys, the newest plan, opt-outs."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from cobranca.ledger.provider_events import consent
from cobranca.ledger.state_reasons import CONTACT_HOURS_OVER, STALE_PAYMENTS
from cobranca.ledger.tables import consents, erasures, payer_accounts, promises
from ledger.contact_rows import NIGHT, contact, insert_contacts, planned_contact


def test_contacts_of_a_date_are_counted_by_state(ledger):
    yesterday = NIGHT - timedelta(days=1)
    insert_contacts(
        ledger,
        contact(1, state="sent"),
        contact(2, state="sent"),
        contact(3),
        contact(4, state="sent", business_date=yesterday),
    )
    assert ledger.lookups.count_by_state(NIGHT) == {"sent": 2, "planned": 1}


def test_missing_keys_are_those_without_a_contact_in_the_order_given(ledger):
    insert_contacts(ledger, contact(2))
    assert ledger.lookups.missing_keys(["m3", "m2", "m1"]) == ["m3", "m1"]


def test_sendable_contacts_are_leased_or_planned_without_a_final_hold_or_a_missing_approval(ledger):
    insert_contacts(
        ledger,
        contact(1),
        contact(2, state_reason="fora do horário"),
        contact(3, state="claimed"),
        contact(4, state="sending"),
        contact(5, requires_approval=True, approved_by="ana"),
        contact(6, requires_approval=True),
        contact(7, state_reason=CONTACT_HOURS_OVER),
        contact(8, state_reason=STALE_PAYMENTS),
        contact(9, state="sent"),
        contact(10, business_date=NIGHT + timedelta(days=1)),
    )
    assert ledger.lookups.count_sendable(NIGHT) == 5
    assert ledger.lookups.count_leased(NIGHT) == 2


def test_the_newest_plan_is_the_batch_entered_last(ledger):
    assert ledger.lookups.newest_plan(NIGHT) is None
    for batch in ("b2", "b1"):
        ledger.planner.plan(NIGHT, batch, [])
    ledger.planner.plan(NIGHT + timedelta(days=1), "b3", [])
    assert ledger.lookups.newest_plan(NIGHT) == "b1"


def test_a_contact_released_after_a_newer_plan_is_planned_by_another_batch(ledger):
    ledger.planner.plan(NIGHT, "b1", [[(planned_contact(1), [])]])
    ledger.worker.claim(NIGHT, "b1", "w1", limit=9, after="", lease_seconds=60)
    ledger.planner.plan(NIGHT, "b2", [[(planned_contact(1, batch_id="b2"), [])]])
    assert not ledger.lookups.has_planned_by_other_batch(NIGHT, "b2")
    ledger.worker.release("w1", ["m1"])
    assert ledger.lookups.has_planned_by_other_batch(NIGHT, "b2")
    assert not ledger.lookups.has_planned_by_other_batch(NIGHT, "b1")


def test_the_newest_consent_of_a_channel_counts_and_of_two_at_one_time_the_refusal(ledger):
    noon = datetime(2026, 11, 18, 12)
    later = noon + timedelta(hours=1)
    rows = [
        consent("C1", "email", False, "link", noon),
        consent("C1", "email", True, "person", later),
        consent("C2", "email", True, "person", noon),
        consent("C2", "email", False, "link", later),
        consent("C3", "sms", False, "link", noon),
        consent("C3", "sms", True, "person", noon),
        consent("C4", "email", False, "link", noon),
    ]
    with ledger.engine.begin() as connection:
        connection.execute(consents.insert(), rows)
    assert ledger.lookups.opted_out(["C1", "C2", "C3"]) == {
        ("C2", "email", None),
        ("C3", "sms", None),
    }


def test_a_consent_counts_for_its_own_payer_and_channel(ledger):
    noon = datetime(2026, 11, 18, 12)
    later = noon + timedelta(hours=1)
    rows = [
        consent("C1", "email", False, "link", noon),
        consent("C1", "sms", True, "person", later),
        consent("C2", "email", True, "person", later),
    ]
    with ledger.engine.begin() as connection:
        connection.execute(consents.insert(), rows)
    assert ledger.lookups.opted_out(["C1", "C2"]) == {("C1", "email", None)}


def test_a_refusal_of_one_creditor_stands_until_a_consent_for_all(ledger):
    noon = datetime(2026, 11, 18, 12)
    later = noon + timedelta(hours=1)
    rows = [
        consent("C1", "email", False, "link", noon, "varejo"),
        consent("C2", "email", False, "link", noon, "varejo"),
        consent("C2", "email", True, "person", later),
        consent("C3", "email", True, "person", noon),
        consent("C3", "email", False, "link", later, "varejo"),
        consent("C4", "email", False, "link", noon, "varejo"),
        consent("C4", "email", False, "link", later),
    ]
    with ledger.engine.begin() as connection:
        connection.execute(consents.insert(), rows)
    assert ledger.lookups.opted_out(["C1", "C2", "C3", "C4"]) == {
        ("C1", "email", "varejo"),
        ("C3", "email", "varejo"),
        ("C4", "email", "varejo"),
        ("C4", "email", None),
    }


def add_accounts(ledger, *rows: tuple) -> None:
    """Accounts as ``(customer_key, known_since, source, customer_id)``."""
    names = [column.name for column in payer_accounts.c]
    with ledger.engine.begin() as connection:
        connection.execute(
            payer_accounts.insert(), [dict(zip(names, row, strict=True)) for row in rows]
        )


def test_a_payer_is_erased_by_the_key_or_by_an_account_of_the_same_source(ledger):
    add_accounts(
        ledger,
        ("C1", NIGHT, "erp", "1"),
        ("C2", NIGHT, "erp", "2"),
        ("C3", NIGHT, "bank", "2"),
    )
    person = {"erased_on": NIGHT, "author": "ana", "reason": "pedido"}
    with ledger.engine.begin() as connection:
        erased = ("C1", "crm", "7"), ("C8", "shop", "2"), ("C9", "erp", "2")
        for key, source, customer_id in erased:
            account = {"customer_key": key, "source": source, "customer_id": customer_id}
            connection.execute(erasures.insert(), account | person)
    assert ledger.lookups.payer_flags(["C1", "C2", "C3"]).erased == {"C1", "C2"}


def promise(customer_key: str, on: date) -> dict:
    return {
        "promise_id": f"{customer_key} {on}",
        "customer_key": customer_key,
        "made_on": on,
        "promised_on": on,
        "currency": "BRL",
        "amount": Decimal(1),
        "agent_id": "ana",
    }


def payers_of_promises(ledger, *rows: dict, asked: list[str]) -> dict[str, set[str]]:
    """The payers that each promise is about, by the promise's id."""
    with ledger.engine.begin() as connection:
        connection.execute(promises.insert(), list(rows))
    found: dict[str, set[str]] = {}
    for record in ledger.lookups.payer_flags(asked).agent_records:
        found.setdefault(record.event_id, set()).add(record.customer_key)
    return found


def test_a_record_follows_an_account_from_the_first_day_of_its_key(ledger):
    """C1 got account 2 on the night; the account now belongs to C2."""
    before = NIGHT - timedelta(days=1)
    add_accounts(
        ledger,
        ("C1", before - timedelta(days=9), "erp", "1"),
        ("C1", NIGHT, "erp", "2"),
        ("C2", NIGHT + timedelta(days=1), "erp", "2"),
    )
    found = payers_of_promises(ledger, promise("C1", before), promise("C1", NIGHT), asked=["C2"])
    assert found == {f"C1 {NIGHT}": {"C2"}}


def test_an_account_with_the_same_id_in_another_source_is_another_payer(ledger):
    """C1 had account 1 of the ERP, now of C2, and later account 2; C2 has another account 2."""
    long_before = NIGHT - timedelta(days=90)
    add_accounts(
        ledger,
        ("C1", long_before, "erp", "1"),
        ("C1", long_before + timedelta(days=1), "erp", "2"),
        ("C2", NIGHT, "erp", "1"),
        ("C2", NIGHT, "bank", "2"),
    )
    rows = promise("C1", long_before), promise("C1", NIGHT)
    assert payers_of_promises(ledger, *rows, asked=["C2"]) == {f"C1 {long_before}": {"C2"}}


def test_the_switch_is_read(ledger):
    assert not ledger.lookups.is_paused()
    ledger.switches.pause("ana", "feriado")
    assert ledger.lookups.is_paused()
    ledger.switches.resume("ana", "fim")
    assert not ledger.lookups.is_paused()
