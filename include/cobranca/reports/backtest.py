"""How well the payer ranking foretold the past: figures of the frozen batch, in words for the page and the command."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from cobranca.manifest import Manifest
from cobranca.reports import wording
from cobranca.reports.figures import Row
from cobranca.reports.tables import Column, Table, as_text

# In the order in which they are shown: the ranking's two, then what needs no ranking.
PREDICTORS = {
    "forecast": "Previsão do ranking",
    "score": "Nota do ranking",
    "last_behaviour": "Sem ranking: último pagamento",
    "customer_mean": "Sem ranking: atraso médio do cliente",
}
TARGETS = ("late", "seriously_late")

SUMMARY = Table(
    "ranking_backtest", "", "Quem ordena melhor",
    (
        Column("name", "Quem prevê"),
        Column("late_auc", "Atraso: AUC", "auc"), Column("late_precision", "Atraso: acerto", "share"),
        Column("seriously_late_auc", "Mais de 30 dias: AUC", "auc"),
        Column("seriously_late_precision", "Mais de 30 dias: acerto", "share"),
    ),
    note="AUC: chance de a previsão ordenar certo um título que atrasou e um que não atrasou (0,5 é o acaso, 1 a perfeição). "
    "Acerto: parte que de fato atrasou, se cada um escolhesse tantos títulos quantos o lembrete preventivo alcança. A nota pesa "
    "a gravidade, por isso põe primeiro quem atrasa muito, e não quem atrasa sempre.",
)  # fmt: skip
BY_MONTH = Table(
    "ranking_backtest_months", "", "AUC de cada mês",
    (
        Column("as_of_date", "Ranking de", "date"), Column("receivables", "Títulos", "count"),
        Column("positive_share", "Atrasaram", "share"), Column("forecast", "Previsão", "auc"), Column("score", "Nota", "auc"),
        Column("last_behaviour", "Último pagamento", "auc"), Column("customer_mean", "Atraso médio", "auc"),
    ),
)  # fmt: skip
CALIBRATION = Table(
    "ranking_calibration", "", "Previsto e acontecido, por nota",
    (
        Column("scores", "Nota"), Column("receivables", "Títulos", "count", True),
        Column("late_predicted", "Atraso previsto", "share"), Column("late_observed", "Aconteceu", "share"),
        Column("seriously_late_predicted", "Mais de 30 dias: previsto", "share"),
        Column("seriously_late_observed", "Mais de 30 dias: aconteceu", "share"),
    ),
    note="Cada linha é um décimo dos títulos, na ordem da nota do cliente; a primeira reúne as menores notas.",
)  # fmt: skip


@dataclass(frozen=True)
class Backtest:
    """The rows of ``rpt_ranking_backtest`` and ``rpt_ranking_calibration`` of one batch; none where nothing can be tried yet."""

    business_date: date
    rows: tuple[Row, ...]
    calibration: tuple[Row, ...]

    def of(self, period: str, target: str, predictor: str) -> Row | None:
        wanted = (period, target, predictor)
        return next((row for row in self.rows if (row["period"], row["target"], row["predictor"]) == wanted), None)


def read_backtest(manifest: Manifest) -> Backtest:
    """Read the batch.

    Raises:
        PartitionError: the batch was frozen before there was a backtest; build that date again.
    """
    import duckdb

    def rows(table: str, order: str) -> tuple[Row, ...]:
        with duckdb.connect() as connection:
            cursor = connection.execute(
                f"select * from read_parquet(?) order by {order}", [str(manifest.path(f"{table}.parquet"))]
            )
            names = [column[0] for column in cursor.description]
            return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())

    return Backtest(
        manifest.business_date,
        rows("rpt_ranking_backtest", "period, target, predictor"),
        rows("rpt_ranking_calibration", "decile"),
    )


def headline(backtest: Backtest) -> str:
    """What was tried and what the preventive step would have met, in three sentences."""
    late, serious = (backtest.of("all", target, "forecast") for target in TARGETS)
    if late is None or serious is None:
        return (
            "Ainda não há com que testar: é preciso um fim de mês de ao menos três meses atrás, com títulos que venceram no mês "
            "seguinte."
        )
    months = sorted(row["as_of_date"] for row in backtest.rows if row["as_of_date"])
    said = (
        f"Nos fins de mês de {wording.month(months[0])} a {wording.month(months[-1])}, o ranking previu "
        f"{wording.of(late['receivables'], 'título', 'títulos')} do mês seguinte: {wording.percent(late['positive_share'])} "
        f"atrasaram e {wording.percent(serious['positive_share'])} passaram de 30 dias."
    )
    if not late["addressed_receivables"]:
        return f"{said} O lembrete preventivo da régua não alcançaria nenhum deles."
    return (
        f"{said} O lembrete preventivo da régua alcançaria {wording.of(late['addressed_receivables'], 'título', 'títulos')}, "
        f"dos quais {wording.percent(late['step_precision'])} atrasaram: são {wording.percent(late['step_recall'])} de todos os "
        "atrasados."
    )


def summary_rows(backtest: Backtest) -> list[Row]:
    """What the preventive step meets, then one row a predictor, over all months."""
    rows = []
    step = {target: backtest.of("all", target, "forecast") for target in TARGETS}
    if all(step.values()):
        rows.append(
            {"name": "Lembrete preventivo, pela classe"}
            | {f"{target}_auc": None for target in step}
            | {f"{target}_precision": row["step_precision"] for target, row in step.items()}
        )
    for predictor, name in PREDICTORS.items():
        found = {target: backtest.of("all", target, predictor) for target in TARGETS}
        if all(found.values()):
            rows.append(
                {"name": name}
                | {f"{target}_auc": row["auc"] for target, row in found.items()}
                | {f"{target}_precision": row["precision_at_volume"] for target, row in found.items()}
            )
    return rows


def month_rows(backtest: Backtest) -> list[Row]:
    """One row a month end: how each predictor ordered what was late in the month after it."""
    rows = []
    for period in sorted({row["period"] for row in backtest.rows} - {"all"}):
        found = {predictor: backtest.of(period, "late", predictor) for predictor in PREDICTORS}
        first = found["forecast"]
        rows.append(
            {name: first[name] for name in ("as_of_date", "receivables", "positive_share")}
            | {predictor: row["auc"] for predictor, row in found.items()}
        )
    return rows


def calibration_rows(backtest: Backtest) -> list[Row]:
    return [
        row | {"scores": f"{low}" if (low := row["lowest_score"]) == (high := row["highest_score"]) else f"{low} a {high}"}
        for row in backtest.calibration
    ]


def told(backtest: Backtest) -> str:
    """The whole backtest as plain text."""
    parts = [f"Ranking de pagadores posto à prova em {wording.day(backtest.business_date)}", headline(backtest)]
    for table, rows in (
        (SUMMARY, summary_rows(backtest)),
        (BY_MONTH, month_rows(backtest)),
        (CALIBRATION, calibration_rows(backtest)),
    ):
        if rows:
            parts.append("\n".join([f"{table.title}:", *_aligned(table, rows), *([table.note] if table.note else [])]))
    return "\n\n".join(parts)


def _aligned(table: Table, rows: Sequence[Row]) -> list[str]:
    lines = [[column.label for column in table.columns]]
    lines += [[as_text(row[column.name], column.kind) for column in table.columns] for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(table.columns))]
    return ["  " + "  ".join(_cell(line, place, width) for place, width in enumerate(widths)) for line in lines]


def _cell(line: list[str], place: int, width: int) -> str:
    """Names to the left, figures to the right."""
    return line[place].ljust(width) if place == 0 else line[place].rjust(width)
