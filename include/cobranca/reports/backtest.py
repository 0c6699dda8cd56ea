"""The backtest of the payer ranking, in words for the page and the command.

Its figures are those of the frozen batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from textwrap import indent
from typing import TypeVar, cast

from cobranca.partitions.manifest import Manifest
from cobranca.reports import wording
from cobranca.reports.charts import score_range
from cobranca.reports.report_rows import (
    BacktestRow,
    CalibrationRow,
    Row,
    ThresholdRow,
    UntriedRow,
)
from cobranca.reports.report_tables import Column, Table, as_text
from cobranca.text_table import plain_table

Shape = TypeVar("Shape")

# In the order in which they are shown: the ranking's two, then what needs no ranking.
PREDICTORS = {
    "forecast": "Previsão do ranking",
    "score": "Nota do ranking",
    "last_behaviour": "Sem ranking: último pagamento",
    "customer_mean": "Sem ranking: atraso médio do cliente",
}
TARGETS = ("late", "seriously_late")

SUMMARY = Table(
    "ranking_backtest",
    "",
    "Quem ordena melhor",
    (
        Column("name", "Quem prevê"),
        Column("late_auc", "Atraso: AUC", "auc"),
        Column("late_precision", "Atraso: acerto", "share"),
        Column("seriously_late_auc", "Mais de 30 dias: AUC", "auc"),
        Column("seriously_late_precision", "Mais de 30 dias: acerto", "share"),
    ),
    note="AUC: chance de a previsão ordenar certo um título que atrasou e um que não atrasou "
    "(0,5 é o acaso, 1 a perfeição). "
    "Acerto: parte que de fato atrasou, se cada um escolhesse tantos títulos quantos o lembrete "
    "preventivo alcança. A nota pesa "
    "a gravidade, por isso põe primeiro quem atrasa muito, e não quem atrasa sempre.",
)
BY_MONTH = Table(
    "ranking_backtest_months",
    "",
    "AUC de cada mês",
    (
        Column("as_of_date", "Ranking de", "date"),
        Column("receivables", "Títulos", "count"),
        Column("positive_share", "Atrasaram", "share"),
        Column("forecast", "Previsão", "auc"),
        Column("score", "Nota", "auc"),
        Column("last_behaviour", "Último pagamento", "auc"),
        Column("customer_mean", "Atraso médio", "auc"),
    ),
)
THRESHOLDS = Table(
    "ranking_thresholds",
    "",
    "A quem o lembrete preventivo iria",
    (
        Column("gate", "Passo"),
        Column("earlier_precision", "Antes: acerto", "share"),
        Column("earlier_reach", "Antes: alcance", "share"),
        Column("later_picked", "Depois: lembretes", "count"),
        Column("later_precision", "Depois: acerto", "share"),
        Column("later_reach", "Depois: alcance", "share"),
        Column("later_serious", "Depois: > 30 dias", "share"),
    ),
    note="Acerto: parte dos lembretes que iria a títulos que atrasaram. Alcance: parte dos "
    "atrasados que receberia um. > 30 dias: parte dos lembretes que iria a quem um lembrete não "
    "ajuda. Antes e depois são a metade mais antiga e a mais nova dos meses: escolha pela "
    "primeira; a segunda diz o que a escolha vale. Os limites são os de regua.yml: parte que se "
    "espera com atraso (minimum_late_probability) e com mais de 30 dias "
    "(maximum_serious_probability).",
)
# Of the thresholds that are tried, those that are shown.
_SHOWN_SERIOUS = (10, 100)
_EVERY_PERCENT = 10
CALIBRATION = Table(
    "ranking_calibration",
    "",
    "Previsto e acontecido, por nota",
    (
        Column("scores", "Nota"),
        Column("receivables", "Títulos", "count", True),
        Column("late_predicted", "Atraso previsto", "share"),
        Column("late_observed", "Aconteceu", "share"),
        Column("seriously_late_predicted", "Mais de 30 dias: previsto", "share"),
        Column("seriously_late_observed", "Mais de 30 dias: aconteceu", "share"),
    ),
    note="Cada linha é um décimo dos títulos, na ordem da nota do cliente; a primeira reúne as "
    "menores notas.",
)


@dataclass(frozen=True)
class Backtest:
    """The backtest and the calibration of one batch; no rows where nothing can be tried yet."""

    business_date: date
    rows: tuple[BacktestRow, ...]
    calibration: tuple[CalibrationRow, ...]
    thresholds: tuple[ThresholdRow, ...] = ()
    untried: int = 0
    """Receivables of the months that were tried which have no issue date."""

    def of(self, period: str, target: str, predictor: str) -> BacktestRow | None:
        """How one predictor did in one period, if it was tried."""
        wanted = (period, target, predictor)
        return next(
            (
                row
                for row in self.rows
                if (row["period"], row["target"], row["predictor"]) == wanted
            ),
            None,
        )


def read_backtest(manifest: Manifest) -> Backtest:
    """Read the batch.

    Raises:
        PartitionError: the batch was frozen before there was a backtest; build that date again.
    """
    import duckdb

    since = {"rpt_ranking_thresholds", "rpt_ranking_untried"}

    def rows(
        shape: type[Shape],
        table: str,
        order: str,
    ) -> tuple[Shape, ...]:
        # A batch of before there were these has none.
        if table in since and f"{table}.parquet" not in {entry.name for entry in manifest.files}:
            return ()
        with duckdb.connect() as connection:
            cursor = connection.execute(
                f"select * from read_parquet(?) order by {order}",
                [str(manifest.path(f"{table}.parquet"))],
            )
            names = [column[0] for column in cursor.description or ()]
            found = tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())
        # DuckDB does not type its rows; the models' contracts do.
        return cast("tuple[Shape, ...]", found)

    return Backtest(
        manifest.business_date,
        rows(BacktestRow, "rpt_ranking_backtest", "period, target, predictor"),
        rows(CalibrationRow, "rpt_ranking_calibration", "decile"),
        rows(ThresholdRow, "rpt_ranking_thresholds", "period, gate"),
        sum(row["receivables"] for row in rows(UntriedRow, "rpt_ranking_untried", "as_of_date")),
    )


def headline(backtest: Backtest) -> str:
    """What was tried, what the preventive step would have met, and what could not be tried."""
    said = _tried(backtest)
    if not backtest.untried:
        return said
    left = wording.of(backtest.untried, "título desses meses fica", "títulos desses meses ficam")
    return (
        f"{said} Sem data de emissão não se sabe se um título já existia antes de vencer: {left} "
        "de fora."
    )


def _tried(backtest: Backtest) -> str:
    late, serious = (backtest.of("all", target, "forecast") for target in TARGETS)
    if late is None or serious is None:
        return (
            "Ainda não há com que testar: é preciso um fim de mês de ao menos três meses atrás, "
            "com títulos que venceram no mês seguinte."
        )
    months = sorted(as_of for row in backtest.rows if (as_of := row["as_of_date"]))
    said = (
        f"Nos fins de mês de {wording.month(months[0])} a {wording.month(months[-1])}, o ranking "
        f"previu {wording.of(late['receivables'], 'título', 'títulos')} do mês seguinte: "
        f"{wording.percent(late['positive_share'])} "
        f"atrasaram e {wording.percent(serious['positive_share'])} passaram de 30 dias."
    )
    if not late["addressed_receivables"]:
        return f"{said} O lembrete preventivo da régua não alcançaria nenhum deles."
    return (
        f"{said} O lembrete preventivo da régua alcançaria "
        f"{wording.of(late['addressed_receivables'], 'título', 'títulos')}, "
        f"dos quais {wording.percent(late['step_precision'])} atrasaram: são "
        f"{wording.percent(late['step_recall'])} de todos os atrasados."
    )


def summary_rows(backtest: Backtest) -> list[Row]:
    """What the preventive step meets, then one row for each predictor, over all months."""
    rows: list[Row] = []
    late, serious = (backtest.of("all", target, "forecast") for target in TARGETS)
    if late is not None and serious is not None:
        rows.append(
            {
                "name": "Lembrete preventivo em vigor",
                "late_auc": None,
                "seriously_late_auc": None,
                "late_precision": late["step_precision"],
                "seriously_late_precision": serious["step_precision"],
            }
        )
    for predictor, name in PREDICTORS.items():
        late, serious = (backtest.of("all", target, predictor) for target in TARGETS)
        if late is not None and serious is not None:
            rows.append(
                {
                    "name": name,
                    "late_auc": late["auc"],
                    "seriously_late_auc": serious["auc"],
                    "late_precision": late["precision_at_volume"],
                    "seriously_late_precision": serious["precision_at_volume"],
                }
            )
    return rows


def month_rows(backtest: Backtest) -> list[Row]:
    """One row for each month end: how each predictor ordered what was late in the next month."""
    rows: list[Row] = []
    for period in sorted({row["period"] for row in backtest.rows} - {"all"}):
        found = {
            row["predictor"]: row
            for row in backtest.rows
            if (row["period"], row["target"]) == (period, "late")
        }
        first = found["forecast"]
        rows.append(
            {
                "as_of_date": first["as_of_date"],
                "receivables": first["receivables"],
                "positive_share": first["positive_share"],
                **{predictor: found[predictor]["auc"] for predictor in PREDICTORS},
            }
        )
    return rows


def calibration_rows(backtest: Backtest) -> list[Row]:
    """One row for each tenth of the scores, with its scores as text."""
    return [{**row, "scores": score_range(row)} for row in backtest.calibration]


def threshold_rows(backtest: Backtest) -> list[Row]:
    """The steps in force, then one row for each pair of thresholds, the strictest last."""
    by_gate: dict[str, dict[str, ThresholdRow]] = {}
    for row in backtest.thresholds:
        by_gate.setdefault(row["gate"], {})[row["period"]] = row
    found: list[tuple[tuple[int, int], Row]] = []
    for periods in by_gate.values():
        late = periods["all"]["minimum_late_percent"]
        serious = periods["all"]["maximum_serious_percent"]
        if late is None or serious is None:
            name, place = "Passos em vigor", (0, -1)
        elif serious in _SHOWN_SERIOUS and late % _EVERY_PERCENT == 0:
            limit = f", > 30 dias ≤ {serious} %" if serious < 100 else ""
            name, place = f"Atraso ≥ {late} %{limit}", (-serious, late)
        else:
            continue
        found.append((place, {"gate": name, **_of_periods(periods)}))
    # the steps in force come first whatever their place among the others
    found.sort(key=lambda one: (one[0][1] >= 0, one[0]))
    return [row for _, row in found]


def _of_periods(periods: Mapping[str, ThresholdRow]) -> Row:
    earlier, later = periods.get("earlier"), periods.get("later")
    return {
        "earlier_precision": earlier and earlier["picked_late_share"],
        "earlier_reach": earlier and earlier["reached_share"],
        "later_picked": later and later["picked"],
        "later_precision": later and later["picked_late_share"],
        "later_reach": later and later["reached_share"],
        "later_serious": later and later["picked_seriously_late_share"],
    }


def describe_backtest(backtest: Backtest) -> str:
    """The whole backtest as plain text."""
    parts = [
        f"Ranking de pagadores posto à prova em {wording.day(backtest.business_date)}",
        headline(backtest),
    ]
    for table, rows in (
        (SUMMARY, summary_rows(backtest)),
        (BY_MONTH, month_rows(backtest)),
        (THRESHOLDS, threshold_rows(backtest)),
        (CALIBRATION, calibration_rows(backtest)),
    ):
        if rows:
            parts.append(
                "\n".join(
                    [
                        f"{table.title}:",
                        _aligned(table, rows),
                        *([table.note] if table.note else []),
                    ]
                )
            )
    return "\n\n".join(parts)


def _aligned(table: Table, rows: Sequence[Row]) -> str:
    lines = [[column.label for column in table.columns]]
    lines += [[as_text(row[column.name], column.kind) for column in table.columns] for row in rows]
    return indent(plain_table(lines), "  ")
