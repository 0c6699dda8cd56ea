"""A whole night of payers with credits, promises and agreements, and with rates in per cent where
fractions are read: nobody is asked for money that is not owed, and a person is told.
"""

import dataclasses
import shutil
from decimal import Decimal

import pytest

from cobranca import warehouse
from cobranca.partitions.manifest import read_manifest
from cobranca.partitions.verdict import ARRIVALS, WARNING, read_verdict
from nights.installation import FIRST
from warehouse.parity import differences

pytestmark = pytest.mark.timeout(900)


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
    # the last two are of terms without a bank, and so are the promises
    assert states == {
        "aFabio": "kept",
        "aGil": "kept",
        "aHelena": "broken",
        "aIvo": "open",
        "aVera": "open",
        "aWanda": "open",
    }
    promised = company.rows(FIRST, "fct_promises", "select promise_id, state, paid_amount from {}")
    others = {"pRosa", "pSara", "pTito", "pUgo"}
    assert {row[0] for row in promised} == {"pJoana", "pKarl"} | others
    assert sorted(row for row in promised if row[0] not in others) == [
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
        **dict.fromkeys(("left_cents",), ("within_tolerance", "financeiro")),
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
