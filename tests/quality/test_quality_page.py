"""The quality page: readable, offline, honest about what is missing."""

import re
from datetime import date
from pathlib import Path

import pytest

from cobranca.partitions.verdict import Check, Verdict
from cobranca.quality.facts import HIDDEN, shown_key
from cobranca.quality.quality_page import OTHERWISE, REASONS, headline, render

D = date(2026, 11, 18)
FACTS = {
    "arrivals": {
        "previous_date": "2026-11-17",
        "arrivals": [
            {
                "source": "erp", "entity": "receivables", "rows": 31250, "previous_rows": 31000,
                "quarantined": 3,
                "totals": {"amount BRL": ["12345678.90", "12000000.00"],
                    "amount USD": ["10.00", None]},
                "reading": {"how": "changes", "changed": 1250, "left": 2, "swept": True},
            }
        ],
        "control": [
            {"source": "erp", "entity": "receivables", "currency": "BRL", "right": True,
                "rows": [31253, 31250, 3],
             "totals": ["12345693.90", "12345678.90", "15.00"]},
            {"source": "erp", "entity": "payments", "currency": "", "right": False,
                "rows": [4, 3, 0], "totals": None},
        ],
        "quarantine": [
            {
                "source": "erp", "entity": "receivables", "column_name": "amount",
                "reason": "not_positive", "rows": 3,
                "with_key": 3, "keys": ["R1", "R2"], "more_keys": 1,
                "amounts": [{"currency": "BRL", "amount": "15.00"}],
            }
        ],
    },
    "plan": {
        "landing_batch": "b1",
        "decisions": [
            {"decision": "remind", "currency": "BRL", "receivables": 12, "customers": 9,
                "open_amount": "100.00",
             "amount_due": "102.50"}
        ],
        "reasons": [{"reason": "waiting_interval", "receivables": 7},
            {"reason": "something_new", "receivables": 1}],
        "messages": [{"messages": 9}],
        "calls": [{"calls": 4}],
    },
}  # fmt: skip


def verdict(subject: str, *checks: Check) -> Verdict:
    return Verdict.of(D, "b1", subject, list(checks) or [check()], FACTS[subject])


def check(passed=True, severity="critical", name="reasons", **more) -> Check:
    return Check(
        name,
        "fct_decisions",
        severity,
        passed,
        "3 linhas",
        "nenhuma linha",
        title="Toda decisão tem um motivo",
        **more,
    )


def text_of(html: str) -> str:
    return re.sub(
        r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<style>.*?</style>", "", html))
    ).replace("\u00a0", " ")


def test_the_page_tells_arrivals_quarantine_and_plan():
    text = text_of(render(D, verdict("arrivals"), verdict("plan")))
    for part in (
        "quarta-feira, 18/11/2026", "Noite aprovada", "Comparado com a chegada de 17/11/2026",
        "31.250", "+0,81 %",
        "R$ 12.345.678,90", "US$ 10,00", "valor zero ou negativo", "R1, R2 e mais 1", "R$ 15,00",
        "mensagem",
        "só mudanças: 1.250 lidas, 2 fora, com todos os códigos comparados", "R$ 12.345.693,90",
        "✗ há", "✓ nenhuma",
        "intervalo mínimo entre contatos", "something new", "Toda decisão tem um motivo",
    ):  # fmt: skip
        assert part in text
    assert "chegada anterior à mostrada" not in text


def test_the_page_tells_what_was_left_empty_and_what_was_rewritten():
    row = {"source": "erp", "entity": "receivables", "rows": 1250}
    facts = FACTS["arrivals"] | {
        "emptied": [row | {"column": "fine_rate", "rule": "rate_too_high"}],
        "repairs": [row | {"column": "currency", "rule": "defaulted"}],
    }
    arrivals = Verdict.of(D, "b1", "arrivals", [check()], facts)
    text = text_of(render(D, arrivals, None))
    for part in (
        "Valores opcionais deixados vazios",
        "erp títulos fine_rate taxa acima do limite (limits.yml): vale a da empresa 1.250",
        "Valores reescritos na chegada",
        "erp títulos currency vazio: vale o padrão 1.250",
    ):
        assert part in text
    assert "deixados vazios" not in text_of(render(D, verdict("arrivals"), None))


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("", "completa"), ("whole: there is no landing before", "completa (primeira vez)"),
        ("whole: every 7 days", "completa (varredura periódica)"),
        ("whole: the landing before was read by other rules", "completa (consulta ou regra mudou)"),
        ("whole: the source's totals differ from the merged rows", f"completa ({OTHERWISE})"),
    ],
)  # fmt: skip
def test_the_page_tells_how_each_entity_was_read(how: str, told: str):
    [arrival] = FACTS["arrivals"]["arrivals"]
    facts = FACTS["arrivals"] | {
        "arrivals": [
            arrival | {"reading": {"how": how, "changed": None, "left": 0, "swept": False}}
        ]
    }
    assert f" {told} " in text_of(
        render(D, Verdict.of(D, "b1", "arrivals", [check()], facts), None)
    )


@pytest.mark.parametrize("subjects", [("arrivals",), ("plan",), ("arrivals", "plan"), ()])
def test_the_page_is_drawn_from_whatever_there_is_and_needs_no_network(subjects):
    made = {subject: verdict(subject) for subject in subjects}
    html = render(D, made.get("arrivals"), made.get("plan"))
    assert html.startswith("<!doctype html>") and html.rstrip().endswith("</html>")
    assert not re.search(r"https?:|//[a-z]|url\(|<script|<link|@import|src=", html)


def test_text_from_outside_is_escaped():
    html = render(D, verdict("arrivals", check(False, broken=True, name="<b>x</b>")), None)
    assert "<b>x</b>" not in html
    facts = {
        **FACTS["arrivals"],
        "quarantine": [{**FACTS["arrivals"]["quarantine"][0], "keys": ["<img src=x>"]}],
    }
    html = render(D, Verdict.of(D, "b1", "arrivals", [check()], facts), None)
    assert "<img" not in html


HEADLINES = {
    "nothing judged but arrivals": (([check()], None), "fair", "Chegadas aprovadas"),
    "arrivals refused": (([check(False)], [check()]), "bad", "Noite retida"),
    "plan refused": (([check()], [check(False), check(False, broken=True)]), "bad", "Noite retida"),
    "all well": (([check()], [check()]), "good", "Noite aprovada"),
    "warnings": (([check(), check(False, "warning")], [check()]), "fair", "Noite aprovada"),
    "old payments": (
        ([check(), check(False, "warning", "payments_fresh")], [check()]),
        "fair",
        "Aprovada com ressalva",
    ),
}


@pytest.mark.parametrize(("checks", "tone", "title"), HEADLINES.values(), ids=HEADLINES.keys())
def test_the_headline_says_whether_people_are_contacted(checks, tone, title):
    arrivals, plan = checks
    said = headline(verdict("arrivals", *arrivals), verdict("plan", *plan) if plan else None)
    assert (said["tone"], said["title"]) == (tone, title)


def test_a_plan_of_an_earlier_landing_is_reported():
    arrivals = Verdict.of(D, "b2", "arrivals", [check()], FACTS["arrivals"])
    assert "chegada anterior à mostrada" in render(D, arrivals, verdict("plan"))


def test_having_checked_nothing_is_no_approval():
    assert not Verdict.of(D, "b1", "plan", [], {}).passed


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("R-2026/0001.1", "R-2026/0001.1"),
        ("12345678901", "12345678901"),  # eleven digits that are no CPF
        ("52998224725", HIDDEN),
        ("529.982.247-25", HIDDEN),
        ("11222333000181", HIDDEN),
        ("12ABC34501DE35", HIDDEN),
        ("maria@example.com", HIDDEN),
        ("Maria Silva", HIDDEN),
        ("x" * 41, HIDDEN),
    ],
)
def test_a_key_is_shown_unless_it_could_be_a_persons(key, shown):
    assert shown_key(key) == shown


def test_every_reason_of_quarantine_has_a_text():
    from cobranca.sources import cleaning

    code = "".join(
        path.read_text(encoding="utf-8") for path in Path(cleaning.__file__).parent.glob("*.py")
    )
    codes = set(re.findall(r'UnreadableValue\("([a-z_]+)"', code))
    assert codes
    assert codes <= set(REASONS)
