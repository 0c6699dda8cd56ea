"""The pack as one page: no script, no request, every plot beside the table that it draws."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from cobranca import words
from cobranca.reports import charts, wording
from cobranca.reports.backtest import (
    BY_MONTH,
    CALIBRATION,
    SUMMARY,
    Backtest,
    calibration_rows,
    headline,
    month_rows,
    summary_rows,
)
from cobranca.reports.figures import Pack, Row, sum_of
from cobranca.reports.indicators import Indicator, indicators
from cobranca.reports.tables import (
    AGING,
    ALLOWANCE,
    CEI,
    CONTACTS,
    DEBTORS,
    DECISIONS,
    DSO,
    EVOLUTION,
    LIQUIDITY,
    MOVEMENT,
    PROMISES,
    RANKING,
    RECONCILIATION,
    RECOVERY,
    Column,
    Table,
    as_text,
    is_whole_month,
    newest,
    rows_of,
    share,
)

TEMPLATES = Path(__file__).parent / "templates"
CHARTED_DEBTORS = 10
# Kinds whose cells stand to the right.
_RIGHT = ("money", "count", "share", "days", "percent", "auc")


@dataclass(frozen=True)
class Cell:
    text: str
    right: bool = False
    heading: bool = False


@dataclass(frozen=True)
class ShownTable:
    caption: str
    head: list[Cell]
    body: list[list[Cell]]
    foot: list[list[Cell]] = field(default_factory=list)
    note: str = ""
    empty: str = ""


@dataclass(frozen=True)
class Block:
    """A plot with its table below it, or either alone."""

    table: ShownTable | None = None
    plot: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Section:
    name: str
    title: str
    lead: str
    blocks: list[Block]


@dataclass(frozen=True)
class CurrencyPart:
    currency: str
    name: str
    headline: str
    cards: list[dict]
    sections: list[Section]


def render_page(pack: Pack, backtest: Backtest) -> str:
    """The page's HTML. The same pack and backtest always give the same text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("financeiro.html.j2").render(
        day=wording.day(pack.business_date),
        iso_day=pack.business_date.isoformat(),
        batch_id=pack.batch_id,
        parts=[_part(pack, currency) for currency in pack.currencies],
        messages=wording.count(pack.messages),
        calls=wording.count(pack.calls),
        backtest=_backtest(backtest),
        definitions=wording.DEFINITIONS,
    )


_NAMES = {"BRL": "Reais (BRL)", "USD": "Dólares (USD)", "EUR": "Euros (EUR)"}


def _part(pack: Pack, currency: str) -> CurrencyPart:
    found = indicators(pack, currency)
    return CurrencyPart(
        currency=currency,
        name=_NAMES.get(currency, currency),
        headline=_headline(pack, currency, {indicator.name: indicator for indicator in found}),
        cards=[_card(indicator, currency) for indicator in found],
        sections=[
            _aging(pack, currency),
            _evolution(pack, currency),
            _payers(pack, currency),
            _time(pack, currency),
            _liquidity(pack, currency),
            _rolling(pack, currency),
            _allowance(pack, currency),
            _recovery(pack, currency),
            _contacts(pack, currency),
            _decisions(pack, currency),
            _reconciliation(pack, currency),
        ],
    )


def _headline(pack: Pack, currency: str, found: dict[str, Indicator]) -> str:
    """The night in two sentences."""
    if not found["open"].value:
        return f"Em {wording.day(pack.business_date)} não há saldo em aberto nesta moeda."
    said = (
        f"Em {wording.day(pack.business_date)} há {wording.money(found['open'].value, currency)} a receber, dos quais "
        f"{wording.money(found['overdue'].value, currency)} ({wording.percent(found['overdue_share'].value)}) estão vencidos."
    )
    before = found["overdue_share"].before
    if before is not None:
        change = found["overdue_share"].value - before
        points = wording.number(abs(change) * 100)
        way = "subiu" if change > 0 else "caiu"
        compared = "a parte vencida ficou igual" if points == "0,0" else f"a parte vencida {way} {points} p.p."
        said += f" Desde o fim do mês anterior ({wording.percent(before)}), {compared}"
    return said


def _card(indicator: Indicator, currency: str) -> dict:
    """A figure with its change since the month before, said in words as well as by colour."""
    is_money = indicator.kind == "money"
    card = {
        "label": indicator.label,
        "value": wording.money(indicator.value, currency) if is_money else as_text(indicator.value, indicator.kind),
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
            told = None if relative is None else wording.percent(abs(relative))
        elif indicator.kind == "share":
            told = f"{wording.number(abs(change) * 100)} p.p."
        else:
            told = wording.number(abs(change))
        if told is not None:
            flat = told.startswith("0,0")
            card["change"] = "estável no mês" if flat else f"{'▲' if change > 0 else '▼'} {told} no mês"
            if indicator.better and not flat:
                card["mood"] = "good" if (change > 0) == (indicator.better == "up") else "bad"
    return card


def _aging(pack: Pack, currency: str) -> Section:
    rows = pack.rows("aging", currency)
    effective = [row for row in rows if row["basis"] == "effective"]
    # Both measures side by side: the effective one whole, of the original one the balance.
    original = {row["aging_band"]: row["open_amount"] for row in rows if row["basis"] == "original"}
    shown = [row | {"original_amount": original[row["aging_band"]]} for row in effective]
    columns = [column for column in AGING.columns if column.name != "basis"]
    columns.insert(4, Column("original_amount", "Saldo pelo original", "money", True))
    return Section(
        "aging",
        "Aging da carteira",
        "Quanto está em cada faixa de atraso, contado do vencimento efetivo (dia útil bancário) e do vencimento original.",
        [
            Block(
                _table(replace(AGING, title="Aging por faixa", columns=tuple(columns)), shown, currency),
                charts.aging(rows, currency, _alt("Saldo por faixa de atraso", currency)),
                "Barras: vencimento efetivo. Traço vertical: onde a barra terminaria pelo vencimento original.",
            )
        ],
    )


def _evolution(pack: Pack, currency: str) -> Section:
    trend = pack.rows("trend", currency)
    overdue = [row for row in trend if row["aging_band"] != "not_due"]
    rows = rows_of(pack, EVOLUTION, currency)
    return Section(
        "evolucao",
        "Evolução",
        "A carteira nos últimos fins de mês e na data de referência, refeita só com o que já havia acontecido em cada data.",
        [
            Block(
                plot=charts.trend(trend, currency, _alt("Evolução do saldo por faixa", currency)),
                caption="Saldo total. A última coluna é a data de referência.",
            ),
            Block(
                _table(EVOLUTION, rows, currency),
                charts.trend(overdue, currency, _alt("Evolução do saldo vencido por faixa", currency)),
                "Só o saldo vencido.",
            ),
        ],
    )


def _payers(pack: Pack, currency: str) -> Section:
    classes = pack.rows("ranking", currency)
    overdue = sum_of(classes, "overdue_amount")
    debtors = rows_of(pack, DEBTORS, currency)
    class_bars = [
        (
            words.CLASSES.get(row["payer_class"], wording.DASH),
            row["overdue_amount"],
            charts.CLASS_COLOURS.get(row["payer_class"], charts.BLUE),
            wording.of(row["overdue_customers"], "cliente", "clientes"),
        )
        for row in classes
    ]
    debtor_bars = [
        (
            wording.person(row["customer_name"]) + _again(row, debtors),
            row["open_amount"],
            charts.BLUE,
            f"há {wording.of(row['days_past_due'], 'dia', 'dias')}",
        )
        for row in debtors[:CHARTED_DEBTORS]
    ]
    told = wording.percent(share(sum_of(debtors, "open_amount"), overdue))
    return Section(
        "pagadores",
        "Pagadores",
        "Quem deve, por classe do ranking de pagadores, e os maiores saldos vencidos.",
        [
            Block(
                _table(RANKING, classes, currency, empty="Não há títulos em aberto."),
                charts.amounts(class_bars, currency, _alt("Saldo vencido por classe de pagador", currency)),
                "Saldo vencido por classe de pagador.",
            ),
            Block(
                _table(DEBTORS, debtors, currency, empty="Ninguém está em atraso nesta moeda."),
                charts.amounts(debtor_bars, currency, _alt(f"Os {len(debtor_bars)} maiores saldos vencidos", currency)),
                f"Os {len(debtors)} maiores somam {told} do vencido; o gráfico mostra os {len(debtor_bars)} primeiros.",
            ),
        ],
    )


def _again(row: Row, rows: Sequence[Row]) -> str:
    """Two customers of one name are two bars, not one."""
    same = [other["position"] for other in rows if wording.person(other["customer_name"]) == wording.person(row["customer_name"])]
    return "" if len(same) == 1 else f" ({same.index(row['position']) + 1})"


def _time(pack: Pack, currency: str) -> Section:
    dso, cei = pack.rows("dso", currency), pack.rows("cei", currency)
    known = [row for row in dso if row["dso_simple"] is not None or row["dso_countback"] is not None]
    measured = [row for row in cei if row["cei"] is not None and is_whole_month(row)]
    return Section(
        "prazo",
        "Prazo de recebimento e eficácia da cobrança",
        "Em quantos dias a empresa recebe (DSO) e que parte do que podia ser cobrado entrou no mês (CEI).",
        [
            Block(
                _table(DSO, dso, currency, empty="Ainda não há vendas com que medir o prazo."),
                charts.days_to_receive(known, _alt("DSO por fim de mês", currency)),
                "DSO em dias.",
            ),
            Block(
                _table(CEI, cei, currency, empty="É preciso ter ao menos um fim de mês anterior."),
                charts.effectiveness(measured, _alt("CEI por mês", currency)),
                "CEI dos meses completos.",
            ),
        ],
    )


def _liquidity(pack: Pack, currency: str) -> Section:
    rows = pack.rows("liquidity", currency)
    known = [row for row in rows if row["liquidity_0"] is not None]
    return Section(
        "liquidez",
        "Índice de liquidez",
        "Do que venceu em cada mês, a parte recebida no vencimento e até 30, 60 e 90 dias depois.",
        [
            Block(
                _table(LIQUIDITY, rows, currency, empty="Nada venceu nos últimos treze meses."),
                charts.liquidity(known, _alt("Índice de liquidez por mês de vencimento", currency)),
                "Cada linha termina no último mês cujo prazo já se completou.",
            )
        ],
    )


def _rolling(pack: Pack, currency: str) -> Section:
    rows = newest(pack.rows("roll_rates", currency), full_month=True)
    as_of = rows[0]["as_of_date"] if rows else None
    summary = []
    for band in wording.BANDS:
        moved = [row for row in rows if row["from_band"] == band]
        if moved:
            opening = moved[0]["opening_amount"]
            settled = sum_of((row for row in moved if row["to_band"] == "settled"), "rolled_amount")
            worse = sum_of(
                (row for row in moved if row["to_band"] != "settled" and row["to_order"] > row["from_order"]), "rolled_amount"
            )
            summary.append(
                {
                    "aging_band": band,
                    "opening_amount": opening,
                    "settled_share": share(settled, opening),
                    "worse_share": share(worse, opening),
                    "same_share": share(opening - settled - worse, opening),
                }
            )
    table = Table(
        "rolling", "", "O que foi feito do saldo de cada faixa",
        (
            Column("aging_band", "Faixa no mês anterior", "band"), Column("opening_amount", "Saldo", "money", True),
            Column("settled_share", "Baixado", "share"), Column("same_share", "Não piorou", "share"),
            Column("worse_share", "Passou a faixa pior", "share"),
        ),
    )  # fmt: skip
    lead = "Para onde foi o saldo de cada faixa, título a título"
    if as_of:
        lead += f": de {wording.day(as_of.replace(day=1) - timedelta(days=1))} a {wording.day(as_of)}"
    return Section(
        "rolagem",
        "Rolagem entre faixas",
        f"{lead}.",
        [
            Block(
                _table(table, summary, currency, empty="É preciso ter ao menos dois fins de mês."),
                charts.roll_rates(rows, _alt("Parte de cada faixa anterior em cada faixa atual", currency)),
                "Cada linha soma 100 %. Todos os meses estão na planilha.",
            )
        ],
    )  # fmt: skip


def _allowance(pack: Pack, currency: str) -> Section:
    matrix = newest(pack.rows("allowance", currency))
    movement = pack.rows("allowance_movement", currency)
    known = [row for row in movement if row["closing_allowance"] is not None]
    columns = tuple(column for column in ALLOWANCE.columns if column.name != "as_of_date")
    missing = any(row["allowance"] is None for row in matrix)
    return Section(
        "pdd",
        "PDD: perda estimada",
        "Quanto do saldo a empresa não deve receber, pela experiência dos últimos doze meses de vencimentos já encerrados.",
        [
            Block(
                _table(
                    replace(ALLOWANCE, title="Matriz de provisão na data de referência", columns=columns), matrix, currency,
                    note="Ainda não há títulos vencidos há 181 dias: sem histórico não há taxa." if missing else "",
                ),
                charts.allowance(known, currency, _alt("PDD por fim de mês", currency)),
                "PDD por fim de mês.",
            ),
            Block(_table(MOVEMENT, movement, currency, empty="É preciso ter ao menos um fim de mês anterior.")),
        ],
    )  # fmt: skip


def _recovery(pack: Pack, currency: str) -> Section:
    rows = newest(pack.rows("recovery", currency), full_month=True)
    columns = tuple(column for column in RECOVERY.columns if column.name != "as_of_date")
    month = f" em {wording.month(rows[0]['as_of_date'])}" if rows else ""
    bars = [
        (
            wording.BANDS[row["aging_band"]],
            row["received_amount"],
            charts.BAND_COLOURS[row["aging_band"]],
            wording.percent(row["recovery_rate"]),
        )
        for row in rows
    ]
    return Section(
        "recuperacao",
        "Recuperação por faixa",
        f"Do que estava em cada faixa no início do mês, quanto entrou{month}, e quantos clientes prometeram ou fizeram acordo.",
        [
            Block(
                _table(
                    replace(RECOVERY, title=f"Recuperação{month}", columns=columns),
                    rows,
                    currency,
                    empty="É preciso ter um mês completo.",
                ),
                charts.amounts(bars, currency, _alt(f"Recebido por faixa{month}", currency)),
                "Recebido no mês e parte do saldo inicial da faixa.",
            )
        ],
    )


def _contacts(pack: Pack, currency: str) -> Section:
    return Section(
        "contatos",
        "Contatos e promessas",
        "O que foi pago até sete dias depois de cada contato, e quantas promessas foram cumpridas.",
        [
            Block(
                _table(
                    CONTACTS, pack.rows("contacts", currency), currency,
                    empty="Ainda não há contatos registrados nesta moeda.",
                    note="Pagar depois de um contato não prova que ele foi a causa.",
                )
            ),
            Block(_table(PROMISES, pack.rows("promises", currency), currency, empty="Ainda não há promessas nesta moeda.")),
        ],
    )  # fmt: skip


_DECISION_COLOURS = {"remind": charts.TEAL, "call": charts.BLUE, "escalate": charts.PLUM, "none": "#9aa5b1"}


def _decisions(pack: Pack, currency: str) -> Section:
    rows = rows_of(pack, DECISIONS, currency)
    bars = [
        (
            f"{words.DECISIONS[row['decision']]}: {words.in_sentence(words.reason(row['reason']))}",
            row["open_amount"],
            _DECISION_COLOURS[row["decision"]],
            wording.of(row["receivables"], "título", "títulos"),
        )
        for row in rows
        if row["reason"] != "not_due"
    ]
    return Section(
        "decisoes",
        "Decisões da noite",
        "O que será feito com cada título em aberto, ou por que ninguém será contatado por causa dele.",
        [
            Block(
                _table(DECISIONS, rows, currency, empty="Não há títulos em aberto."),
                charts.amounts(bars, currency, _alt("Saldo por decisão e motivo, sem o que não venceu", currency)),
                "Saldo por decisão e motivo, sem os títulos que ainda não venceram.",
            )
        ],
    )


def _backtest(backtest: Backtest) -> Section:
    """Of all currencies together: the ranking counts receivables, not amounts."""
    tenths = calibration_rows(backtest)
    blocks = [Block(_table(SUMMARY, summary_rows(backtest), "")), Block(_table(BY_MONTH, month_rows(backtest), ""))]
    if tenths:
        plot = charts.calibration(tenths, "Atraso previsto e acontecido por nota; os valores estão na tabela.")
        blocks.append(Block(_table(CALIBRATION, tenths, ""), plot, "Barras: o que aconteceu. Traços: o que o ranking previa."))
    return Section("ranking", "Ranking de pagadores posto à prova", headline(backtest), blocks if tenths else [])


def _reconciliation(pack: Pack, currency: str) -> Section:
    rows = rows_of(pack, RECONCILIATION, currency)
    return Section(
        "conciliacao",
        "Conciliação",
        "A mesma carteira contada por cada tabela desta noite.",
        [Block(_table(RECONCILIATION, rows, currency, empty="Não há títulos em aberto."))],
    )


def _alt(what: str, currency: str) -> str:
    """What a plot shows, for those who cannot see it."""
    return f"{what}, em {currency}; os valores estão na tabela."


def _table(table: Table, rows: Sequence[Row], currency: str, *, empty: str = "", note: str = "") -> ShownTable:
    """A table as text; its first column heads the row, and what can be added up is."""
    head = [Cell(column.label, column.kind in _RIGHT) for column in table.columns]
    body = [
        [
            Cell(as_text(row[column.name], column.kind), column.kind in _RIGHT, number == 0)
            for number, column in enumerate(table.columns)
        ]
        for row in rows
    ]
    sums = table.total(rows)
    foot = []
    if sums and rows:
        foot.append(
            [
                Cell(as_text(sums[column.name], column.kind), True)
                if column.name in sums
                else Cell("Total" if number == 0 else "", heading=number == 0)
                for number, column in enumerate(table.columns)
            ]
        )
    has_money = body and any(column.kind == "money" for column in table.columns)
    caption = f"{table.title} (valores em {wording.symbol(currency)})" if has_money else table.title
    return ShownTable(caption, head, body, foot, (note or table.note) if body else "", empty or "Sem dados.")
