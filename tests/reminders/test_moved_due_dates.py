"""A step is taken once for each due date of a debt: a new one begins anew, an earlier one repeats nothing."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from cobranca.ledger.addresses import address_mark, digest
from cobranca.ledger.contacts import STEP_ALREADY_DONE
from cobranca.ledger.tables import ALWAYS, contacts
from cobranca.reminders import deliver
from reminders.plans import TONIGHT, item, message, publish_plan
from reminders.test_delivery import ledger, now, states  # noqa: F401 - fixtures

SUPPRESSED = ("suppressed", STEP_ALREADY_DONE)


def contacted(settings, ledger, nights_later: int, days_past_due: int, **changes) -> tuple[str, str | None]:  # noqa: F811
    night = TONIGHT + timedelta(days=nights_later)
    publish_plan(settings, [message(1, [item("R", days=days_past_due, night=night)], night=night, **changes)], night=night)
    deliver(settings, night)
    return states(ledger)[1, night]


@pytest.mark.parametrize("known", [pytest.param(True, id="kept"), pytest.param(False, id="written before due dates were kept")])
def test_an_overdue_step_is_taken_once_for_each_due_date(settings, ledger, known):  # noqa: F811
    assert contacted(settings, ledger, 0, 1)[0] == "sent"
    if not known:
        with ledger.engine.begin() as connection:
            connection.execute(contacts.update().values(counts_from=ALWAYS))
    assert contacted(settings, ledger, 2, 3) == SUPPRESSED, "the same due date"
    assert contacted(settings, ledger, 4, 9) == SUPPRESSED, "an earlier one"
    assert contacted(settings, ledger, 12, 3)[0] == "sent", "a later one"
    assert contacted(settings, ledger, 14, 5) == SUPPRESSED, "and that one once, too"


def test_a_preventive_step_is_taken_once_for_each_due_date(settings, ledger):  # noqa: F811
    step = {"step": "d-3", "step_offset": -3, "template": "preventive"}
    assert contacted(settings, ledger, 0, -3, **step)[0] == "sent"
    assert contacted(settings, ledger, 1, -2, **step) == SUPPRESSED
    assert contacted(settings, ledger, 2, -3, **step)[0] == "sent"


def test_of_an_address_so_little_is_kept_that_nobody_finds_it(settings, ledger):  # noqa: F811
    contacted(settings, ledger, 0, 1, email="Maria@Example.com")
    with ledger.engine.connect() as connection:
        mark = connection.scalar(sa.select(contacts.c.address_mark))
    assert mark == address_mark(" maria@example.com") == digest("maria@example.com")[:4]
