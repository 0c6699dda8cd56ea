"""Thank-yous and surveys: off until wanted, in the ledger and within the limits of every message, and never a second one for
one settled debt."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from cobranca.errors import ConfigError, PartitionError, SourceError
from cobranca.ledger import open_ledger
from cobranca.ledger.contacts import WAITS_FOR_ITS_HOUR
from cobranca.ledger.tables import contacts
from cobranca.policy import load_policy
from cobranca.reminders import deliver, plan
from cobranca.reminders.channels import Outcome
from cobranca.reminders.last_look import CLOSED, GONE, REOPENED, SILENT_SOURCE, UNREADABLE
from cobranca.reminders.messages import Courtesies, PlanFile
from cobranca.reminders.window import TIME_ZONE
from cobranca.words import REASONS, in_sentence
from reminders.plans import TONIGHT, as_planned, message, noon, publish_plan

NEXT = TONIGHT + timedelta(days=1)
NOON = noon(TONIGHT)


@pytest.fixture(autouse=True)
def now(monkeypatch) -> dict[str, dict]:
    """What the source says now of a receivable, where it differs from the plan."""
    now: dict[str, dict] = {}

    def standing(settings, source, ids, kept):
        return {key: replace(found, **now.get(key, {})) for key, found in as_planned(settings, source, ids).items()}

    monkeypatch.setattr("cobranca.landing.standing_now", standing)
    return now


class Real:
    """A real channel that takes everything and reaches nobody."""

    name, is_real, threads = "real", True, 1

    def send(self, letter) -> Outcome:
        return Outcome("sent", provider_message_id=letter.message_key)

    def was_accepted(self, key: str) -> bool:
        return False

    def close(self) -> None:
        pass


def settled(number: int, night: date = TONIGHT, **changes) -> dict:
    return {
        "business_date": night,
        "survey_key": f"S{number:024x}",
        "customer_key": f"C{number:020x}",
        "customer_name": f"Rita Paga {number}",
        "email": f"rita.{number}@example.com",
        "state": "SP",
        "source": "erp",
        "receivable_id": f"P{number}",
        "receivable_key": f"erp:P{number}",
        "settled_on": TONIGHT - timedelta(days=1),
        **changes,
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


def thank(settings, *surveys: dict, clock: Callable[[], datetime] = NOON) -> list[tuple[str, str | None]]:
    """What becomes of thank-yous: the state and the reason of each."""
    want(settings, "thank_you")
    publish_plan(settings, [message(99)], surveys=surveys)
    deliver(settings, TONIGHT, clock=clock, channel=Real(), patience_seconds=1)
    engine = open_ledger(settings.ledger)
    with engine.connect() as connection:
        query = sa.select(contacts.c.state, contacts.c.state_reason).where(contacts.c.template == "thank_you")
        found = connection.execute(query.order_by(contacts.c.customer_key)).all()
    engine.dispose()
    return [tuple(row) for row in found]


def test_thanks_wait_for_the_hour_where_the_payer_lives(settings):
    # in Rio Branco it is 6:05
    early = datetime(2026, 11, 18, 8, 5, tzinfo=TIME_ZONE)
    there = thank(settings, settled(1, state="SP"), settled(2, state="AC"), clock=lambda: early)
    assert there == [("sent", None), ("planned", WAITS_FOR_ITS_HOUR)]


PAID = {"amount": Decimal("100.00"), "paid": Decimal("100.00")}


LOOKS = [
    (PAID, ("sent", None)),
    (PAID | {"paid": Decimal("103.00")}, ("sent", None)),
    # settled by the balance that the source itself states
    (PAID | {"paid": Decimal("90.00"), "open_amount": Decimal("0.00")}, ("sent", None)),
    (PAID | {"paid": Decimal("0.00")}, ("cancelled", REOPENED)),
    (PAID | {"paid": Decimal("99.99")}, ("cancelled", REOPENED)),
    (PAID | {"deceased": True}, ("cancelled", in_sentence(REASONS["hold_deceased"]))),
    (PAID | {"legal_hold": True}, ("cancelled", in_sentence(REASONS["hold_legal"]))),
    (PAID | {"opt_out_email": True}, ("cancelled", in_sentence(REASONS["opted_out"]))),
    (PAID | {"opt_out_phone": True}, ("sent", None)),
    (PAID | {"disputed": True}, ("cancelled", in_sentence(REASONS["hold_dispute"]))),
    (PAID | {"status": "cancelled"}, ("cancelled", CLOSED)),
    ({"gone": True, "status": None}, ("cancelled", GONE)),
    ({"unreadable": True}, ("planned", UNREADABLE)),
]


def test_thanks_are_looked_at_for_the_last_time_at_the_source(settings, now):
    now |= {f"P{number}": found for number, (found, _) in enumerate(LOOKS)}
    assert thank(settings, *(settled(number) for number in range(len(LOOKS)))) == [fate for _, fate in LOOKS]


def test_a_silent_source_holds_thanks(settings, monkeypatch):
    def silent(settings, source, ids, kept):
        if source == "billing":
            raise SourceError("billing does not answer")
        return as_planned(settings, source, ids)

    monkeypatch.setattr("cobranca.landing.standing_now", silent)
    fates = thank(settings, settled(1), settled(2, source="billing"))
    assert fates == [("sent", None), ("planned", SILENT_SOURCE.format(source="billing"))]


def test_a_hold_of_today_stops_thanks(settings):
    with (settings.config / "holds.csv").open("a", encoding="utf-8") as holds:
        holds.write("receivable;erp;P2;legal;gerente;2026-11-18;2026-12-31\n")
    assert thank(settings, settled(1), settled(2)) == [("sent", None), ("cancelled", in_sentence(REASONS["hold_legal"]))]


def test_a_plan_made_before_thanks_could_be_looked_at_is_built_again(settings):
    batch = publish_plan(settings, [message(1)], surveys=[settled(2)])
    path = settings.data / "old.parquet"
    pq.write_table(pq.read_table(batch.path("out_surveys.parquet")).drop_columns(["state", "source"]), path)
    with pytest.raises(PartitionError, match=r"old\.parquet lacks the columns state, source; build that date's plan again"):
        PlanFile(batch.path("out_reminders.parquet"), Courtesies(path, "thank_you", "v1"))


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
