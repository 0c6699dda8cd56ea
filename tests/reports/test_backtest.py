"""The backtest in words: what it says of nothing, of a régua without preventive steps, and of a
company.
"""

from datetime import date
from decimal import Decimal

import pytest

from cobranca.reports.backtest import (
    Backtest,
    describe_backtest,
    headline,
    month_rows,
    summary_rows,
    threshold_rows,
)

NIGHT, MONTH = date(2026, 11, 18), date(2026, 8, 31)


def rows(addressed: int = 60) -> tuple[dict, ...]:
    found = []
    for period, as_of in (("all", None), ("2026-08-31", MONTH)):
        for target, share in (("late", "0.4590"), ("seriously_late", "0.0550")):
            for number, predictor in enumerate(
                ("forecast", "score", "last_behaviour", "customer_mean")
            ):
                found.append(
                    {
                        "period": period, "as_of_date": as_of, "target": target,
                        "predictor": predictor,
                        "receivables": 1200, "positives": 551, "positive_share": Decimal(share),
                        "auc": Decimal("0.8915") - number * Decimal("0.1"),
                        "addressed_receivables": addressed,
                        "step_precision": Decimal("0.7500") if addressed else None,
                        "step_recall": Decimal("0.3880"),
                        "precision_at_volume": Decimal("0.8") if addressed else None,
                    }
                )  # fmt: skip
    return tuple(found)


CALIBRATION = (
    {
        "decile": 1, "receivables": 600, "lowest_score": 3, "highest_score": 40,
        "late_predicted": Decimal("0.669"),
        "late_observed": Decimal("0.675"), "seriously_late_predicted": Decimal("0.13"),
        "seriously_late_observed": Decimal("0.134"),
    },
    {
        "decile": 2, "receivables": 600, "lowest_score": 98, "highest_score": 98,
        "late_predicted": Decimal("0.04"),
        "late_observed": Decimal("0.026"), "seriously_late_predicted": Decimal("0.001"),
        "seriously_late_observed": Decimal(0),
    },
)  # fmt: skip


def test_the_backtest_of_a_company_is_described_in_full():
    text = describe_backtest(Backtest(NIGHT, rows(), CALIBRATION))
    for part in (
        "18/11/2026", "de ago/2026 a ago/2026", "1.200 títulos", "45,9\u00a0% atrasaram",
        "5,5\u00a0% passaram de 30 dias",
        "alcançaria 60 títulos", "75,0\u00a0%", "38,8\u00a0%", "0,892",
        "Sem ranking: último pagamento", "31/08/2026",
        "3 a 40", "67,5",
    ):  # fmt: skip
        assert part in text, part
    assert summary_rows(Backtest(NIGHT, rows(), ()))[0]["late_precision"] == Decimal("0.75")
    assert [row["score"] for row in month_rows(Backtest(NIGHT, rows(), ()))] == [Decimal("0.7915")]


def test_a_regua_without_preventive_steps_is_said_so():
    text = describe_backtest(Backtest(NIGHT, rows(addressed=0), CALIBRATION))
    assert "não alcançaria nenhum" in text and "None" not in text


def test_a_young_company_has_nothing_to_try():
    nothing = Backtest(NIGHT, (), ())
    assert "Ainda não há com que testar" in headline(nothing)
    assert describe_backtest(nothing).count("\n\n") == 1


def gate(period: str, late: int | None, serious: int | None, precision: str) -> dict:
    return {
        "period": period,
        "gate": "in_force" if late is None else f"{late}/{serious}",
        "minimum_late_percent": late,
        "maximum_serious_percent": serious,
        "receivables": 3000,
        "picked": 900,
        "picked_late_share": Decimal(precision),
        "reached_share": Decimal("0.5"),
        "picked_seriously_late_share": Decimal("0.05"),
    }


def test_the_steps_in_force_stand_before_the_thresholds_that_were_tried():
    """Each with what it meant in the months in which it is chosen, and in those that try it."""
    thresholds = tuple(
        gate(period, *pair, precision)
        for period, precision in (("earlier", "0.71"), ("later", "0.69"), ("all", "0.70"))
        for pair in ((60, 10), (None, None), (50, 10), (60, 100), (55, 10), (60, 20), (0, 100))
    )
    found = threshold_rows(Backtest(NIGHT, rows(), (), thresholds))
    assert [row["gate"] for row in found] == [
        "Passos em vigor",
        "Atraso ≥ 0 %",
        "Atraso ≥ 60 %",
        "Atraso ≥ 50 %, > 30 dias ≤ 10 %",
        "Atraso ≥ 60 %, > 30 dias ≤ 10 %",
    ]
    assert {(row["earlier_precision"], row["later_precision"]) for row in found} == {
        (Decimal("0.71"), Decimal("0.69"))
    }
    text = describe_backtest(Backtest(NIGHT, rows(), CALIBRATION, thresholds))
    assert "A quem o lembrete preventivo iria:" in text and "None" not in text


def test_a_batch_of_before_thresholds_were_tried_shows_none():
    assert "A quem o lembrete" not in describe_backtest(Backtest(NIGHT, rows(), CALIBRATION))


@pytest.mark.parametrize("tried", [(), rows()], ids=["nothing else", "others"])
def test_what_has_no_issue_date_is_told(tried):
    told = headline(Backtest(NIGHT, tried, (), (), untried=1200))
    assert told.endswith("1.200 títulos desses meses ficam de fora.")
    assert "emissão" not in headline(Backtest(NIGHT, tried, ()))


def test_one_month_is_no_choice():
    """Of a single month there is no earlier half."""
    thresholds = (gate("later", 60, 10, "0.69"), gate("all", 60, 10, "0.69"))
    (row,) = threshold_rows(Backtest(NIGHT, rows(), (), thresholds))
    assert row["earlier_precision"] is None and row["later_precision"] == Decimal("0.69")
