"""Draw plots as inline SVG, offline, without a script in the page.

Each takes rows of the pack and gives SVG text with a title for screen readers, or nothing for no
rows.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple

from cobranca.aging import SETTLED
from cobranca.reports import wording
from cobranca.reports.plot_drawing import (
    INK,
    PAPER,
    date_axis,
    draw_svg,
    money_axis,
    plot_of,
)
from cobranca.reports.report_rows import (
    AgingRow,
    AllowanceMovementRow,
    CalibrationRow,
    CeiRow,
    DsoRow,
    LiquidityRow,
    PositionRow,
    RollRateRow,
    TrendRow,
)

if TYPE_CHECKING:
    from datetime import date

BLUE, TEAL, AMBER, PLUM = "#2f6690", "#3a9188", "#d98e04", "#7d5ba6"
# By the place of the band; as many as policy.bands allows.
BAND_COLOURS = ("#7fa8c9", "#f3cf7a", "#eda94c", "#dd7a33", "#bd4b2b", "#842a24")
CLASS_COLOURS = {
    "pontual": TEAL,
    "viciado": "#eda94c",
    "irregular": "#dd7a33",
    "critico": "#842a24",
    "novo": "#7fa8c9",
}


class Point(NamedTuple):
    """One point of a line; ``order`` puts the points of the axis in order."""

    label: str
    order: int
    series: str
    value: Decimal


class Bar(NamedTuple):
    """One horizontal bar, and what stands after its amount."""

    name: str
    amount: Decimal
    colour: str
    remark: str


def band_colour(order: int) -> str:
    """The colour of a band by its place, counted from 0."""
    return BAND_COLOURS[order]


def aging(rows: Sequence[AgingRow], currency: str, title: str) -> str:
    """Bars by effective days, a tick where the original days would end them."""
    import altair as alt

    if not rows:
        return ""
    original = {row["aging_band"]: row for row in rows if row["basis"] == "original"}
    effective = [row for row in rows if row["basis"] == "effective"]
    total = sum(float(row["open_amount"]) for row in effective) or 1.0
    data = [
        {
            "band": wording.band(row["aging_band"]),
            "amount": float(row["open_amount"]),
            "original": float(original[row["aging_band"]]["open_amount"]),
            "end": max(
                float(row["open_amount"]), float(original[row["aging_band"]]["open_amount"])
            ),
            "label": (
                f"{wording.short_money(row['open_amount'], currency)} · "
                f"{wording.percent(row['open_share'])}"
            ),
            "colour": band_colour(row["band_order"]),
        }
        for row in effective
    ]
    limit = max(*(float(row["open_amount"]) for row in rows), total * 0.01) * 1.3
    base = plot_of(data).encode(
        y=alt.Y("band:N", sort=None, title=None),
        x=alt.X("amount:Q", axis=None, scale=alt.Scale(domain=[0, limit])),
    )
    bars = base.mark_bar(height=22, cornerRadiusEnd=2).encode(
        color=alt.Color("colour:N", scale=None)
    )
    ticks = base.mark_tick(color=INK, thickness=2, height=30).encode(x="original:Q")
    labels = base.mark_text(align="left", dx=8).encode(x="end:Q", text="label:N")
    return draw_svg(alt.layer(bars, ticks, labels), title, height=220)


def trend(rows: Sequence[TrendRow], currency: str, title: str) -> str:
    """The portfolio at each month end: one bar for each date, one colour for each band."""
    import altair as alt

    if not rows:
        return ""
    data = [
        {
            "date": _date_label(row),
            "order": row["as_of_date"].toordinal(),
            "band": wording.band(row["aging_band"]),
            "band_order": row["band_order"],
            "amount": float(row["open_amount"]),
        }
        for row in rows
    ]
    held = sorted({(row["band_order"], row["aging_band"]) for row in rows})
    bands, colours = [wording.band(band) for _, band in held], [band_colour(o) for o, _ in held]
    bars = (
        plot_of(data)
        .mark_bar()
        .encode(
            x=alt.X(
                "date:N",
                sort=alt.EncodingSortField("order"),
                title=None,
                scale=alt.Scale(paddingInner=0.25),
                axis=date_axis(),
            ),
            y=alt.Y("amount:Q", title=None, axis=money_axis(currency, max(_stacked(rows)))),
            color=alt.Color(
                "band:N",
                scale=alt.Scale(domain=bands, range=colours),
                legend=alt.Legend(columns=6),
            ),
            order=alt.Order("band_order:Q"),
        )
    )
    return draw_svg(bars, title, height=240)


def days_to_receive(rows: Sequence[DsoRow], title: str) -> str:
    """The three DSO lines."""
    lines: tuple[
        tuple[Literal["dso_countback", "dso_simple", "dso_best_possible"], str, str], ...
    ] = (
        ("dso_countback", "Contagem regressiva", BLUE),
        ("dso_simple", "Simples", AMBER),
        ("dso_best_possible", "Melhor possível", TEAL),
    )
    points = [
        Point(_date_label(row), row["as_of_date"].toordinal(), name, days)
        for row in rows
        for column, name, _ in lines
        if (days := row[column]) is not None
    ]
    return _lines(points, [(name, colour) for _, name, colour in lines], title, "dias")


def effectiveness(rows: Sequence[CeiRow], title: str) -> str:
    """The collection effectiveness index of each month."""
    points = [
        Point(_date_label(row), row["as_of_date"].toordinal(), "CEI", index)
        for row in rows
        if (index := row["cei"]) is not None
    ]
    return _lines(points, [("CEI", BLUE)], title, "%")


def liquidity(rows: Sequence[LiquidityRow], title: str) -> str:
    """Share received within 0, 30, 60 and 90 days by month of due date."""
    horizons: tuple[
        tuple[Literal["liquidity_0", "liquidity_30", "liquidity_60", "liquidity_90"], str, str], ...
    ] = (
        ("liquidity_0", "No vencimento", AMBER),
        ("liquidity_30", "30 dias", TEAL),
        ("liquidity_60", "60 dias", BLUE),
        ("liquidity_90", "90 dias", PLUM),
    )
    points = [
        Point(
            wording.month(row["due_month"]).replace("/", " "),
            row["due_month"].toordinal(),
            name,
            received * 100,
        )
        for row in rows
        for column, name, _ in horizons
        if (received := row[column]) is not None
    ]
    return _lines(points, [(name, colour) for _, name, colour in horizons], title, "%")


def allowance(rows: Sequence[AllowanceMovementRow], currency: str, title: str) -> str:
    """The closing allowance at each date."""
    points = [
        Point(_date_label(row), row["as_of_date"].toordinal(), "PDD", amount)
        for row in rows
        if (amount := row["closing_allowance"]) is not None
    ]
    return _lines(points, [("PDD", PLUM)], title, currency=currency)


def roll_rates(rows: Sequence[RollRateRow], bands: Sequence[str], title: str) -> str:
    """Where each opening band stands now; darker is more."""
    import altair as alt

    if not rows:
        return ""
    froms = [wording.band(band) for band in bands]
    tos = [wording.short_band(band) for band in (*bands, SETTLED)]
    data = [
        {
            "from": wording.band(row["from_band"]),
            "to": wording.short_band(row["to_band"]),
            "rate": float(row["roll_rate"] or 0),
            "label": wording.percent(row["roll_rate"], 1 if row["roll_rate"] else 0),
        }
        for row in rows
    ]
    base = plot_of(data).encode(
        x=alt.X(
            "to:N",
            scale=alt.Scale(domain=tos),
            title="Faixa agora (dias)",
            axis=alt.Axis(orient="top", labelAngle=0),
        ),
        y=alt.Y("from:N", sort=froms, title="Faixa no fim do mês anterior"),
    )
    # Never so dark that the ink on it could not be read.
    cells = base.mark_rect(cornerRadius=3, stroke=PAPER, strokeWidth=2, color=BLUE).encode(
        opacity=alt.Opacity(
            "rate:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 0.6]), legend=None
        )
    )
    return draw_svg(
        alt.layer(cells, base.mark_text(fontSize=13).encode(text="label:N")), title, height=220
    )


def amounts(bars: Sequence[Bar], currency: str, title: str) -> str:
    """Horizontal bars of amounts."""
    import altair as alt

    if not bars:
        return ""
    data = [
        {
            "name": bar.name,
            "amount": float(bar.amount),
            "label": wording.short_money(bar.amount, currency)
            + (f" · {bar.remark}" if bar.remark else ""),
            "colour": bar.colour,
        }
        for bar in bars
    ]
    limit = max(*(float(bar.amount) for bar in bars), 0.01) * 1.42
    base = plot_of(data).encode(
        y=alt.Y("name:N", sort=None, title=None),
        x=alt.X("amount:Q", axis=None, scale=alt.Scale(domain=[0, limit])),
    )
    drawn = alt.layer(
        base.mark_bar(height=18, cornerRadiusEnd=2).encode(color=alt.Color("colour:N", scale=None)),
        base.mark_text(align="left", dx=8).encode(text="label:N"),
    )
    return draw_svg(drawn, title, height=28 * max(len(data), 1))


def calibration(rows: Sequence[CalibrationRow], title: str) -> str:
    """Bars of what happened in each tenth of the scores, a tick where it was expected.

    There is one bar for late receivables, and one for seriously late ones.
    """
    import altair as alt

    if not rows:
        return ""
    names = ("Atraso", "Mais de 30 dias")
    data = [
        {
            "scores": score_range(row),
            "order": row["decile"],
            "kind": name,
            "observed": float(observed) * 100,
            "predicted": float(predicted) * 100,
        }
        for row in rows
        for name, observed, predicted in (
            (names[0], row["late_observed"], row["late_predicted"]),
            (names[1], row["seriously_late_observed"], row["seriously_late_predicted"]),
        )
    ]
    base = plot_of(data).encode(
        x=alt.X(
            "order:O",
            title="Nota do cliente (décimos dos títulos)",
            axis=alt.Axis(labelAngle=0, labelExpr=_label_of(rows)),
        ),
    )
    axis = alt.Axis(tickCount=5, labelExpr="datum.label + ' %'")
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        xOffset=alt.XOffset("kind:N", sort=list(names)),
        y=alt.Y("observed:Q", title=None, axis=axis),
        color=alt.Color(
            "kind:N", scale=alt.Scale(domain=list(names), range=["#eda94c", "#bd4b2b"])
        ),
    )
    ticks = base.mark_tick(color=INK, thickness=2).encode(
        xOffset=alt.XOffset("kind:N", sort=list(names)), y="predicted:Q"
    )
    return draw_svg(alt.layer(bars, ticks), title, height=240)


def score_range(row: CalibrationRow) -> str:
    """The scores of a tenth: ``3 a 40``, or one of them where all are equal."""
    low, high = row["lowest_score"], row["highest_score"]
    return f"{low}" if low == high else f"{low} a {high}"


def _label_of(rows: Sequence[CalibrationRow]) -> str:
    """The scores of a tenth, where the axis counts the tenths."""
    labels = "".join(f"datum.value == {row['decile']} ? '{score_range(row)}' : " for row in rows)
    return f"{labels}''"


def _lines(
    points: Sequence[Point],
    series: Sequence[tuple[str, str]],
    title: str,
    unit: str = "",
    currency: str = "",
) -> str:
    """Lines whose legend holds the newest value of each."""
    import altair as alt

    if not points:
        return ""
    newest = {}
    for label, _, name, value in sorted(points, key=lambda point: point.order):
        text = (
            wording.short_money(value, currency) if currency else f"{wording.number(value)} {unit}"
        )
        newest[name] = f"{name}: {text} ({label.replace(' ', '/')})"
    data = [
        {"x": label, "order": order, "series": newest[name], "value": float(value)}
        for label, order, name, value in points
    ]
    shown = [(newest[name], colour) for name, colour in series if name in newest]
    axis = (
        money_axis(currency, max(float(point.value) for point in points))
        if currency
        else alt.Axis(tickCount=5)
    )
    base = plot_of(data).encode(
        x=alt.X(
            "x:N",
            sort=alt.EncodingSortField("order"),
            title=None,
            scale=alt.Scale(type="point", padding=0.6),
            axis=date_axis(),
        ),
        y=alt.Y("value:Q", title=unit or None, axis=axis, scale=alt.Scale(zero=True)),
        color=alt.Color(
            "series:N",
            scale=alt.Scale(
                domain=[name for name, _ in shown], range=[colour for _, colour in shown]
            ),
            legend=alt.Legend(columns=4),
        ),
    )
    return draw_svg(alt.layer(base.mark_line(), base.mark_point(opacity=1)), title, height=220)


def _stacked(rows: Sequence[TrendRow]) -> list[float]:
    """The height of the bar of each date."""
    sums: dict[date, float] = {}
    for row in rows:
        sums[row["as_of_date"]] = sums.get(row["as_of_date"], 0.0) + float(row["open_amount"])
    return list(sums.values())


def _date_label(row: PositionRow) -> str:
    """``out 2026`` for a month end; the day itself for the business date."""
    as_of = row["as_of_date"]
    if row["is_business_date"]:
        return f"{as_of.day}/{wording.MONTHS[as_of.month - 1]} {as_of.year}"
    return wording.month(as_of).replace("/", " ")
