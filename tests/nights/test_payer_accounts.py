"""One whole night of payers with credits, promises and agreements, and with rates in per cent where
fractions are read: nobody is asked for money that is not owed, and a person is told.
"""

import dataclasses
import shutil
from datetime import date
from decimal import Decimal

import pytest

from cobranca import warehouse
from cobranca.partitions.manifest import read_manifest
from cobranca.partitions.verdict import ARRIVALS, WARNING, read_verdict
from nights.installation import FIRST
from nights.small_company import SmallCompany
from warehouse.parity import differences

pytestmark = pytest.mark.timeout(900)


def payers_in_credit(company: SmallCompany) -> None:
    """Anita overpaid, Bento has a credit note, Celia overpaid less, Davi paid in advance; Elisa
    paid in dollars.
    """
    company.payers("Anita", "Bento", "Celia", "Davi", "Elisa")
    company.owes("Anita", 1, "2026-10-30", "500.00")
    company.pays("Anita1", "2026-10-30", "800.00")
    company.owes("Anita", 2, "2026-11-10", "300.00")
    company.owes("Bento", 1, "2026-10-30", "200.00")
    company.pays("Bento1", "2026-10-30", "500.00", kind="credit_note")
    company.owes("Bento", 2, "2026-11-10", "100.00")
    company.owes("Celia", 1, "2026-10-30", "100.00")
    company.pays("Celia1", "2026-10-30", "300.00")
    company.owes("Celia", 2, "2026-11-10", "1000.00")
    company.owes("Davi", 1, "2026-11-10", "300.00")
    company.pays(None, "2026-10-30", "300.00", customer_id="Davi")
    company.owes("Elisa", 1, "2026-11-10", "300.00")
    company.pays(None, "2026-10-30", "300.00", customer_id="Elisa", currency="USD")


def kept_agreements(company: SmallCompany) -> None:
    """Fabio paid 950 of 1 000 in one sum, Gil in two instalments; nobody booked the discount."""
    company.payers("Fabio", "Gil")
    for name in ("Fabio", "Gil"):
        company.owes(name, 1, "2026-09-10", "1000.00")
    company.pays("Fabio1", "2026-10-09", "950.00")
    company.pays("Gil1", "2026-10-09", "475.00")
    company.pays("Gil1", "2026-11-09", "475.00")


def other_bills(company: SmallCompany) -> None:
    """Helena pays her monthly bills and nothing on the agreement; Ivo pays on the old debt; Joana
    promised an old debt and paid a new bill; Karl's queue row was about the second of two debts.
    """
    company.payers("Helena", "Ivo", "Joana", "Karl")
    for name in ("Helena", "Ivo"):
        company.owes(name, 1, "2026-06-10", "600.00", status="agreed")
    company.owes("Helena", 2, "2026-10-20", "200.00", issue_date="2026-10-01")
    company.pays("Helena2", "2026-10-20", "200.00")
    company.owes("Helena", 3, "2026-11-10", "200.00", issue_date="2026-11-01")
    company.pays("Helena3", "2026-11-10", "200.00")
    company.pays("Ivo1", "2026-10-13", "200.00")
    company.pays("Ivo1", "2026-11-10", "200.00")
    for name in ("Joana", "Karl"):
        company.owes(name, 1, "2026-10-05", "300.00")
        company.owes(name, 2, "2026-10-20", "300.00")
    company.owes("Joana", 3, "2026-11-20", "300.00", issue_date="2026-11-01")
    company.pays("Joana3", "2026-11-12", "300.00")
    company.pays("Karl1", "2026-11-12", "300.00")


def misread_rates(company: SmallCompany) -> None:
    """Lia's interest is 0.5 % and Mara's 1 %, with a fine of 2 %, written as numbers; Nina's rates
    are fractions; Olga's is a rate a day.
    """
    company.payers("Lia", "Mara", "Nina", "Olga")
    rates = {"Lia": ("0.5", "0.02"), "Mara": ("1", "2"), "Nina": ("0.01", "0.02"),
             "Olga": ("0.033", "0.02")}  # fmt: skip
    for name, (interest, fine) in rates.items():
        company.owes(
            name, 1, "2026-10-19", "1000.00", issue_date="2026-09-01",
            fine_rate=fine, monthly_interest_rate=interest,
        )  # fmt: skip


def old_and_coming(company: SmallCompany) -> None:
    """Paula's debt is older than five years; a cheque for all of Quim's is dated next month."""
    company.payers("Paula", "Quim")
    company.owes("Paula", 1, "2021-11-17", "400.00", issue_date="2021-10-01")
    company.owes("Quim", 1, "2026-11-03", "250.00")
    company.pays("Quim1", "2026-12-05", "250.00")


def record(company: SmallCompany) -> None:
    """What agents recorded before the night."""
    for name, installments in (("Fabio", 1), ("Gil", 2)):
        company.agreed(name, date(2026, 10, 5), date(2026, 10, 9), "950", installments)
    for name in ("Helena", "Ivo"):
        company.agreed(name, date(2026, 9, 10), date(2026, 10, 10), "600", 3)
    for name, about in (("Joana", None), ("Karl", "Karl2")):
        company.promised(name, date(2026, 11, 9), date(2026, 11, 13), "300", about)


@pytest.fixture(scope="module")
def company(tmp_path_factory) -> SmallCompany:
    company = SmallCompany(tmp_path_factory.mktemp("accounts"), FIRST)
    for situation in (
        payers_in_credit, kept_agreements, other_bills, misread_rates, old_and_coming,
    ):  # fmt: skip
        situation(company)
    record(company)
    done = company.night_here(FIRST)
    assert done.returncode == 0, done.stdout + done.stderr
    return company


def test_a_payer_in_credit_is_not_asked(company):
    decided = company.decisions(FIRST)
    nothing = ("none", "in_credit", Decimal(0))
    assert {key: decided[key] for key in ("Anita2", "Bento2", "Davi1")} == dict.fromkeys(
        ("Anita2", "Bento2", "Davi1"), nothing
    )
    # 1 000 less 200, and fine and interest on the 800
    assert decided["Celia2"] == ("remind", "step_due", Decimal("818.14"))
    # dollars pay no reais
    assert decided["Elisa1"] == ("remind", "step_due", Decimal("306.80"))


def test_the_letter_shows_the_credit(company):
    (letter,) = [
        path
        for path in (company.data / "outbox" / FIRST.isoformat()).rglob("*.eml")
        if b"celia@example.com" in path.read_bytes()
    ]
    from email import message_from_bytes, policy

    message = message_from_bytes(letter.read_bytes(), policy=policy.default)
    for part in ("plain", "html"):
        text = message.get_body((part,)).get_content().replace("\u00a0", " ")
        assert "Crédito a seu favor, já abatido" in text and "R$ 818,14" in text


def test_whoever_kept_an_agreement_owes_nothing_more(company):
    decided = company.decisions(FIRST)
    assert {decided[key][:2] for key in ("Fabio1", "Gil1")} == {("none", "agreement_kept")}


def test_money_for_other_bills_keeps_no_promise_and_no_agreement(company):
    decided = company.decisions(FIRST)
    assert decided["Helena1"][:2] == ("none", "agreement_broken")
    assert "Ivo1" not in decided
    states = dict(company.rows(FIRST, "fct_agreements", "select agreement_id, state from {}"))
    assert states == {"aFabio": "kept", "aGil": "kept", "aHelena": "broken", "aIvo": "open"}
    promised = company.rows(FIRST, "fct_promises", "select promise_id, state, paid_amount from {}")
    assert sorted(promised) == [
        ("pJoana", "broken", Decimal(0)),
        ("pKarl", "broken", Decimal(0)),
    ]


def test_a_rate_that_nobody_may_charge_is_not_charged(company):
    """Thirty days late: the company's own rates stand in for those that were set aside."""
    query = "select receivable_id, fine, interest, refused_rates from {}"
    charged = {key: rest for key, *rest in company.rows(FIRST, "fct_receivables", query)}
    fine, month = Decimal(20), Decimal(10)
    assert charged["Lia1"] == [fine, month, "monthly_interest_rate"]
    assert charged["Mara1"] == [fine, month, "fine_rate,monthly_interest_rate"]
    assert charged["Nina1"] == [fine, month, None]
    # 3.3 % a month may be meant: it is charged, and `cobranca check` says what it comes to
    assert charged["Olga1"] == [fine, Decimal(33), None]


def test_a_rate_that_was_set_aside_is_told(company):
    verdict = read_verdict(company.settings, FIRST, ARRIVALS)
    (told,) = [check for check in verdict.checks if check.name == "used_rates"]
    assert not told.passed and told.severity == WARNING
    assert told.observed == "títulos com taxa recusada, em que vale a da empresa: 2"


def test_nobody_is_asked_for_a_prescribed_debt_nor_for_what_a_cheque_will_pay(company):
    decided = company.decisions(FIRST)
    assert decided["Paula1"][:2] == ("none", "prescribed")
    assert decided["Quim1"][:2] == ("none", "payment_scheduled")


def test_postgresql_builds_the_same_accounts(company, postgres_server, tmp_path):
    shutil.copytree(company.data / "landing", tmp_path / "landing")
    settings = dataclasses.replace(
        company.settings, data=tmp_path, warehouse=postgres_server.create_database("accounts")
    )
    published = read_manifest(company.settings.folder("outbound", FIRST))
    assert differences(published, warehouse.build(settings, FIRST)) == {}


def test_a_person_is_told_of_what_is_not_asked(company):
    query = "select customer_name, reason, responsible from {}"
    told = {
        row[0].partition(" ")[0]: row[1:] for row in company.rows(FIRST, "out_escalations", query)
    }
    assert told == {
        **dict.fromkeys(("Anita", "Bento", "Davi"), ("in_credit", "financeiro")),
        **dict.fromkeys(("Fabio", "Gil"), ("agreement_kept", "financeiro")),
        "Helena": ("agreement_broken", "supervisao"),
        "Paula": ("prescribed", "juridico"),
    }


@pytest.mark.parametrize(
    ("payer", "sentences"),
    [
        (
            "Davi",
            [
                "O crédito do cliente cobre tudo o que está vencido",
                "Crédito do cliente que o cobre: R$ 300,00",
            ],
        ),
        ("Celia", ["Crédito do cliente, abatido do que se pede: R$ 200,00; pedidos R$ 818,14"]),
        (
            "Gil",
            [
                "Acordo cumprido: falta dar baixa no que ficou em aberto",
                "Acordo de 05/10/2026: R$ 950,00 em 2 parcelas, cumprido (pagos R$ 950,00)",
            ],
        ),
        ("Paula", ["Prescrita: o prazo de cobrança passou, e ninguém é contatado por ela"]),
        ("Helena", ["em 3 parcelas, não cumprido (pagos R$ 0,00)"]),
    ],
)
def test_why_explains_it_in_words(company, payer, sentences):
    said = company.here("why", "--customer", f"crm:{payer}", "--business-date", FIRST.isoformat())
    text = said.stdout.replace("\u00a0", " ")
    for sentence in sentences:
        assert sentence in text, text
