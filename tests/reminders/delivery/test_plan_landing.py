"""What a plan's landing held: agents' records and money for no receivable, by their ids."""

from datetime import timedelta
from decimal import Decimal

from cobranca.reminders.delivery.plan_landing import PlanLanding
from reminders.plans import TONIGHT
from warehouse.nights import land_night, payment

ADVANCE = {
    "payment_id": "a1",
    "receivable_id": None,
    "customer_id": "1",
    "paid_on": TONIGHT,
    "amount": Decimal(5),
}


def test_only_records_of_the_landing_are_known(settings):
    record = {"customer_key": "C1", "agent_id": "ana", "currency": "BRL", "amount": Decimal(1)}
    feedback = {
        "outcomes": [{"outcome_id": "o1", "contacted_on": TONIGHT, "code": "RECADO"}],
        "promises": [record | {"promise_id": "p1", "made_on": TONIGHT, "promised_on": TONIGHT}],
        "agreements": [record | {"agreement_id": "g1", "agreed_on": TONIGHT, "installments": 1}],
    }
    land_night(settings, TONIGHT, feedback=feedback)
    landing = PlanLanding(settings, TONIGHT)
    assert landing.records({"o1", "p1", "g1", "o2"}) == {"o1", "p1", "g1"}


def test_advances_are_those_of_their_source_that_name_no_receivable(settings):
    land_night(
        settings,
        TONIGHT,
        payments=[
            ADVANCE,
            ADVANCE | {"payment_id": "a2", "source": "crm"},
            payment("p1", "R1", TONIGHT.isoformat()),
        ],
    )
    landing = PlanLanding(settings, TONIGHT)
    assert landing.advances("erp") == {"a1"}
    assert landing.advances("crm") == {"a2"}


def test_a_landing_that_is_not_kept_held_nothing(settings):
    land_night(settings, TONIGHT, payments=[ADVANCE])
    landing = PlanLanding(settings, TONIGHT - timedelta(days=1))
    assert landing.advances("erp") == frozenset()
    assert landing.records({"o1"}) == set()
    assert PlanLanding(settings, TONIGHT).advances("other") == frozenset()
