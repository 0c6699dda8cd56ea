"""The backtest in words: what it says of nothing, of a régua without preventive steps, and of a
company.
"""

from datetime import date
from decimal import Decimal

from cobranca.reports.backtest import (
    Backtest,
    describe_backtest,
    headline,
    month_rows,
    summary_rows,
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
