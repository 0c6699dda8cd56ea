"""Render the finance page: no script, no request, every plot next to the table that it draws."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca.reports import wording
from cobranca.reports.backtest import Backtest
from cobranca.reports.figures import Pack
from cobranca.reports.indicators import Indicator, indicators
from cobranca.reports.page_parts import PageSection
from cobranca.reports.page_sections import (
    aging_section,
    allowance_section,
    backtest_section,
    collection_time_section,
    contact_effect_section,
    decisions_section,
    evolution_section,
    liquidity_section,
    payers_section,
    reconciliation_section,
    recovery_section,
    roll_rates_section,
)
from cobranca.reports.report_tables import as_text
from cobranca.reports.table_rows import share

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class CurrencyPart:
    """The part of the page for one currency."""

    currency: str
    name: str
    headline: str
    cards: list[dict[str, str]]
    sections: list[PageSection]


def render_page(pack: Pack, backtest: Backtest) -> str:
    """The page's HTML. The same pack and backtest always give the same text."""
    return _template("financeiro.html.j2").render(
        day=wording.day(pack.business_date),
        iso_day=pack.business_date.isoformat(),
        batch_id=pack.batch_id,
        creditor=pack.creditor_name,
        parts=[_part(pack, currency) for currency in pack.currencies],
        messages=wording.count(pack.messages),
        calls=wording.count(pack.calls),
        backtest=backtest_section(backtest),
        definitions=wording.DEFINITIONS,
    )


def render_backtest(backtest: Backtest) -> str:
    """The HTML of a page with the backtest alone."""
    return _template("ranking.html.j2").render(
        day=wording.day(backtest.business_date),
        iso_day=backtest.business_date.isoformat(),
        backtest=backtest_section(backtest),
    )


def _template(name: str) -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


_NAMES = {"BRL": "Reais (BRL)", "USD": "Dólares (USD)", "EUR": "Euros (EUR)"}


def _part(pack: Pack, currency: str) -> CurrencyPart:
    found = indicators(pack, currency)
    return CurrencyPart(
        currency=currency,
        name=_NAMES.get(currency, currency),
        headline=_headline(pack, currency, {indicator.name: indicator for indicator in found}),
        cards=[_card(indicator, currency) for indicator in found],
        sections=[
            aging_section(pack, currency),
            evolution_section(pack, currency),
            payers_section(pack, currency),
            collection_time_section(pack, currency),
            liquidity_section(pack, currency),
            roll_rates_section(pack, currency),
            allowance_section(pack, currency),
            recovery_section(pack, currency),
            contact_effect_section(pack, currency),
            decisions_section(pack, currency),
            reconciliation_section(pack, currency),
        ],
    )


def _headline(pack: Pack, currency: str, found: dict[str, Indicator]) -> str:
    """The night in two sentences."""
    if not found["open"].value:
        return f"Em {wording.day(pack.business_date)} não há saldo em aberto nesta moeda."
    said = (
        f"Em {wording.day(pack.business_date)} há {wording.money(found['open'].value, currency)} "
        "a receber, dos quais "
        f"{wording.money(found['overdue'].value, currency)} "
        f"({wording.percent(found['overdue_share'].value)}) estão vencidos."
    )
    share_now, before = found["overdue_share"].value, found["overdue_share"].before
    if share_now is not None and before is not None:
        change = share_now - before
        points = wording.number(abs(change) * 100)
        way = "subiu" if change > 0 else "caiu"
        compared = (
            "a parte vencida ficou igual"
            if points == "0,0"
            else f"a parte vencida {way} {points} p.p."
        )
        said += f" Desde o fim do mês anterior ({wording.percent(before)}), {compared}"
    return said


def _card(indicator: Indicator, currency: str) -> dict[str, str]:
    """A figure with its change since the month before, said in words as well as by colour."""
    is_money = indicator.kind == "money"
    card = {
        "label": indicator.label,
        "value": wording.money(indicator.value, currency)
        if is_money
        else as_text(indicator.value, indicator.kind),
        "hint": indicator.hint,
        "change": "",
        "mood": "",
    }
    if indicator.value is None:
        card["hint"] = "sem histórico suficiente"
    elif indicator.before is not None:
        change = indicator.value - indicator.before
        if is_money:
            relative = share(change, indicator.before)
            moved = None if relative is None else wording.percent(abs(relative))
        elif indicator.kind == "share":
            moved = f"{wording.number(abs(change) * 100)} p.p."
        else:
            moved = wording.number(abs(change))
        if moved is not None:
            flat = moved.startswith("0,0")
            card["change"] = (
                "estável no mês" if flat else f"{'▲' if change > 0 else '▼'} {moved} no mês"
            )
            if indicator.better and not flat:
                card["mood"] = "good" if (change > 0) == (indicator.better == "up") else "bad"
    return card
