"""Thank-yous and surveys: off until wanted, in the ledger like every message, and never a second one for one settled debt."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from cobranca.errors import ConfigError
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts
from cobranca.policy import load_policy
from cobranca.reminders import deliver, plan
from reminders.plans import TONIGHT, as_planned, message, publish_plan

NEXT = TONIGHT + timedelta(days=1)


@pytest.fixture(autouse=True)
def nobody_paid_meanwhile(monkeypatch):
    monkeypatch.setattr("cobranca.landing.standing_now", as_planned)


def settled(number: int, night: date = TONIGHT) -> dict:
    return {
        "business_date": night,
        "survey_key": f"S{number:024x}",
        "customer_key": f"C{number:020x}",
        "customer_name": f"Rita Paga {number}",
        "email": f"rita.{number}@example.com",
        "receivable_key": f"erp:P{number}",
        "settled_on": TONIGHT - timedelta(days=1),
    }


def want(settings, after_payment: str, survey_url: str | None = None) -> None:
    path = settings.config / "creditor.yml"
    text = path.read_text(encoding="utf-8").replace("after_payment: none", f"after_payment: {after_payment}")
    path.write_text(text.replace("survey_url: null", f"survey_url: {survey_url or 'null'}"), encoding="utf-8")


def in_ledger(settings) -> list[tuple]:
    engine = open_ledger(settings.ledger)
    with engine.connect() as connection:
        columns = (contacts.c.business_date, contacts.c.template, contacts.c.step, contacts.c.state)
        found = connection.execute(sa.select(*columns).order_by(*columns)).all()
    engine.dispose()
    return [tuple(row) for row in found]


def test_nobody_is_thanked_until_the_company_wants_it(settings):
    publish_plan(settings, [message(1)], surveys=[settled(2)])
    assert deliver(settings, TONIGHT).planned == 1
    assert {template for _, template, _, _ in in_ledger(settings)} == {"first_notice"}


def test_thanks_go_out_with_the_night_s_reminders_and_are_counted(settings):
    want(settings, "thank_you")
    publish_plan(settings, [message(1)], surveys=[settled(2), settled(3)])
    counts = plan(settings, TONIGHT)
    assert (counts.planned, counts.held) == (3, 3)
    counts = deliver(settings, TONIGHT)
    assert (counts.planned, counts.sent) == (3, 3)
    thanks = [path for path in settings.folder("outbox", TONIGHT).glob("*.eml") if "Rita" in path.read_text(encoding="utf-8")]
    assert len(thanks) == 2


def test_a_debt_that_is_chosen_again_is_thanked_for_once(settings):
    want(settings, "survey", "https://www.example.com.br/pesquisa")
    publish_plan(settings, [message(1)], surveys=[settled(2)])
    publish_plan(settings, [message(4, night=NEXT)], night=NEXT, surveys=[settled(2, NEXT), settled(3, NEXT)])
    assert deliver(settings, TONIGHT).sent == 2
    assert deliver(settings, TONIGHT).new == 0
    counts = deliver(settings, NEXT)
    assert (counts.planned, counts.sent, counts.suppressed) == (3, 2, 1)
    asked = [row for row in in_ledger(settings) if row[1] == "survey"]
    assert asked == [
        (TONIGHT, "survey", "survey", "sent"),
        (NEXT, "survey", "survey", "sent"),
        (NEXT, "survey", "survey", "suppressed"),
    ]


def test_a_survey_without_questions_is_refused_with_the_line(settings):
    want(settings, "survey")
    with pytest.raises(ConfigError, match=r"creditor\.yml:\d+.*survey_url"):
        load_policy(settings.config, TONIGHT)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pix_key", "chave com espaço"),
        ("pix_key", "chavé"),
        ("education_url", "http://www.example.com.br"),
        ("education_url", "https://a@example.com"),
        ("unsubscribe_url", "javascript:alert(1)"),
    ],
)
def test_links_and_keys_that_cannot_work_are_refused_with_the_line(settings, name, value):
    path = settings.config / "creditor.yml"
    lines = [f'{name}: "{value}"' if line.startswith(f"{name}:") else line for line in path.read_text("utf-8").splitlines()]
    path.write_text("\n".join(lines), encoding="utf-8")
    number = 1 + next(i for i, line in enumerate(lines) if line.startswith(f"{name}:"))
    with pytest.raises(ConfigError, match=rf"creditor\.yml:{number}"):
        load_policy(settings.config, TONIGHT)
