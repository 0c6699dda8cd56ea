"""The few figures that a finance director reads first, each beside its value at the end of the month before."""

from dataclasses import dataclass
from decimal import Decimal

from cobranca.reports.figures import ZERO, Pack, Row, sum_of
from cobranca.reports.tables import EVOLUTION, is_whole_month, newest, rows_of, share


@dataclass(frozen=True)
class Indicator:
    """``kind`` as in a table's column; ``better`` says which way is good: "up", "down" or none."""

    name: str
    label: str
    kind: str
    value: object
    before: object
    better: str = ""
    hint: str = ""


def indicators(pack: Pack, currency: str) -> list[Indicator]:
    """The indicators of one currency; a value that cannot be known yet is None."""
    portfolio = rows_of(pack, EVOLUTION, currency)
    now, before = _split(portfolio)
    dso, dso_before = _split(pack.rows("dso", currency))
    effectiveness = [row for row in pack.rows("cei", currency) if is_whole_month(row)]
    cei = effectiveness[-1] if effectiveness else {}
    cei_before = effectiveness[-2] if len(effectiveness) > 1 else {}
    allowance, allowance_before = pdd(pack, currency)
    due = sum_of(pack.rows("aging", currency, basis="effective"), "amount_due")
    days, days_before = dso.get("dso_countback"), dso_before.get("dso_countback")
    return [
        Indicator("open", "A receber (saldo)", "money", now.get("open_amount", ZERO), before.get("open_amount")),
        Indicator("due", "Devido com multa e juros", "money", due, None),
        Indicator("overdue", "Vencido", "money", now.get("overdue_amount", ZERO), before.get("overdue_amount"), "down"),
        Indicator("overdue_share", "% vencido", "share", now.get("overdue_share"), before.get("overdue_share"), "down"),
        Indicator("dso", "DSO", "days", days, days_before, "down", "contagem regressiva, dias"),
        Indicator("cei", "CEI", "percent", cei.get("cei"), cei_before.get("cei"), "up", "último mês completo, máximo 100"),
        Indicator("allowance", "PDD", "money", allowance, allowance_before, "down", "matriz de provisão"),
        Indicator("coverage", "PDD sobre o saldo", "share", _share(allowance, now), _share(allowance_before, before), "down"),
    ]  # fmt: skip


def pdd(pack: Pack, currency: str) -> tuple[Decimal | None, Decimal | None]:
    """The allowance on the business date and at the end of the month before; None without enough history."""
    dates: dict[object, list[Row]] = {}
    for row in pack.rows("allowance", currency):
        dates.setdefault(row["as_of_date"], []).append(row)
    values = [
        None if any(row["allowance"] is None for row in dates[as_of]) else sum_of(dates[as_of], "allowance")
        for as_of in sorted(dates)[-2:]
    ]
    return (values[-1] if values else None, values[-2] if len(values) > 1 else None)


def _share(part: Decimal | None, portfolio: Row) -> Decimal | None:
    return None if part is None or not portfolio else share(part, portfolio["open_amount"])


def _split(rows: list[Row]) -> tuple[Row, Row]:
    """The row of the business date and that of the newest month end before it."""
    now = next((row for row in rows if row["is_business_date"]), {})
    earlier = newest(row for row in rows if not row["is_business_date"])
    return now, (earlier[0] if earlier else {})
