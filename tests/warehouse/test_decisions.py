"""Which payer is contacted and why, on Wednesday 18 November 2026.

Each line is one payer's situation and the decision it must give.
"""

from datetime import date
from decimal import Decimal

import duckdb
import pytest

from cobranca import warehouse
from cobranca.labels import priority_sentence
from warehouse.busy_nights import NIGHT, settings_in
from warehouse.nights import contact, customer, key_of, land_night, payment, receivable

ON_TIME = ["2026-01-12", "2026-02-10", "2026-03-10", "2026-04-10", "2026-05-11", "2026-06-10"]


def paid(prefix: str, customer_id: str, days_late: int = 0) -> tuple[list[dict], list[dict]]:
    """Six settled receivables, each paid that many days after its due date (all bank days)."""
    from datetime import timedelta

    receivables = [receivable(f"{prefix}{n}", customer_id, due) for n, due in enumerate(ON_TIME)]
    payments = [
        payment(
            f"{prefix}{n}",
            f"{prefix}{n}",
            (date.fromisoformat(due) + timedelta(days=days_late)).isoformat(),
        )
        for n, due in enumerate(ON_TIME)
    ]
    return receivables, payments


QUARANTINED = "boleto com valor diferente do título (erp:refused)"
# payer: (customer columns, receivables, payments, expected {receivable: (decision, reason, step)})
SITUATIONS = {
    "overdue": ({}, [("overdue1", "2026-11-13")], {"overdue1": ("remind", "step_due", "d+1")}),
    "due_today_unknown": ({}, [("today", "2026-11-18")], {"today": ("remind", "step_due", "d0")}),
    "due_in_three_days": ({}, [("soon", "2026-11-19")], {"soon": ("remind", "step_due", "d-3")}),
    "far_away": ({}, [("far", "2026-12-18")], {"far": ("none", "not_due", None)}),
    "clearing": ({}, [("yesterday", "2026-11-17")], {"yesterday": ("none", "within_grace", None)}),
    "several": (
        {},
        [
            ("old", "2026-11-10"),
            ("young", "2026-11-12"),
            ("next", "2026-11-19"),
            ("later", "2027-01-10"),
        ],
        {
            "old": ("remind", "step_due", "d+1"),
            "young": ("remind", "carried_by_other", "d+1"),
            "next": ("remind", "carried_by_other", "d+1"),
            "later": ("none", "not_due", None),
        },
    ),
    "long_overdue": (
        {},
        [("ancient", "2026-08-03"), ("upcoming", "2026-11-19")],
        {"ancient": ("call", "step_due", "d+95"), "upcoming": ("none", "superseded", None)},
    ),
    "cents": ({}, [("cents", "2026-11-10", "4.99")], {"cents": ("none", "below_minimum", "d+1")}),
    "dead": (
        {"deceased": True},
        [("estate", "2026-11-10")],
        {"estate": ("none", "hold_deceased", "d+1")},
    ),
    "in_court": (
        {"legal_hold": True},
        [("court", "2026-11-10")],
        {"court": ("none", "hold_legal", "d+1")},
    ),
    "no_email": (
        {"email": None},
        [("nomail", "2026-11-10")],
        {"nomail": ("call", "no_email", "d+1")},
    ),
    "no_email_early": (
        {"email": None},
        [("nomail0", "2026-11-18")],
        {"nomail0": ("none", "no_email", "d0")},
    ),
    "no_phone": (
        {"phone": None},
        [("nophone", "2026-08-03")],
        {"nophone": ("remind", "no_phone", "d+95")},
    ),
    "no_calls": (
        {"opt_out_phone": True},
        [("nocalls", "2026-08-03")],
        {"nocalls": ("remind", "calls_declined", "d+95")},
    ),
    "silent": (
        {"email": None, "phone": None},
        [("silent", "2026-11-10")],
        {"silent": ("none", "no_contact_data", "d+1")},
    ),
    "opted_out": (
        {"opt_out_email": True, "opt_out_phone": True},
        [("out", "2026-11-10")],
        {"out": ("none", "opted_out", "d+1")},
    ),
    "currencies": (
        {},
        [("reais", "2026-11-10"), ("dollars", "2026-11-11", "50.00", "USD")],
        {"reais": ("remind", "step_due", "d+1"), "dollars": ("remind", "carried_by_other", "d+1")},
    ),
}


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """All situations as one company, the contacts of earlier nights included."""
    settings = settings_in(tmp_path_factory.mktemp("situations"))
    customers, receivables, payments = [], [], []
    for name, (columns, owed, _) in SITUATIONS.items():
        customers.append(customer(name, **columns))
        for key, due, *rest in owed:
            amount, currency = (rest + ["100.00", "BRL"][len(rest) :])[:2]
            receivables.append(receivable(key, name, due, amount, currency=currency))
    # one disputed, one partly paid, one paid today
    customers += [customer(name) for name in ("disputing", "partial", "payer")]
    receivables += [
        receivable("disputed", "disputing", "2026-11-10", disputed=True),
        receivable("undisputed", "disputing", "2026-11-11"),
        receivable("part", "partial", "2026-11-10"),
        receivable("paid_today", "payer", "2026-11-10"),
    ]
    payments += [
        payment("p1", "part", "2026-11-12", "40.00"),
        payment("p2", "paid_today", "2026-11-18"),
    ]
    # the ranking decides who is reminded before the due date
    for name, days_late in (("good", 0), ("habitual", 4)):
        customers.append(customer(name))
        settled, settlements = paid(name, name, days_late)
        receivables += [*settled, receivable(f"{name}_due", name, "2026-11-18")]
        payments += settlements
    # payers with a history of contacts
    for name in (
        "fresh",
        "waiting",
        "bounced",
        "refused",
        "unknown",
        "stuck",
        "inherits",
        "listed",
        "not_listed",
        "ended",
        "capped",
        "held_back",
    ):
        customers.append(customer(name))
    receivables += [
        receivable("fresh", "fresh", "2026-11-13"),
        receivable("waiting", "waiting", "2026-11-13"),
        receivable("bounced", "bounced", "2026-11-13"),
        receivable("refused", "refused", "2026-11-13"),
        receivable("unknown", "unknown", "2026-11-13"),
        receivable("stuck", "stuck", "2026-11-10"),
        receivable("inherits_paid", "inherits", "2026-11-03"),
        receivable("inherits", "inherits", "2026-11-09"),
        receivable("listed_paid", "listed", "2026-10-01"),
        receivable("listed", "listed", "2026-11-12"),
        receivable("not_listed_paid", "not_listed", "2026-10-01"),
        receivable("not_listed", "not_listed", "2026-11-12"),
        receivable("ended", "ended", "2026-03-02"),
        receivable("capped", "capped", "2026-11-09"),
        receivable("held_back", "held_back", "2026-11-13"),
    ]
    payments += [
        payment(f"p-{name}", f"{name}_paid", "2026-11-16")
        for name in ("inherits", "listed", "not_listed")
    ]

    def contacted(day, name, receivable_id, step, offset, **columns):
        return contact(day, key_of(name), f"erp:{receivable_id}", step, offset, **columns)

    contacts = [
        contacted("2026-11-16", "fresh", "fresh", "d+1", 1),
        contacted("2026-11-17", "waiting", "waiting", "d+1", 1),
        contacted("2026-11-16", "bounced", "bounced", "d+1", 1, state="bounced"),
        contacted(
            "2026-11-16", "refused", "refused", "d+1", 1, state="rejected", state_reason=QUARANTINED
        ),
        contacted("2026-11-17", "unknown", "unknown", "d+1", 1, state="unknown"),
        contacted("2026-11-17", "held_back", "held_back", "d+1", 1, state="planned"),
        contacted("2026-11-12", "stuck", "stuck", "d+1", 1, state="unknown"),
        # a message without a list, so that it named the next by the dates
        contacted("2026-11-13", "inherits", "inherits_paid", "d+5", 5),
        contacted("2026-11-16", "listed", "listed_paid", "d+35", 35),
        contacted("2026-11-16", "not_listed", "not_listed_paid", "d+35", 35),
        contacted("2026-09-02", "ended", "ended", "d+180", 180),
        *(
            contacted(day, "capped", "other", "d-3", -3)
            for day in ("2026-11-12", "2026-11-14", "2026-11-16")
        ),
    ]
    items = [
        {
            "message_key": f"M-{key_of(name)}-2026-11-16",
            "receivable_key": f"erp:{key}",
            "open_amount": Decimal(1),
        }
        for name, keys in (
            ("listed", ("listed_paid", "listed")),
            ("not_listed", ("not_listed_paid",)),
        )
        for key in keys
    ]
    feedback = {
        "contacts": contacts,
        "contact_items": items,
        **under_former_keys(customers, receivables, contacts),
    }
    land_night(
        settings,
        NIGHT,
        customers=customers,
        receivables=receivables,
        payments=payments,
        feedback=feedback,
    )
    batch = warehouse.build(settings, NIGHT)
    rows = duckdb.sql(
        f"select receivable_id, decision, reason, step from {table(batch, 'fct_decisions')}"
    )
    return batch, {row[0]: row[1:] for row in rows.fetchall()}


def under_former_keys(
    customers: list[dict], receivables: list[dict], contacts: list[dict]
) -> dict[str, list[dict]]:
    """Payers whose tax id was corrected last night.

    What was recorded before stands under the keys that they had until then.
    """
    recorded, accounts, of_agent = (
        {},
        [],
        {"agent_id": "ana", "currency": "BRL", "amount": Decimal(100)},
    )
    for name in (
        "promised",
        "agreed",
        "disputes",
        "followed",
        "limited",
        "shares",
        "leaves",
        "apart",
    ):
        customers.append(customer(name, tax_id=f"{len(customers):011d}"))
        receivables.append(receivable(name, name, "2026-11-13"))
        # the last three stood together under one key; one of them has not for long
        key = "Cwhole" if name in ("shares", "leaves", "apart") else f"C{name}"
        until = date(2026, 11, 1) if name == "apart" else date(9999, 12, 31)
        accounts.append(
            {
                "customer_key": key,
                "source": "erp",
                "customer_id": name,
                "from_on": date(1900, 1, 1),
                "until_on": until,
            }
        )
    recorded["promises"] = [
        {
            "promise_id": key,
            "customer_key": key,
            "made_on": date(2026, 11, 17),
            "promised_on": date(2026, 11, 20),
            **of_agent,
        }
        for key in ("Cpromised", "Cwhole")
    ]
    agreement = {
        "agreement_id": "a",
        "customer_key": "Cagreed",
        "agreed_on": date(2026, 11, 17),
        "installments": 2,
    }
    recorded["agreements"] = [{**agreement, "discount_rate": Decimal(0), **of_agent}]
    recorded["outcomes"] = [
        {
            "outcome_id": "o",
            "contacted_on": date(2026, 11, 17),
            "customer_key": "Cdisputes",
            "agent_id": "ana",
            "code": "CONTESTA",
        }
    ]
    contacts.append(contact("2026-11-16", "Cfollowed", "erp:followed", "d+1", 1))
    contacts += [
        contact(f"2026-11-{day}", "Climited", "erp:other", "d-3", -3) for day in (12, 14, 16)
    ]
    return {"payer_accounts": accounts, **recorded}


def table(batch, name: str) -> str:
    return f"read_parquet('{batch.path(name + '.parquet')}')"


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_situation_gets_its_decision(night, name):
    _, decisions = night
    expected = SITUATIONS[name][2]
    assert {key: decisions[key][:3] for key in expected} == expected


@pytest.mark.parametrize(
    ("receivable_id", "decision", "reason", "step"),
    [
        pytest.param(
            "good_due", "none", "preventive_not_needed", None, id="good payers are not bothered"
        ),
        pytest.param(
            "habitual_due", "remind", "step_due", "d0", id="habitual late payers are reminded"
        ),
        pytest.param("disputed", "none", "hold_dispute", None, id="a dispute is held"),
        pytest.param("undisputed", "remind", "step_due", "d+1", id="and only what is disputed"),
        pytest.param("part", "remind", "step_due", "d+1", id="partly paid is still owed"),
        pytest.param(
            "fresh", "remind", "step_due", "d+3", id="the next step follows a delivered one"
        ),
        pytest.param("waiting", "none", "waiting_next_step", None, id="one step a date"),
        pytest.param(
            "bounced", "call", "invalid_email", "d+1", id="a bounced address becomes a call"
        ),
        pytest.param(
            "refused", "call", "refused_email", "d+1", id="so does a message that could not be sent"
        ),
        pytest.param("unknown", "none", "awaiting_delivery", "d+1", id="an unknown outcome waits"),
        pytest.param("stuck", "call", "delivery_unknown", "d+1", id="but not for ever"),
        pytest.param(
            "held_back",
            "remind",
            "step_due",
            "d+1",
            id="a message that was never sent is decided anew",
        ),
        pytest.param(
            "inherits",
            "call",
            "step_due",
            "d+7",
            id="a debt named without a list goes on from its own step of that day",
        ),
        pytest.param(
            "listed",
            "remind",
            "step_due",
            "d+5",
            id="so does a debt that a message listed, and not from the older one's step",
        ),
        pytest.param(
            "not_listed",
            "remind",
            "step_due",
            "d+1",
            id="a debt that no message listed begins",
        ),
        pytest.param(
            "ended",
            "escalate",
            "end_of_regua",
            None,
            id="the end of the regua is a person's decision",
        ),
        pytest.param(
            "capped", "none", "frequency_cap", "d+1", id="three contacts in seven days are enough"
        ),
    ],
)
def test_history_and_ranking_count(night, receivable_id, decision, reason, step):
    _, decisions = night
    assert decisions[receivable_id][:3] == (decision, reason, step)


@pytest.mark.parametrize(
    ("receivable_id", "decision", "reason", "step"),
    [
        ("promised", "none", "hold_promise", "d+1"),
        ("agreed", "none", "hold_agreement", "d+1"),
        ("disputes", "none", "hold_dispute", "d+1"),
        ("followed", "remind", "step_due", "d+3"),
        ("limited", "none", "frequency_cap", "d+1"),
        pytest.param(
            "shares", "none", "hold_promise", "d+1", id="a promise may be about either part"
        ),
        pytest.param("leaves", "none", "hold_promise", "d+1", id="so it holds both"),
        pytest.param(
            "apart", "remind", "step_due", "d+1", id="but not a payer who was another one by then"
        ),
    ],
)
def test_what_was_recorded_follows_a_payer_whose_tax_id_was_corrected(
    night, receivable_id, decision, reason, step
):
    _, decisions = night
    assert decisions[receivable_id][:3] == (decision, reason, step)


def test_the_caller_reads_why_a_message_was_held_back(night):
    batch, _ = night
    reasons = duckdb.sql(
        f"select priority_reason from {table(batch, 'out_call_queue')} where episode_key = "
        "'erp:refused'"
    )
    assert f"último e-mail não pôde ser enviado: {QUARANTINED}" in priority_sentence(
        reasons.fetchall()[0][0]
    )


def test_whoever_paid_today_is_not_in_the_plan(night):
    _, decisions = night
    assert "paid_today" not in decisions


def test_every_open_receivable_has_one_decision_with_a_reason(busy_night):
    _, batch = busy_night
    receivables, decisions = table(batch, "fct_receivables"), table(batch, "fct_decisions")
    query = (
        "select currency, count(*), count(distinct receivable_key), sum(open_amount) from {} "
        "group by all order by all"
    )
    assert (
        duckdb.sql(query.format(receivables)).fetchall()
        == duckdb.sql(query.format(decisions)).fetchall()
    )
    assert duckdb.sql(
        f"select count(*) from {decisions} where coalesce(trim(reason), '') = ''"
    ).fetchall() == [(0,)]
    reasons = {row[0] for row in duckdb.sql(f"select distinct reason from {decisions}").fetchall()}
    assert len(reasons) > 12, "the busy night should meet most rules"


def test_one_contact_a_payer_a_night_with_every_item_in_it_once(busy_night):
    _, batch = busy_night
    reminders, queue, decisions = (
        table(batch, name) for name in ("out_reminders", "out_call_queue", "fct_decisions")
    )
    assert (
        duckdb.sql(f"select count(*), count(distinct receivable_key) from {reminders}").fetchall()[
            0
        ][0]
        > 20
    )
    assert (
        duckdb.sql(
            f"select receivable_key from {reminders} group by all having count(*) > 1"
        ).fetchall()
        == []
    )
    several = (
        f"select customer_key from {reminders} group by all having count(distinct message_key) > 1"
    )
    assert duckdb.sql(several).fetchall() == []
    assert (
        duckdb.sql(
            f"select customer_key from {reminders} intersect select customer_key from {queue}"
        ).fetchall()
        == []
    )
    selected = f"select receivable_key from {decisions} where decision = 'remind'"
    assert duckdb.sql(f"{selected} except select receivable_key from {reminders}").fetchall() == []
    called = f"select customer_key from {decisions} where decision = 'call'"
    assert duckdb.sql(f"{called} except select customer_key from {queue}").fetchall() == []
    assert (
        duckdb.sql(
            f"select agent_id, queue_position from {queue} group by all having count(*) > 1"
        ).fetchall()
        == []
    )


def test_no_forbidden_payer_is_contacted(busy_night):
    """No one dead, in court, disputing or without consent on that channel.

    Read from the landing, not from the plan.
    """
    settings, _ = busy_night
    with duckdb.connect(settings.warehouse.removeprefix("duckdb:///")) as connection:
        forbidden = connection.execute(
            "select distinct d.customer_key, d.channel, d.receivable_key"
            " from marts.fct_decisions as d"
            " join staging.stg_landing__customers as c using (customer_key)"
            " join staging.stg_landing__receivables as r using (receivable_key)"
            " where d.decision in ('remind', 'call') and (c.is_deceased or c.is_legal_hold or "
            "r.is_disputed"
            " or (d.channel = 'email' and c.is_opted_out_email) or (d.channel = 'phone' and "
            "c.is_opted_out_phone))"
        ).fetchall()
        contacted = connection.execute(
            "select count(*) from marts.fct_decisions where decision in ('remind', 'call')"
        ).fetchone()
    assert forbidden == []
    assert contacted[0] > 50


def test_an_agent_may_go_as_far_as_both_the_agent_and_the_band_allow(busy_night):
    from cobranca.policy import load_policy

    settings, batch = busy_night
    policy = load_policy(settings.config, NIGHT)
    agents = {agent.agent_id: agent for agent in policy.agents}
    bands = [row for row in policy.negotiation if row.level == "*"]
    queue = duckdb.sql(
        "select agent_id, days_past_due, max_discount_rate, max_installments from "
        f"{table(batch, 'out_call_queue')}"
    ).fetchall()
    assert len(queue) > 10
    for agent_id, days, discount, installments in queue:
        if agent_id == "reserva":
            assert discount is None and installments is None
            continue
        (band,) = [row for row in bands if row.from_day <= days <= (row.to_day or days)]
        agent = agents[agent_id]
        assert discount == min(agent.max_discount_rate, band.max_discount_rate)
        assert installments == min(agent.max_installments, band.max_installments)
