"""Each check on the plan, shown by a small plan (or what it was made from) that is wrong in one
thing.
"""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from cobranca.errors import GateFailed, PartitionError
from cobranca.ledger.address_digest import digest
from cobranca.partitions.verdict import read_verdict, require_approval
from cobranca.quality import check_plan
from creditor_files import SECOND_TAX_ID, make_group
from quality.files import (
    D,
    Tables,
    candidate,
    joined_call,
    land,
    land_feedback,
    landing_tables,
    plan_tables,
)

CENTS = Decimal("0.01")


def judged(
    settings,
    plan: Tables,
    landing: Tables | None = None,
    spoil=None,
    feedback: Tables | None = None,
):
    """The verdict of a plan, passed or not, as it was stored."""
    land(settings, landing or landing_tables())
    land_feedback(settings, **(feedback or {}))
    try:
        return check_plan(settings, D, candidate(settings, plan, spoil))
    except GateFailed:
        return read_verdict(settings, D, "plan")


def failed(verdict) -> set[str]:
    assert not [check.observed for check in verdict.checks if check.broken]
    return {f"{check.subject} {check.name}" for check in verdict.checks if not check.passed}


def changed(tables: Tables, good: Tables) -> set[str]:
    return {name for name, rows in tables.items() if rows != good[name]}


def set_in(table: str, row: int, **values):
    return lambda plan: plan[table][row].update(values)


def copy_of(table: str, row: int, **values):
    return lambda plan: plan[table].append({**plan[table][row], **values})


def together(*changes):
    return lambda tables: [change(tables) for change in changes]


def both(row: int, **values):
    """The same change in the facts, their decision and their aging, so that they still tie."""
    aging = {
        name: value
        for name, value in values.items()
        if name in ("open_amount", "amount_due", "currency")
    }
    return together(
        set_in("fct_receivables", row, **values),
        set_in("fct_decisions", row, **aging),
        set_in("fct_aging", row, **aging),
    )


def charged(table: str, row: int, **values):
    """Charges of a message that still add up."""

    def change(plan: Tables) -> None:
        plan[table][row].update(values)
        plan[table][row]["amount_due"] = sum(
            plan[table][row][name] for name in ("open_amount", "fine", "interest")
        )

    return change


def test_a_good_plan_passes_without_a_warning(settings):
    verdict = judged(settings, plan_tables())
    assert failed(verdict) == set() and verdict.passed and not verdict.degraded
    assert require_approval(settings, D, verdict.batch_id) == verdict


SPOILED = {
    # decisions
    "a receivable without a decision": (
        lambda plan: plan["fct_decisions"].pop(2),
        {"fct_decisions decision_for_every_receivable", "fct_decisions decided_amounts"},
    ),
    "two decisions for one receivable": (
        copy_of("fct_decisions", 2),
        {"fct_decisions decision_for_every_receivable", "fct_decisions decided_amounts"},
    ),
    "a decision about nothing": (
        set_in("fct_decisions", 2, receivable_key="erp:R9"),
        {"fct_decisions decision_for_every_receivable"},
    ),
    "a decision about another amount": (
        set_in("fct_decisions", 2, open_amount=Decimal("999.99")),
        {"fct_decisions decided_amounts"},
    ),
    "a decision in another currency": (
        set_in("fct_decisions", 2, currency="USD"),
        {"fct_decisions decided_amounts"},
    ),
    "an empty reason": (set_in("fct_decisions", 2, reason=" "), {"fct_decisions reasons"}),
    "no reason": (set_in("fct_decisions", 2, reason=None), {"fct_decisions reasons"}),
    "an unknown decision": (
        set_in("fct_decisions", 2, decision="wait"),
        {"fct_decisions decision_known"},
    ),
    "no decision": (set_in("fct_decisions", 2, decision=None), {"fct_decisions filled"}),
    "no policy version": (
        set_in("fct_decisions", 2, policy_version=None),
        {"fct_decisions filled"},
    ),
    "a call without a key": (
        set_in("fct_decisions", 1, message_key=None),
        {"fct_decisions message_keys"},
    ),
    "a held contact": (
        set_in("fct_decisions", 1, reason="hold_promise"),
        {"fct_decisions no_held_contacts"},
    ),
    "a contact although a payment is to come": (
        set_in("fct_decisions", 1, reason="payment_scheduled"),
        {"fct_decisions no_held_contacts"},
    ),
    "a disputed receivable is charged": (
        set_in("fct_receivables", 0, is_disputed=True),
        {"fct_decisions no_disputes"},
    ),
    # facts
    "the same receivable twice": (
        copy_of("fct_receivables", 2),
        {
            "fct_receivables unique",
            "fct_decisions decision_for_every_receivable",
            "fct_decisions decided_amounts",
            "fct_aging aging_to_tie",
        },
    ),
    "an unknown band": (
        set_in("fct_receivables", 2, aging_band="31-45"),
        {"fct_receivables aging_band_known", "fct_aging aging_to_tie"},
    ),
    "an aging that does not tie": (
        set_in("fct_aging", 2, open_amount=Decimal("1000.01")),
        {"fct_aging aging_to_tie"},
    ),
    "charges that do not add up": (
        both(2, amount_due=Decimal("1024.68")),
        {"fct_receivables itemised_totals"},
    ),
    "an empty ranking": (
        lambda plan: plan["dim_payer_ranking"].clear(),
        {"dim_payer_ranking rows_present"},
    ),
    "a payer ranked twice": (copy_of("dim_payer_ranking", 2), {"dim_payer_ranking unique"}),
    "an unknown class": (
        set_in("dim_payer_ranking", 2, payer_class="bom"),
        {"dim_payer_ranking payer_class_known"},
    ),
    "a row of another night": (
        set_in("fct_aging", 2, business_date=date(2026, 11, 17)),
        {"fct_aging this_business_date"},
    ),
    "a row of no night": (
        set_in("out_call_queue", 0, business_date=None),
        {"out_call_queue this_business_date"},
    ),
    # messages
    "no e-mail": (set_in("out_reminders", 0, email=None), {"out_reminders email_addresses"}),
    "no proper e-mail": (
        set_in("out_reminders", 0, email="c1@example"),
        {"out_reminders email_addresses"},
    ),
    "two e-mails in one": (
        set_in("out_reminders", 0, email="a@example.com;b@example.com"),
        {"out_reminders email_addresses"},
    ),
    "no name": (set_in("out_reminders", 0, customer_name=None), {"out_reminders filled"}),
    "nothing to pay": (
        charged(
            "out_reminders",
            0,
            open_amount=Decimal("0.00"),
            fine=Decimal("0.00"),
            interest=Decimal("0.00"),
        ),
        {"out_reminders positive_debts"},
    ),
    "negative interest": (
        charged("out_reminders", 0, interest=-CENTS),
        {"out_reminders positive_debts"},
    ),
    "an amount due that does not add up": (
        set_in("out_reminders", 0, amount_due=Decimal("1024.68")),
        {"out_reminders itemised_totals"},
    ),
    "a fine above the law": (
        charged("out_reminders", 0, fine=Decimal("20.01")),
        {"out_reminders lawful_fines"},
    ),
    "a fine above the law, contract unknown": (
        charged("out_reminders", 0, fine=Decimal("20.01"), contract_type=None),
        {"out_reminders lawful_fines"},
    ),
    "a company's fine above the limit": (
        charged("out_reminders", 0, fine=Decimal("200.01"), contract_type="business"),
        {"out_reminders lawful_fines"},
    ),
    # the company's 1 % a month for 15 days on R$ 1 000.00
    "interest above the rate": (
        charged("out_reminders", 0, interest=Decimal("5.01")),
        {"out_reminders agreed_interest"},
    ),
    "a receivable in two messages": (
        copy_of("out_reminders", 0, message_key="M9", customer_key="C9"),
        {"out_reminders unique", "out_reminders decided_reminders"},
    ),
    "two messages to one customer": (
        together(
            copy_of("out_reminders", 0, message_key="M3", receivable_key="erp:R3"),
            set_in("fct_decisions", 2, decision="remind", message_key="M3"),
        ),
        {"out_reminders one_message_a_day"},
    ),
    "one message to two addresses": (
        together(
            copy_of("out_reminders", 0, email="other@example.com", receivable_key="erp:R3"),
            set_in("fct_decisions", 2, decision="remind", message_key="M1"),
        ),
        {"out_reminders one_message_a_day"},
    ),
    "a message without a decision": (
        copy_of("out_reminders", 0, message_key="M3", customer_key="C3", receivable_key="erp:R3"),
        {"out_reminders decided_reminders"},
    ),
    "a decided message that is not there": (
        lambda plan: plan["out_reminders"].clear(),
        {"out_reminders decided_reminders"},
    ),
    "a good payer is bothered before the due date": (
        set_in("out_reminders", 0, payer_class="pontual", step_offset=-3),
        {"out_reminders good_payers_left_alone"},
    ),
    "a good payer is bothered on the due date": (
        set_in("out_reminders", 0, payer_class="pontual", step_offset=0),
        {"out_reminders good_payers_left_alone"},
    ),
    # calls
    "a payer twice in the queue": (
        copy_of("out_call_queue", 0, queue_position=2),
        {"out_call_queue unique"},
    ),
    "no priority": (set_in("out_call_queue", 0, priority=None), {"out_call_queue priorities"}),
    "a call without a decision": (
        copy_of("out_call_queue", 0, customer_key="C3", message_key="M3", queue_position=2),
        {"out_call_queue decided_calls"},
    ),
    "a decided call that is not there": (
        lambda plan: plan["out_call_queue"].clear(),
        {"out_call_queue decided_calls"},
    ),
    "two calls at one place": (
        together(
            copy_of("out_call_queue", 0, customer_key="C3", message_key="M3"),
            set_in("fct_decisions", 2, decision="call", message_key="M3"),
        ),
        {"out_call_queue queue_positions"},
    ),
    "a call in no agent's queue": (
        set_in("out_call_queue", 0, agent_id=None),
        {"out_call_queue queue_positions"},
    ),
    "written to and called": (
        together(
            copy_of("out_call_queue", 0, customer_key="C1", message_key="M3", queue_position=2),
            set_in("fct_decisions", 2, customer_key="C1", decision="call", message_key="M3"),
        ),
        {"out_call_queue disjoint_channels"},
    ),
    # cases
    "a payer twice in the list": (
        copy_of("out_escalations", 0),
        {"out_escalations one_case"},
    ),
    "a case of nothing overdue": (
        set_in("out_escalations", 0, currency="USD"),
        {"out_escalations cases_of_overdue_debts", "fct_decisions nobody_forgotten"},
    ),
    "a case of more than is overdue": (
        set_in("out_escalations", 0, open_amount=Decimal("1000.01")),
        {"out_escalations cases_of_overdue_debts"},
    ),
    "a case of more with charges than is overdue": (
        set_in("out_escalations", 0, amount_due=Decimal("1024.68")),
        {"out_escalations cases_of_overdue_debts"},
    ),
    "a case of too many receivables": (
        set_in("out_escalations", 0, receivables=2),
        {"out_escalations cases_of_overdue_debts"},
    ),
    "a case older than its oldest receivable": (
        set_in("out_escalations", 0, days_past_due=16),
        {"out_escalations cases_of_overdue_debts"},
    ),
    "a case that begins before it is overdue": (
        set_in("out_escalations", 0, since_on=date(2026, 11, 3)),
        {"out_escalations cases_of_overdue_debts"},
    ),
    "a case that begins tomorrow": (
        set_in("out_escalations", 0, since_on=date(2026, 11, 19)),
        {"out_escalations cases_of_overdue_debts"},
    ),
    "a case without a day": (
        set_in("out_escalations", 0, since_on=None),
        {"out_escalations filled"},
    ),
    "a case for nobody": (
        set_in("out_escalations", 0, responsible="diretoria"),
        {"out_escalations responsible_known"},
    ),
    "a case whose main reason is not the first": (
        set_in("out_escalations", 0, reasons="no_email,hold_dispute"),
        {"out_escalations main_reason_first"},
    ),
    # thanks
    "thanked and called": (
        set_in("out_surveys", 0, customer_key="C2"),
        {"out_surveys welcome_thanks"},
    ),
    "thanked for nothing": (
        set_in("out_surveys", 0, receivable_id="R9"),
        {"out_surveys welcome_thanks"},
    ),
}


@pytest.mark.parametrize(("spoil", "expected"), SPOILED.values(), ids=SPOILED.keys())
def test_one_thing_wrong_refuses_the_plan_for_exactly_that(
    settings, ask_only_about, spoil, expected
):
    plan = plan_tables()
    spoil(plan)
    ask_only_about(changed(plan, plan_tables()))
    verdict = judged(settings, plan)
    assert not verdict.passed
    assert failed(verdict) == expected


FORGOTTEN = {
    "a dispute that is not in the list": (lambda plan: plan["out_escalations"].clear(), True),
    "a wait for no step": (lambda plan: plan["fct_next_steps"].pop(0), True),
    "a payer of another key in the list": (
        set_in("out_escalations", 0, customer_key="C4", currency="USD"),
        True,
    ),
    "a decision of a person that is not asked for": (
        set_in("fct_decisions", 2, decision="escalate", reason="end_of_regua"),
        True,
    ),
    "a hold that ends": (
        together(
            lambda plan: plan["out_escalations"].clear(),
            set_in("fct_decisions", 4, hold_until=date(2026, 11, 30)),
        ),
        False,
    ),
    "a payment that may be on its way": (
        together(
            lambda plan: plan["fct_next_steps"].pop(0),
            set_in("fct_decisions", 2, reason="within_grace"),
        ),
        False,
    ),
    "what is not overdue": (
        together(
            lambda plan: plan["fct_next_steps"].pop(0),
            set_in("fct_decisions", 2, days_past_due=0, reason="not_due"),
        ),
        False,
    ),
}


@pytest.mark.parametrize(("spoil", "is_forgotten"), FORGOTTEN.values(), ids=FORGOTTEN.keys())
def test_who_is_forgotten_is_told_and_the_others_are_contacted(
    settings, ask_only_about, spoil, is_forgotten
):
    plan = plan_tables()
    spoil(plan)
    ask_only_about({"fct_next_steps"})
    verdict = judged(settings, plan)
    assert verdict.passed
    assert failed(verdict) == ({"fct_decisions nobody_forgotten"} if is_forgotten else set())


def settled(landing: Tables) -> None:
    landing["erp/payments"].append(
        {**landing["erp/payments"][0], "payment_id": "P3", "receivable_id": "R2"}
    )


def received(**values):
    """Money of C2, who is called, for no receivable."""

    def change(landing: Tables) -> None:
        advance = {"payment_id": "P9", "receivable_id": None, "customer_id": "2"}
        landing["erp/payments"].append({**landing["erp/payments"][0], **advance, **values})

    return change


REFUSED_BY_THE_LANDING = {
    "already paid": (settled, {"fct_decisions unpaid_debts"}),
    "paid today": (
        together(settled, set_in("erp/payments", -1, paid_on=D)),
        {"fct_decisions unpaid_debts"},
    ),
    "to be paid tomorrow": (
        together(settled, set_in("erp/payments", -1, paid_on=D + timedelta(days=1))),
        {"fct_decisions nothing_scheduled"},
    ),
    "to be paid on the last day that is waited for": (
        together(settled, set_in("erp/payments", -1, paid_on=D + timedelta(days=90))),
        {"fct_decisions nothing_scheduled"},
    ),
    "disputed at the source": (
        set_in("erp/receivables", 1, disputed=True),
        {"fct_decisions open_at_the_source"},
    ),
    "cancelled at the source": (
        set_in("erp/receivables", 0, status="cancelled"),
        {"fct_decisions open_at_the_source"},
    ),
    "unknown at the source": (
        lambda landing: landing["erp/receivables"].pop(0),
        {"fct_decisions open_at_the_source"},
    ),
    "opted out of e-mail": (
        set_in("erp/customers", 0, opt_out_email=True),
        {"fct_decisions willing_customers"},
    ),
    "opted out of calls": (
        set_in("erp/customers", 1, opt_out_phone=True),
        {"fct_decisions willing_customers"},
    ),
    "prescribed": (
        # five years and a day before the night
        set_in("erp/receivables", 0, due_date=date(2021, 11, 17), issue_date=None),
        {"fct_decisions nothing_prescribed"},
    ),
    "under legal hold": (
        set_in("erp/customers", 1, legal_hold=True),
        {"fct_decisions willing_customers"},
    ),
    "deceased": (set_in("erp/customers", 0, deceased=True), {"fct_decisions willing_customers"}),
    "erased and written to": (
        set_in("erp/customers", 0, erased_key="C1"),
        {"fct_decisions erased_left_alone"},
    ),
    "erased and held for another reason": (
        set_in("erp/customers", 2, erased_key="C3"),
        {"fct_decisions erased_left_alone"},
    ),
    "an advance that is not taken off": (
        received(amount=Decimal("900.00")),
        {"fct_decisions asked_on_balance"},
    ),
    "of another creditor": (
        set_in("erp/receivables", 0, creditor="atacado"),
        {"out_reminders its_creditor"},
    ),
    "thanked by another creditor": (
        set_in("erp/receivables", 5, creditor="atacado"),
        {"out_surveys its_creditor"},
    ),
    "thanked against a wish": (
        set_in("erp/customers", 5, opt_out_email=True),
        {"out_surveys welcome_thanks"},
    ),
    "thanked after a death": (
        set_in("erp/customers", 5, deceased=True),
        {"out_surveys welcome_thanks"},
    ),
    "thanked while disputing": (
        set_in("erp/receivables", 5, disputed=True),
        {"out_surveys welcome_thanks"},
    ),
}


@pytest.mark.parametrize(
    ("spoil", "expected"), REFUSED_BY_THE_LANDING.values(), ids=REFUSED_BY_THE_LANDING.keys()
)
def test_what_landed_refuses_a_plan_that_ignores_it(settings, ask_only_about, spoil, expected):
    landing = landing_tables()
    spoil(landing)
    ask_only_about({name.replace("erp/", "landed_") for name in changed(landing, landing_tables())})
    assert failed(judged(settings, plan_tables(), landing)) == expected


@pytest.mark.parametrize(
    ("money", "applied", "is_refused"),
    [
        # of the tolerance of R$ 1.00 each side may be off
        ([received(amount=Decimal("400.00"))], "399.00", False),
        ([received(amount=Decimal("400.00"))], "398.99", True),
        ([received(amount=Decimal("400.00"), currency="USD")], "0.00", False),
        ([received(amount=Decimal("400.00"), creditor="principal")], "0.00", True),
        ([received(amount=Decimal("400.00"), creditor="atacado")], "0.00", False),
        ([received(amount=Decimal("400.00"), kind="write_off")], "0.00", False),
        ([received(amount=Decimal("400.00"), paid_on=date(2026, 11, 19))], "0.00", False),
        ([received(amount=Decimal("400.00"), customer_id="3")], "0.00", False),
        (
            [
                received(amount=Decimal("400.00")),
                received(amount=Decimal("300.00"), kind="reversal", payment_id="P10"),
            ],
            "99.00",
            False,
        ),
        # paid beyond it by the due date, and a day later, when charges may have taken it
        ([received(receivable_id="R2", amount=Decimal("1400.00"), paid_on=date(2026, 11, 3))],
            "0.00", True),
        ([received(receivable_id="R2", amount=Decimal("1400.00"), paid_on=date(2026, 11, 4))],
            "0.00", False),
        # more than is owed: nothing may be asked
        ([received(amount=Decimal("5000.00"))], "999.00", False),
        ([received(amount=Decimal("5000.00"))], "998.99", True),
    ],
)  # fmt: skip
def test_nobody_is_asked_for_more_than_is_owed_on_balance(
    settings, ask_only_about, money, applied, is_refused
):
    landing, plan = landing_tables(), plan_tables()
    for spoil in money:
        spoil(landing)
    # a second receivable of the payer, of which the first one's money may be too much
    if landing["erp/payments"][-1]["receivable_id"] == "R2":
        other = {"receivable_id": "R7", "receivable_key": "erp:R7", "message_key": "M2"}
        landing["erp/receivables"].append({**landing["erp/receivables"][1], "receivable_id": "R7"})
        for table in ("fct_receivables", "fct_decisions"):
            plan[table][1].update({name: other[name] for name in other if name in plan[table][1]})
    plan["fct_decisions"][1]["credit_applied"] = Decimal(applied)
    ask_only_about({"fct_decisions"})
    refused = "fct_decisions asked_on_balance" in failed(judged(settings, plan, landing))
    assert refused is is_refused


@pytest.mark.parametrize(
    ("landed", "highest"),
    [
        # of R$ 1 000.00 since 3 November
        ({}, "5.00"),
        ({"monthly_interest_rate": Decimal("0.033")}, "16.50"),
        # half a cent is rounded up
        ({"monthly_interest_rate": Decimal("0.00001")}, "0.01"),
        # never more than the limit, whatever landed
        ({"monthly_interest_rate": Decimal("0.5")}, "50.00"),
        # due today or later bears none
        ({"due_date": D}, "0.00"),
        ({"due_date": date(2026, 11, 19)}, "0.00"),
        ({"due_date": date(2026, 11, 17)}, "0.33"),
    ],
)
def test_interest_is_reckoned_again_from_the_landed_rate(settings, ask_only_about, landed, highest):
    landing, plan = landing_tables(), plan_tables()
    landing["erp/receivables"][0].update(landed)
    ask_only_about({"out_reminders"})
    found = []
    for interest in (Decimal(highest), Decimal(highest) + CENTS):
        charged("out_reminders", 0, interest=interest)(plan)
        found.append("out_reminders agreed_interest" in failed(judged(settings, plan, landing)))
    assert found == [False, True]


def test_without_a_default_rate_interest_is_bounded_by_the_limit(settings, ask_only_about):
    limits = settings.config / "limits.yml"
    text = limits.read_text(encoding="utf-8")
    rate = 'default_monthly_interest_rate: "1 %"'
    assert rate in text
    limits.write_text(text.replace(rate, "default_monthly_interest_rate: null"), encoding="utf-8")
    plan = plan_tables()
    ask_only_about({"out_reminders"})
    charged("out_reminders", 0, interest=Decimal("50.00"))(plan)
    assert failed(judged(settings, plan)) == set()
    charged("out_reminders", 0, interest=Decimal("50.01"))(plan)
    assert failed(judged(settings, plan)) == {"out_reminders agreed_interest"}


@pytest.mark.parametrize(
    ("own", "spoil", "expected"),
    [
        (
            "collect_until_years: 1",
            set_in("erp/receivables", 0, due_date=date(2025, 11, 17), issue_date=None),
            "fct_decisions nothing_prescribed",
        ),
        (
            "scheduled_payment_days: 120",
            together(settled, set_in("erp/payments", -1, paid_on=D + timedelta(days=120))),
            "fct_decisions nothing_scheduled",
        ),
        (
            "tolerance_amount: 0.10",
            received(amount=Decimal("0.50")),
            "fct_decisions asked_on_balance",
        ),
        (
            'default_monthly_interest_rate: "0.5 %"',
            lambda landing: None,
            "out_reminders agreed_interest",
        ),
    ],
)
@pytest.mark.parametrize("creditor", ["principal", "atacado"])
def test_a_creditor_s_own_limit_is_what_its_contacts_are_judged_by(
    settings, ask_only_about, own, spoil, expected, creditor
):
    """Nobody else's: beside the group's limit each of these plans is good."""
    make_group(settings.config)
    folder = settings.config / "creditors"
    (folder / "varejo.yml").rename(folder / "principal.yml")
    with (folder / f"{creditor}.yml").open("a", encoding="utf-8") as file:
        file.write(f"limits:\n  {own}\n")
    landing, plan = landing_tables(), plan_tables()
    spoil(landing)
    ask_only_about({"fct_decisions", "out_reminders"})
    assert (expected in failed(judged(settings, plan, landing))) == (creditor == "principal")


def test_a_companys_fine_may_reach_the_limit(settings):
    plan = plan_tables()
    charged("out_reminders", 0, fine=Decimal("200.00"), contract_type="business")(plan)
    assert failed(judged(settings, plan)) == set()


def test_what_landed_allows_all_that_is_no_obstacle(settings):
    landing = landing_tables()
    landing["erp/customers"][0]["opt_out_phone"] = True  # gets an e-mail
    landing["erp/customers"][2]["deceased"] = True  # is not contacted
    landing["erp/receivables"][0]["due_date"] = date(2021, 11, 18)  # its last day
    landing["erp/receivables"][2]["due_date"] = date(2000, 1, 3)  # is not contacted
    payment = landing["erp/payments"][0]
    landing["erp/payments"] += [
        {**payment, "payment_id": "P3", "receivable_id": "R1", "paid_on": date(2027, 2, 17)},
        {**payment, "payment_id": "P4", "receivable_id": "R2"},
        {
            **payment,
            "payment_id": "P5",
            "receivable_id": "R2",
            "kind": "reversal",
            "amount": Decimal("0.01"),
        },
    ]
    assert failed(judged(settings, plan_tables(), landing)) == set()


def said(days: int, is_opted_in: bool, **changes) -> dict:
    """What the payer of the one message of the plan said, so many days before the night."""
    day = D - timedelta(days=days)
    told = {"customer_key": "C1", "channel": "email", "is_opted_in": is_opted_in, "origin": "link"}
    return {**told, "given_on": day, "given_at": datetime.combine(day, time(15)), **changes}


def listed(days: int, **changes) -> dict:
    address = {
        "provider": "sendgrid",
        "kind": "bounced",
        "address_digest": digest("C1@example.com"),
    }
    return {**address, "listed_on": D - timedelta(days=days), "removed_on": None, **changes}


def test_thanks_to_a_dead_address_or_against_a_wish_or_hold_are_refused(settings):
    with (settings.config / "holds.csv").open("a", encoding="utf-8") as file:
        file.write("receivable;erp;R6;legal;Ana;2026-11-01;\n")
    dead = listed(1, address_digest=digest("c6@example.com"))
    verdict = judged(settings, plan_tables(), feedback={"suppressions": [dead]})
    assert failed(verdict) == {"out_surveys welcome_thanks", "out_surveys respected_wishes"}


HEADER = "scope;source;target_id;creditor;reason;author;starts_on;expires_on"


@pytest.mark.parametrize(("creditor", "is_refused"), [("principal", True), ("atacado", False)])
def test_a_hold_of_one_creditor_refuses_its_contacts_alone(settings, creditor, is_refused):
    (settings.config / "creditors").mkdir()
    other = (settings.config / "creditor.yml").read_text(encoding="utf-8")
    other = other.replace("11.222.333/0001-81", SECOND_TAX_ID)
    (settings.config / "creditors" / "atacado.yml").write_text(other, encoding="utf-8")
    line = f"customer;erp;1;{creditor};legal;Ana;2026-11-01;"
    (settings.config / "holds.csv").write_text(f"{HEADER}\n{line}\n", encoding="utf-8")
    expected = {"fct_decisions nobody_on_hold"} if is_refused else set()
    assert failed(judged(settings, plan_tables())) == expected


@pytest.mark.parametrize(
    ("feedback", "is_refused"),
    [
        ({"consents": [said(1, False)]}, True),
        ({"consents": [said(3, True), said(2, False)]}, True),
        ({"consents": [said(3, False), said(2, True)]}, False),
        ({"consents": [said(0, False)]}, False),
        ({"consents": [said(1, False, channel="sms"), said(1, False, customer_key="C9")]}, False),
        ({"consents": [said(1, False, only_creditor="principal")]}, True),
        ({"consents": [said(1, False, only_creditor="atacado")]}, False),
        ({"consents": [said(3, False, only_creditor="principal"), said(2, True)]}, False),
        ({"consents": [said(3, True), said(2, False, only_creditor="principal")]}, True),
        ({"suppressions": [listed(1)]}, True),
        ({"suppressions": [listed(9, removed_on=D)]}, False),
        ({"suppressions": [listed(0)]}, False),
        ({"suppressions": [listed(1, address_digest=digest("other@example.com"))]}, False),
    ],
)
def test_a_plan_that_ignores_a_wish_or_a_dead_address_is_refused(settings, feedback, is_refused):
    expected = {"out_reminders respected_wishes"} if is_refused else set()
    assert failed(judged(settings, plan_tables(), feedback=feedback)) == expected


HELD = {
    "customer": "customer;erp;1;legal;Ana;2026-11-01;",
    "customer from today": "customer;erp;1;legal;Ana;2026-11-18;",
    "receivable until today": "receivable;erp;R2;hardship;Ana;2026-11-01;2026-11-18",
}


@pytest.mark.parametrize("hold", HELD.values(), ids=HELD.keys())
def test_a_hold_by_a_person_refuses_a_plan_that_ignores_it(settings, hold):
    with (settings.config / "holds.csv").open("a", encoding="utf-8") as file:
        file.write(hold + "\n")
    assert failed(judged(settings, plan_tables())) == {"fct_decisions nobody_on_hold"}


LINES = {
    "holds.csv": {
        "customer;erp;1;legal;Ana;2026-11-01;2026-11-01": None,  # over
        "customer;erp;3;legal;Ana;2026-11-01;": None,
        "customer;erp;33;legal;Ana;2026-11-01;": "holds.csv: cliente 33 de erp",
        "customer;crm;1;legal;Ana;2026-11-01;": "holds.csv: cliente 1 de crm",
        "customer;erp;R3;legal;Ana;2026-11-01;": "holds.csv: cliente R3 de erp",
        "receivable;erp;R3;legal;Ana;2026-11-01;": None,
        "receivable;erp;3;legal;Ana;2026-11-01;": "holds.csv: título 3 de erp",
        "customer;erp;52998224725;legal;Ana;2026-11-01;": "holds.csv: cliente (oculta) de erp",
    },
    "overrides.csv": {
        "customer;erp;3;none;;;teste;Ana;2026-11-01;": None,
        "receivable;erp;R33;none;;;teste;Ana;2026-11-01;": "overrides.csv: título R33 de erp",
    },
    "waivers.csv": {
        "erp;R3;fine;10.00;;acordo;Ana;2026-11-01": None,
        "erp;R33;fine;10.00;;acordo;Ana;2026-11-01": "waivers.csv: título R33 de erp",
    },
}


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [(name, line, told) for name, lines in LINES.items() for line, told in lines.items()],
)
def test_a_line_that_meets_nobody_is_told_and_stops_nothing(
    settings, ask_only_about, name, line, told
):
    with (settings.config / name).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    ask_only_about(set())
    verdict = judged(settings, plan_tables())
    (known,) = (check for check in verdict.checks if check.name == "policy_targets_known")
    assert (known.passed, known.observed) == (told is None, told or "todas encontram")
    assert verdict.passed


def test_of_many_lines_that_meet_nobody_ten_are_shown(settings, ask_only_about):
    with (settings.config / "waivers.csv").open("a", encoding="utf-8") as file:
        file.writelines(f"erp;X{n:02};fine;10.00;;acordo;Ana;2026-11-01\n" for n in range(12))
    ask_only_about(set())
    verdict = judged(settings, plan_tables())
    (known,) = verdict.failures("warning")
    assert known.observed.endswith("; waivers.csv: título X09 de erp; e mais 2")


def test_equal_ids_of_another_source_are_others(settings):
    """There too are a customer 2 and a receivable R2: dead, held by a person, and paid."""
    landing = landing_tables()
    for name in ("customers", "receivables", "payments"):
        landing[f"billing/{name}"] = [dict(row) for row in landing[f"erp/{name}"]]
    landing["billing/customers"][1]["deceased"] = True
    landing["billing/payments"].append(
        {**landing["billing/payments"][0], "payment_id": "P3", "receivable_id": "R2"}
    )
    with (settings.config / "holds.csv").open("a", encoding="utf-8") as file:
        file.write("customer;billing;2;legal;Ana;2026-11-01;\n")
        file.write("receivable;billing;R2;legal;Ana;2026-11-01;\n")
    assert failed(judged(settings, plan_tables(), landing)) == set()


def test_no_payer_is_contacted_on_a_day_without_contact(settings):
    holidays = settings.config / "extra_holidays.csv"
    header = next(
        line
        for line in holidays.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    values = {"day": "2026-11-18", "name": "Feriado", "kind": "contact", "source": "empresa"}
    with holidays.open("a", encoding="utf-8") as file:
        file.write(";".join(values.get(name, "") for name in header.split(";")) + "\n")
    verdict = judged(settings, plan_tables())
    assert failed(verdict) == {
        "out_reminders contact_day",
        "out_call_queue contact_day",
        "out_surveys contact_day",
    }


def test_a_business_contract_may_have_a_higher_fine(settings):
    plan = plan_tables()
    charged("out_reminders", 0, fine=Decimal("100.00"), contract_type="business")(plan)
    assert failed(judged(settings, plan)) == set()


def test_a_missing_phone_and_an_unusual_volume_are_warnings(settings):
    limits = settings.config / "limits.yml"
    limits.write_text(limits.read_text().replace("maximum_messages: 5000", "maximum_messages: 1"))
    plan = plan_tables()
    plan["out_reminders"].append(
        {
            **plan["out_reminders"][0],
            "message_key": "M3",
            "customer_key": "C3",
            "receivable_key": "erp:R3",
        }
    )
    plan["fct_decisions"][2].update(decision="remind", message_key="M3")
    plan["out_call_queue"][0]["phone"] = None
    verdict = judged(settings, plan)
    assert verdict.passed and failed(verdict) == {
        "out_reminders usual_volume",
        "out_call_queue phones",
    }


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({"receivables": 0}, True),
        ({"receivables": 0, "state": "broken"}, True),
        ({"receivables": 0, "state": "kept"}, False),
        ({"receivables": 1}, False),
    ],
)
def test_an_agreement_about_nothing_is_told(settings, ask_only_about, changes, is_told):
    plan = plan_tables()
    plan["fct_agreements"][0].update(changes)
    ask_only_about({"fct_agreements"})
    verdict = judged(settings, plan)
    assert verdict.passed
    assert failed(verdict) == ({"fct_agreements agreements_about_debts"} if is_told else set())


def shared_call() -> Tables:
    """A plan in which another creditor asks for R2b on the call to C2."""
    plan = plan_tables()
    plan["out_joined_calls"].append(joined_call())
    plan["fct_decisions"].append(
        {
            **plan["fct_decisions"][1],
            "receivable_id": "R2b",
            "receivable_key": "erp:R2b",
            "creditor": "atacado",
            "reason": "joined_call",
        }
    )
    return plan


@pytest.mark.parametrize(
    ("change", "is_right"),
    [
        pytest.param(lambda plan: None, True, id="as decided"),
        pytest.param(set_in("fct_decisions", 5, reason="waiting"), False, id="none decided"),
        pytest.param(lambda plan: plan["out_joined_calls"].clear(), False, id="not in the list"),
        pytest.param(copy_of("out_joined_calls", 0, creditor="outro"), False, id="one too many"),
        pytest.param(set_in("out_joined_calls", 0, open_amount=CENTS), False, id="other amount"),
        pytest.param(set_in("out_joined_calls", 0, currency="USD"), False, id="other currency"),
        pytest.param(
            set_in("fct_decisions", 5, credit_applied=CENTS), False, id="its credit was left out"
        ),
        pytest.param(set_in("out_joined_calls", 0, customer_key="C1"), False, id="other payer"),
        pytest.param(lambda plan: plan["out_call_queue"].clear(), False, id="no call to share"),
        pytest.param(
            set_in("out_call_queue", 0, creditor="atacado"), False, id="a call of the same creditor"
        ),
    ],
)
def test_who_shares_a_call_is_on_it_once_as_decided(settings, ask_only_about, change, is_right):
    plan = shared_call()
    change(plan)
    ask_only_about({"out_joined_calls"})
    told = failed(judged(settings, plan))
    assert told == (set() if is_right else {"out_joined_calls decided_joined_calls"})


def test_old_payments_degrade_the_plan(settings):
    landing = landing_tables()
    for row in landing["erp/payments"]:
        row.update(paid_on=date(2026, 11, 16), credited_on=None)
    verdict = judged(settings, plan_tables(), landing)
    assert (
        verdict.passed and verdict.degraded and failed(verdict) == {"erp.payments payments_fresh"}
    )


@pytest.mark.parametrize("figure", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_found(settings, figure):
    def as_float(name: str, table: pa.Table) -> pa.Table:
        if name != "dim_payer_ranking":
            return table
        index = table.column_names.index("score")
        return table.set_column(index, "score", pa.array([figure] * table.num_rows, pa.float64()))

    assert failed(judged(settings, plan_tables(), spoil=as_float)) == {
        "dim_payer_ranking exact_numbers"
    }


def test_money_that_became_a_float_is_found(settings):
    def as_float(name: str, table: pa.Table) -> pa.Table:
        if name != "fct_aging":
            return table
        return table.set_column(
            table.column_names.index("amount_due"),
            "amount_due",
            table["amount_due"].cast(pa.float64()),
        )

    assert "fct_aging exact_numbers" in failed(judged(settings, plan_tables(), spoil=as_float))


def test_an_empty_plan_is_refused(settings):
    verdict = judged(settings, {name: [] for name in plan_tables()})
    assert failed(verdict) == {"fct_receivables rows_present", "dim_payer_ranking rows_present"}


def test_a_missing_table_breaks_its_checks_and_refuses(settings):
    plan = plan_tables()
    del plan["fct_aging"]
    verdict = judged(settings, plan)
    broken = {check.name for check in verdict.checks if check.broken}
    assert not verdict.passed and "aging_to_tie" in broken
    assert {check.name for check in verdict.checks if not check.passed} == broken


def test_a_check_that_raises_is_broken_and_refuses_without_showing_data(settings):
    def without_email(name: str, table: pa.Table) -> pa.Table:
        return table.drop_columns(["email"]) if name == "out_reminders" else table

    verdict = judged(settings, plan_tables(), spoil=without_email)
    broken = {check.name: check.observed for check in verdict.checks if check.broken}
    assert not verdict.passed and set(broken) == {
        "email_addresses",
        "one_message_a_day",
        "respected_wishes",
    }
    assert "email" in broken["email_addresses"] and "c1@" not in str(broken)


def test_text_where_a_number_should_be_breaks_the_check_without_showing_it(settings):
    def as_text(name: str, table: pa.Table) -> pa.Table:
        if name != "out_call_queue":
            return table
        return table.set_column(
            table.column_names.index("priority"), "priority", pa.array(["maria@example.com"])
        )

    verdict = judged(settings, plan_tables(), spoil=as_text)
    (broken,) = [check for check in verdict.checks if check.broken]
    assert broken.name == "priorities" and not verdict.passed
    assert "maria" not in (settings.folder("quality", D) / "plan.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "changes",
    [
        {"paid_on": D + timedelta(days=91)},
        {"paid_on": D + timedelta(days=1), "kind": "write_off"},
        {"paid_on": D + timedelta(days=1), "kind": "reversal"},
        {"paid_on": D + timedelta(days=1), "amount": Decimal("0.01")},
    ],
    ids=["too far", "a loss", "given back", "a part"],
)
def test_what_will_not_settle_a_receivable_is_not_waited_for(settings, ask_only_about, changes):
    landing = landing_tables()
    together(settled, set_in("erp/payments", -1, **changes))(landing)
    ask_only_about({"landed_payments"})
    assert judged(settings, plan_tables(), landing).passed


def test_a_plan_without_its_landing_is_refused(settings):
    try:
        verdict = check_plan(settings, D, candidate(settings, plan_tables()))
    except GateFailed:
        verdict = read_verdict(settings, D, "plan")
    broken = {check.name for check in verdict.checks if check.broken}
    assert not verdict.passed
    needing = {
        "open_at_the_source", "its_creditor", "willing_customers", "erased_left_alone",
        "respected_wishes", "nobody_on_hold", "unpaid_debts", "agreed_interest",
        "nothing_prescribed", "nothing_scheduled", "asked_on_balance", "contact_day",
        "welcome_thanks",
    }  # fmt: skip
    assert broken == needing


def test_a_plan_of_a_landing_that_was_replaced_is_refused(settings):
    land(settings, landing_tables())
    made = candidate(settings, plan_tables())
    landing = landing_tables()
    landing["erp/customers"][0]["name"] = "Outro nome"
    land(settings, landing)
    with pytest.raises(
        GateFailed, match="batch_of_this_landing on batch: observed mudou depois: sources"
    ):
        check_plan(settings, D, made)


def test_only_the_batch_that_was_judged_is_approved(settings):
    with pytest.raises(PartitionError, match="has not judged"):
        require_approval(settings, D, "any")
    verdict = judged(settings, plan_tables())
    with pytest.raises(PartitionError, match="not another"):
        require_approval(settings, D, "another")
    plan = plan_tables()
    plan["fct_decisions"][0]["reason"] = None
    refused = judged(settings, plan)
    assert refused.batch_id != verdict.batch_id
    with pytest.raises(GateFailed, match="reasons on fct_decisions"):
        require_approval(settings, D, refused.batch_id)
