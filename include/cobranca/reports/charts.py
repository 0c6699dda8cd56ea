"""Plots as inline SVG: drawn here, offline, without a script in the page.

Each takes rows of the pack and gives SVG text with a title for screen readers, or nothing for no rows. Colours are a fixed
palette that the page's stylesheet exchanges for another in dark mode, so nothing else in a plot may carry a colour.
"""

import hashlib
import html
import re
from collections.abc import Sequence
from decimal import Decimal

from cobranca.reports import wording
from cobranca.reports.figures import Row

FONT = "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
INK, SOFT, GRID, PAPER = "#1f2a37", "#5b6775", "#e3e7ec", "#fffffe"
BLUE, TEAL, AMBER, PLUM = "#2f6690", "#3a9188", "#d98e04", "#7d5ba6"
BAND_COLOURS = {
    "not_due": "#7fa8c9",
    "1-30": "#f3cf7a",
    "31-60": "#eda94c",
    "61-90": "#dd7a33",
    "91-180": "#bd4b2b",
    "181+": "#842a24",
}
CLASS_COLOURS = {"pontual": TEAL, "viciado": "#eda94c", "irregular": "#dd7a33", "critico": "#842a24", "novo": "#7fa8c9"}
WIDTH = 1000

_CONFIG = {
    "font": FONT,
    "background": "transparent",
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": SOFT, "titleColor": SOFT, "gridColor": GRID, "domain": False, "ticks": False, "labelFontSize": 12,
        "titleFontSize": 12, "titleFontWeight": "normal", "labelPadding": 6, "labelLimit": 420,
    },
    "legend": {
        "labelColor": INK, "titleColor": SOFT, "labelFontSize": 12, "orient": "top", "title": None, "symbolType": "square",
        "columnPadding": 14, "offset": 10, "labelLimit": 0,
    },
    "text": {"color": INK, "fontSize": 12},
    "line": {"strokeWidth": 2.5},
    "point": {"size": 40, "filled": True},
}  # fmt: skip


def aging(rows: Sequence[Row], currency: str, title: str) -> str:
    """Bars by effective days, a tick where the original days would end them."""
    import altair as alt

    if not rows:
        return ""
    original = {row["aging_band"]: row for row in rows if row["basis"] == "original"}
    effective = [row for row in rows if row["basis"] == "effective"]
    total = sum(float(row["open_amount"]) for row in effective) or 1.0
    data = [
        {
            "band": wording.BANDS[row["aging_band"]],
            "amount": float(row["open_amount"]),
            "original": float(original[row["aging_band"]]["open_amount"]),
            "end": max(float(row["open_amount"]), float(original[row["aging_band"]]["open_amount"])),
            "label": f"{wording.short_money(row['open_amount'], currency)} · {wording.percent(row['open_share'])}",
            "colour": BAND_COLOURS[row["aging_band"]],
        }
        for row in effective
    ]
    limit = max([row["end"] for row in data] + [total * 0.01]) * 1.3
    base = alt.Chart(alt.Data(values=data)).encode(
        y=alt.Y("band:N", sort=None, title=None),
        x=alt.X("amount:Q", axis=None, scale=alt.Scale(domain=[0, limit])),
    )
    bars = base.mark_bar(height=22, cornerRadiusEnd=2).encode(color=alt.Color("colour:N", scale=None))
    ticks = base.mark_tick(color=INK, thickness=2, height=30).encode(x="original:Q")
    labels = base.mark_text(align="left", dx=8).encode(x="end:Q", text="label:N")
    return _draw(alt.layer(bars, ticks, labels), title, height=220)


def trend(rows: Sequence[Row], currency: str, title: str) -> str:
    """The portfolio at each month end, one bar a date, one colour for each band that the rows hold."""
    import altair as alt

    if not rows:
        return ""
    data = [
        {
            "date": _date_label(row),
            "order": row["as_of_date"].toordinal(),
            "band": wording.BANDS[row["aging_band"]],
            "band_order": row["band_order"],
            "amount": float(row["open_amount"]),
        }
        for row in rows
    ]
    held = [band for band in BAND_COLOURS if any(row["aging_band"] == band for row in rows)]
    bands, colours = [wording.BANDS[band] for band in held], [BAND_COLOURS[band] for band in held]
    bars = (
        alt.Chart(alt.Data(values=data))
        .mark_bar()
        .encode(
            x=alt.X("date:N", sort=alt.EncodingSortField("order"), title=None, scale=alt.Scale(paddingInner=0.25),
                    axis=alt.Axis(labelAngle=0, labelExpr="split(datum.label, ' ')", labelFontSize=11)),
            y=alt.Y("amount:Q", title=None, axis=_money_axis(currency, max(_stacked(data), default=0))),
            color=alt.Color("band:N", scale=alt.Scale(domain=bands, range=colours), legend=alt.Legend(columns=6)),
            order=alt.Order("band_order:Q"),
        )
    )  # fmt: skip
    return _draw(bars, title, height=240)


def days_to_receive(rows: Sequence[Row], title: str) -> str:
    """The three DSO lines."""
    lines = (
        ("dso_countback", "Contagem regressiva", BLUE),
        ("dso_simple", "Simples", AMBER),
        ("dso_best_possible", "Melhor possível", TEAL),
    )
    points = [
        (_date_label(row), row["as_of_date"].toordinal(), name, row[column])
        for row in rows
        for column, name, _ in lines
        if row[column] is not None
    ]
    return _lines(points, [(name, colour) for _, name, colour in lines], title, "dias")


def effectiveness(rows: Sequence[Row], title: str) -> str:
    """The collection effectiveness index of each month."""
    points = [(_date_label(row), row["as_of_date"].toordinal(), "CEI", row["cei"]) for row in rows if row["cei"] is not None]
    return _lines(points, [("CEI", BLUE)], title, "%")


def liquidity(rows: Sequence[Row], title: str) -> str:
    """Share received within 0, 30, 60 and 90 days by month of due date."""
    horizons = ((0, "No vencimento", AMBER), (30, "30 dias", TEAL), (60, "60 dias", BLUE), (90, "90 dias", PLUM))
    points = [
        (wording.month(row["due_month"]).replace("/", " "), row["due_month"].toordinal(), name, row[f"liquidity_{days}"] * 100)
        for row in rows
        for days, name, _ in horizons
        if row[f"liquidity_{days}"] is not None
    ]
    return _lines(points, [(name, colour) for _, name, colour in horizons], title, "%")


def allowance(rows: Sequence[Row], currency: str, title: str) -> str:
    """The closing allowance at each date."""
    points = [
        (_date_label(row), row["as_of_date"].toordinal(), "PDD", row["closing_allowance"])
        for row in rows
        if row["closing_allowance"] is not None
    ]
    return _lines(points, [("PDD", PLUM)], title, currency=currency)


def roll_rates(rows: Sequence[Row], title: str) -> str:
    """Where each opening band stands now; darker is more."""
    import altair as alt

    if not rows:
        return ""
    froms = [wording.BANDS[band] for band in BAND_COLOURS]
    tos = [wording.SHORT_BANDS[band] for band in wording.BANDS]
    data = [
        {
            "from": wording.BANDS[row["from_band"]],
            "to": wording.SHORT_BANDS[row["to_band"]],
            "rate": float(row["roll_rate"] or 0),
            "label": wording.percent(row["roll_rate"], 1 if row["roll_rate"] else 0),
        }
        for row in rows
    ]
    base = alt.Chart(alt.Data(values=data)).encode(
        x=alt.X("to:N", scale=alt.Scale(domain=tos), title="Faixa agora (dias)", axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("from:N", sort=froms, title="Faixa no fim do mês anterior"),
    )
    # Never so dark that the ink on it could not be read.
    cells = base.mark_rect(cornerRadius=3, stroke=PAPER, strokeWidth=2, color=BLUE).encode(
        opacity=alt.Opacity("rate:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 0.6]), legend=None)
    )
    return _draw(alt.layer(cells, base.mark_text(fontSize=13).encode(text="label:N")), title, height=220)


def amounts(bars: Sequence[tuple[str, Decimal, str, str]], currency: str, title: str) -> str:
    """Horizontal bars: (name, amount, colour, what stands after the amount)."""
    import altair as alt

    if not bars:
        return ""
    data = [
        {
            "name": name,
            "amount": float(amount),
            "label": f"{wording.short_money(amount, currency)}{f' · {told}' if told else ''}",
            "colour": colour,
        }
        for name, amount, colour, told in bars
    ]
    limit = max([row["amount"] for row in data] + [0.01]) * 1.42
    base = alt.Chart(alt.Data(values=data)).encode(
        y=alt.Y("name:N", sort=None, title=None),
        x=alt.X("amount:Q", axis=None, scale=alt.Scale(domain=[0, limit])),
    )
    drawn = alt.layer(
        base.mark_bar(height=18, cornerRadiusEnd=2).encode(color=alt.Color("colour:N", scale=None)),
        base.mark_text(align="left", dx=8).encode(text="label:N"),
    )
    return _draw(drawn, title, height=28 * max(len(data), 1))


def calibration(rows: Sequence[Row], title: str) -> str:
    """Bars of what came true in each tenth of the scores, a tick where it was expected; late, and within it seriously late."""
    import altair as alt

    if not rows:
        return ""
    names = ("Atraso", "Mais de 30 dias")
    data = [
        {
            "scores": row["scores"],
            "order": row["decile"],
            "kind": name,
            "observed": float(row[f"{target}_observed"]) * 100,
            "predicted": float(row[f"{target}_predicted"]) * 100,
        }
        for row in rows
        for name, target in zip(names, ("late", "seriously_late"), strict=True)
    ]
    base = alt.Chart(alt.Data(values=data)).encode(
        x=alt.X("order:O", title="Nota do cliente (décimos dos títulos)", axis=alt.Axis(labelAngle=0, labelExpr=_label_of(rows))),
    )
    axis = alt.Axis(tickCount=5, labelExpr="datum.label + ' %'")
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        xOffset=alt.XOffset("kind:N", sort=list(names)),
        y=alt.Y("observed:Q", title=None, axis=axis),
        color=alt.Color("kind:N", scale=alt.Scale(domain=list(names), range=["#eda94c", "#bd4b2b"])),
    )
    ticks = base.mark_tick(color=INK, thickness=2).encode(xOffset=alt.XOffset("kind:N", sort=list(names)), y="predicted:Q")
    return _draw(alt.layer(bars, ticks), title, height=240)


def _label_of(rows: Sequence[Row]) -> str:
    """The scores of a tenth, where the axis counts the tenths."""
    labels = "".join(f"datum.value == {row['decile']} ? '{row['scores']}' : " for row in rows)
    return f"{labels}''"


def _lines(points: list[tuple], series: Sequence[tuple[str, str]], title: str, unit: str = "", currency: str = "") -> str:
    """Lines whose legend tells the newest value of each. A point is (label, order, series, value)."""
    import altair as alt

    if not points:
        return ""
    newest = {}
    for label, _, name, value in sorted(points, key=lambda point: point[1]):
        told = wording.short_money(value, currency) if currency else f"{wording.number(value)} {unit}"
        newest[name] = f"{name}: {told} ({label.replace(' ', '/')})"
    data = [{"x": label, "order": order, "series": newest[name], "value": float(value)} for label, order, name, value in points]
    shown = [(newest[name], colour) for name, colour in series if name in newest]
    axis = _money_axis(currency, max((row["value"] for row in data), default=0)) if currency else alt.Axis(tickCount=5)
    base = alt.Chart(alt.Data(values=data)).encode(
        x=alt.X("x:N", sort=alt.EncodingSortField("order"), title=None, scale=alt.Scale(type="point", padding=0.6),
                axis=alt.Axis(labelAngle=0, labelExpr="split(datum.label, ' ')", labelFontSize=11)),
        y=alt.Y("value:Q", title=unit or None, axis=axis, scale=alt.Scale(zero=True)),
        color=alt.Color("series:N", scale=alt.Scale(domain=[name for name, _ in shown], range=[colour for _, colour in shown]),
                        legend=alt.Legend(columns=4)),
    )  # fmt: skip
    return _draw(alt.layer(base.mark_line(), base.mark_point(opacity=1)), title, height=220)


def _money_axis(currency: str, largest: float):
    """Few round ticks with short Portuguese labels."""
    import altair as alt

    scales = ((1e9, " bi"), (1e6, " mi"), (1e3, " mil"))
    limit, unit = next((scale for scale in scales if largest >= scale[0] * 1.5), (1, ""))
    label = f"'{wording.symbol(currency)} ' + format(datum.value / {limit:g}, '~g') + '{unit}'"
    return alt.Axis(tickCount=5, labelExpr=f"datum.value == 0 ? '0' : replace({label}, '.', ',')")


def _stacked(data: list[dict]) -> list[float]:
    sums: dict[int, float] = {}
    for row in data:
        sums[row["order"]] = sums.get(row["order"], 0.0) + row["amount"]
    return list(sums.values())


def _date_label(row: Row) -> str:
    """``out 2026`` for a month end; the day itself for the business date, whose month is not over."""
    as_of = row["as_of_date"]
    if row["is_business_date"]:
        return f"{as_of.day}/{wording.MONTHS[as_of.month - 1]} {as_of.year}"
    return wording.month(as_of).replace("/", " ")


def _draw(chart, title: str, height: int) -> str:
    import vl_convert

    sized = chart.properties(width=WIDTH, height=height, autosize={"type": "fit-x", "contains": "padding"})
    spec = sized.configure(**_CONFIG).to_dict()
    drawn = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    # The drawer counts its inner names on and on; several plots share the page and must neither change nor collide.
    for number, name in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', drawn))):
        drawn = re.sub(rf'(\bid="|url\(#){re.escape(name)}(?=["\)])', rf"\g<1>MARK-{number}", drawn)
    drawn = drawn.replace("MARK-", f"p{hashlib.sha256(f'{title}{drawn}'.encode()).hexdigest()[:8]}-")
    named = f'<svg role="img" aria-label="{html.escape(title)}" '
    return drawn.replace("<svg ", named, 1)
