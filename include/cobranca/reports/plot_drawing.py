"""Axes, fonts and the SVG of every plot of the finance page.

Colours are a fixed palette that the page's stylesheet exchanges for another in dark mode, so
nothing else in a plot may carry a colour.
"""

import hashlib
import html
import re
from typing import TYPE_CHECKING, Any

from cobranca.reports import wording

if TYPE_CHECKING:
    import altair as alt

FONT = "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
INK, SOFT, GRID, PAPER = "#1f2a37", "#5b6775", "#e3e7ec", "#fffffe"
WIDTH = 1000

Datum = dict[str, Any]
"""One mark of a plot as Vega reads it: JSON."""

_CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": "transparent",
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": SOFT,
        "titleColor": SOFT,
        "gridColor": GRID,
        "domain": False,
        "ticks": False,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelPadding": 6,
        "labelLimit": 420,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": SOFT,
        "labelFontSize": 12,
        "orient": "top",
        "title": None,
        "symbolType": "square",
        "columnPadding": 14,
        "offset": 10,
        "labelLimit": 0,
    },
    "text": {"color": INK, "fontSize": 12},
    "line": {"strokeWidth": 2.5},
    "point": {"size": 40, "filled": True},
}


def plot_of(data: list[Datum]) -> "alt.Chart":
    """A chart of these marks, without any encoding yet."""
    import altair as alt

    # Altair types its charts, but not their data.
    return alt.Chart(alt.Data(values=data))  # type: ignore[no-untyped-call]


def date_axis() -> "alt.Axis":
    """An axis of dates, with the year below the month."""
    import altair as alt

    return alt.Axis(labelAngle=0, labelExpr="split(datum.label, ' ')", labelFontSize=11)


def money_axis(currency: str, largest: float) -> "alt.Axis":
    """Few round ticks with short Portuguese labels."""
    import altair as alt

    scales = ((1e9, " bi"), (1e6, " mi"), (1e3, " mil"))
    limit, unit = next((scale for scale in scales if largest >= scale[0] * 1.5), (1, ""))
    label = f"'{wording.symbol(currency)} ' + format(datum.value / {limit:g}, '~g') + '{unit}'"
    return alt.Axis(tickCount=5, labelExpr=f"datum.value == 0 ? '0' : replace({label}, '.', ',')")


def draw_svg(chart: "alt.Chart | alt.LayerChart | alt.FacetChart", title: str, height: int) -> str:
    """The plot as SVG with a title for screen readers; names inside are its own."""
    import vl_convert

    sized = chart.properties(
        width=WIDTH, height=height, autosize={"type": "fit-x", "contains": "padding"}
    )
    spec = sized.configure(**_CONFIG).to_dict()
    drawn: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    # The drawer counts its inner names on and on; several plots share the page and must neither
    # change nor collide.
    for number, name in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', drawn))):
        drawn = re.sub(rf'(\bid="|url\(#){re.escape(name)}(?=["\)])', rf"\g<1>MARK-{number}", drawn)
    drawn = drawn.replace(
        "MARK-", f"p{hashlib.sha256(f'{title}{drawn}'.encode()).hexdigest()[:8]}-"
    )
    named = f'<svg role="img" aria-label="{html.escape(title)}" '
    return drawn.replace("<svg ", named, 1)
