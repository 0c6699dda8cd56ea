"""Sections of the finance page: tables, plots and a sentence for each."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from cobranca import labels
from cobranca.reports import charts, wording
from cobranca.reports.backtest import (
    BY_MONTH,
    CALIBRATION,
    SUMMARY,
    THRESHOLDS,
    Backtest,
    calibration_rows,
    headline,
    month_rows,
    summary_rows,
    threshold_rows,
)
from cobranca.reports.figures import Pack, effective_aging, of_currency, sum_amounts
from cobranca.reports.page_parts import Block, PageSection, plot_title, shown_table
from cobranca.reports.report_rows import DebtorRow
from cobranca.reports.report_tables import (
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
    ROLLING,
    Column,
)
from cobranca.reports.table_rows import (
    debtors,
    decisions,
    is_whole_month,
    newest,
    rolled,
    rows_of,
    share,
    shown,
)

CHARTED_DEBTORS = 10


def aging_section(pack: Pack, currency: str) -> PageSection:
    """The aging of the portfolio, on both counts of the days."""
    rows = of_currency(pack.tables["aging"], currency)
    effective = effective_aging(pack, currency)
    # Both measures side by side: the effective one whole, of the original one the balance.
    original = {row["aging_band"]: row["open_amount"] for row in rows if row["basis"] == "original"}
    both = [{**row, "original_amount": original[row["aging_band"]]} for row in effective]
    columns = [column for column in AGING.columns if column.name != "basis"]
    columns.insert(4, Column("original_amount", "Saldo pelo original", "money", True))
    return PageSection(
        "aging",
        "Aging da carteira",
        "Quanto está em cada faixa de atraso, contado do vencimento efetivo (dia útil bancário) e "
        "do vencimento original.",
        [
            Block(
                shown_table(
                    replace(AGING, title="Aging por faixa", columns=tuple(columns)), both, currency
                ),
                charts.aging(rows, currency, plot_title("Saldo por faixa de atraso", currency)),
                "Barras: vencimento efetivo. Traço vertical: onde a barra terminaria pelo "
                "vencimento original.",
            )
        ],
    )


def evolution_section(pack: Pack, currency: str) -> PageSection:
    """The portfolio at each month end."""
    trend = of_currency(pack.tables["trend"], currency)
    overdue = [row for row in trend if row["aging_band"] != "not_due"]
    rows = rows_of(pack, EVOLUTION, currency)
    return PageSection(
        "evolucao",
        "Evolução",
        "A carteira nos últimos fins de mês e na data de referência, refeita só com o que já "
        "havia acontecido em cada data.",
        [
            Block(
                plot=charts.trend(
                    trend, currency, plot_title("Evolução do saldo por faixa", currency)
                ),
                caption="Saldo total. A última coluna é a data de referência.",
            ),
            Block(
                shown_table(shown(EVOLUTION, pack), rows, currency),
                charts.trend(
                    overdue, currency, plot_title("Evolução do saldo vencido por faixa", currency)
                ),
                "Só o saldo vencido.",
            ),
        ],
    )


def payers_section(pack: Pack, currency: str) -> PageSection:
    """The portfolio by payer class, and the largest debtors."""
    classes = of_currency(pack.tables["ranking"], currency)
    overdue = sum_amounts(row["overdue_amount"] for row in classes)
    largest = debtors(pack, currency)
    class_bars = [
        charts.Bar(
            labels.CLASSES.get(row["payer_class"] or "", wording.DASH),
            row["overdue_amount"],
            charts.CLASS_COLOURS.get(row["payer_class"] or "", charts.BLUE),
            wording.of(row["overdue_customers"], "cliente", "clientes"),
        )
        for row in classes
    ]
    debtor_bars = [
        charts.Bar(
            wording.person(row["customer_name"]) + _number_of_name(row, largest),
            row["open_amount"],
            charts.BLUE,
            f"há {wording.of(row['days_past_due'], 'dia', 'dias')}",
        )
        for row in largest[:CHARTED_DEBTORS]
    ]
    sum_of_largest = sum_amounts(row["open_amount"] for row in largest)
    part = wording.percent(share(sum_of_largest, overdue))
    return PageSection(
        "pagadores",
        "Pagadores",
        "Quem deve, por classe do ranking de pagadores, e os maiores saldos vencidos.",
        [
            Block(
                shown_table(RANKING, classes, currency, empty="Não há títulos em aberto."),
                charts.amounts(
                    class_bars,
                    currency,
                    plot_title("Saldo vencido por classe de pagador", currency),
                ),
                "Saldo vencido por classe de pagador.",
            ),
            Block(
                shown_table(
                    DEBTORS, largest, currency, empty="Ninguém está em atraso nesta moeda."
                ),
                charts.amounts(
                    debtor_bars,
                    currency,
                    plot_title(f"Os {len(debtor_bars)} maiores saldos vencidos", currency),
                ),
                f"Os {len(largest)} maiores somam {part} do vencido; o gráfico mostra os "
                f"{len(debtor_bars)} primeiros.",
            ),
        ],
    )


def _number_of_name(row: DebtorRow, rows: Sequence[DebtorRow]) -> str:
    """A number after a name that several debtors have, so that each has a bar."""
    same = [
        other["position"]
        for other in rows
        if wording.person(other["customer_name"]) == wording.person(row["customer_name"])
    ]
    return "" if len(same) == 1 else f" ({same.index(row['position']) + 1})"


def collection_time_section(pack: Pack, currency: str) -> PageSection:
    """Days sales outstanding, and the collection effectiveness index."""
    dso = of_currency(pack.tables["dso"], currency)
    cei = of_currency(pack.tables["cei"], currency)
    known = [
        row for row in dso if row["dso_simple"] is not None or row["dso_countback"] is not None
    ]
    measured = [row for row in cei if row["cei"] is not None and is_whole_month(row)]
    return PageSection(
        "prazo",
        "Prazo de recebimento e eficácia da cobrança",
        "Em quantos dias a empresa recebe (DSO) e que parte do que podia ser cobrado entrou no "
        "mês (CEI).",
        [
            Block(
                shown_table(DSO, dso, currency, empty="Ainda não há vendas com que medir o prazo."),
                charts.days_to_receive(known, plot_title("DSO por fim de mês", currency)),
                "DSO em dias.",
            ),
            Block(
                shown_table(
                    CEI, cei, currency, empty="É preciso ter ao menos um fim de mês anterior."
                ),
                charts.effectiveness(measured, plot_title("CEI por mês", currency)),
                "CEI dos meses completos.",
            ),
        ],
    )


def liquidity_section(pack: Pack, currency: str) -> PageSection:
    """What was received of the debts of each due month."""
    rows = of_currency(pack.tables["liquidity"], currency)
    known = [row for row in rows if row["liquidity_0"] is not None]
    return PageSection(
        "liquidez",
        "Índice de liquidez",
        "Do que venceu em cada mês, a parte recebida no vencimento e até 30, 60 e 90 dias depois.",
        [
            Block(
                shown_table(
                    LIQUIDITY, rows, currency, empty="Nada venceu nos últimos treze meses."
                ),
                charts.liquidity(
                    known, plot_title("Índice de liquidez por mês de vencimento", currency)
                ),
                "Cada linha termina no último mês cujo prazo já se completou.",
            )
        ],
    )


def roll_rates_section(pack: Pack, currency: str) -> PageSection:
    """What went from band to band in the newest whole month."""
    rows = newest(of_currency(pack.tables["roll_rates"], currency), full_month=True)
    as_of = rows[0]["as_of_date"] if rows else None
    moved = {band: [row for row in rows if row["from_band"] == band] for band in pack.bands}
    summary = [rolled(band, found) for band, found in moved.items() if found]
    lead = "Para onde foi o saldo de cada faixa, título a título"
    if as_of:
        lead += (
            f": de {wording.day(as_of.replace(day=1) - timedelta(days=1))} a {wording.day(as_of)}"
        )
    return PageSection(
        "rolagem",
        "Rolagem entre faixas",
        f"{lead}.",
        [
            Block(
                shown_table(
                    ROLLING, summary, currency, empty="É preciso ter ao menos dois fins de mês."
                ),
                charts.roll_rates(
                    rows,
                    pack.bands,
                    plot_title("Parte de cada faixa anterior em cada faixa atual", currency),
                ),
                "Cada linha soma 100 %. Todos os meses estão na planilha.",
            )
        ],
    )


def allowance_section(pack: Pack, currency: str) -> PageSection:
    """The provision matrix, and how the allowance moved."""
    matrix = newest(of_currency(pack.tables["allowance"], currency))
    movement = of_currency(pack.tables["allowance_movement"], currency)
    known = [row for row in movement if row["closing_allowance"] is not None]
    columns = tuple(column for column in ALLOWANCE.columns if column.name != "as_of_date")
    missing = any(row["allowance"] is None for row in matrix)
    return PageSection(
        "pdd",
        "PDD: perda estimada",
        "Quanto do saldo a empresa não deve receber, pela experiência dos últimos doze meses de "
        "vencimentos já encerrados.",
        [
            Block(
                shown_table(
                    replace(
                        ALLOWANCE, title="Matriz de provisão na data de referência", columns=columns
                    ),
                    matrix,
                    currency,
                    note="Ainda não há títulos vencidos há 181 dias: sem histórico não há taxa."
                    if missing
                    else "",
                ),
                charts.allowance(known, currency, plot_title("PDD por fim de mês", currency)),
                "PDD por fim de mês.",
            ),
            Block(
                shown_table(
                    MOVEMENT,
                    movement,
                    currency,
                    empty=("É preciso ter ao menos um fim de mês anterior."),
                )
            ),
        ],
    )


def recovery_section(pack: Pack, currency: str) -> PageSection:
    """What was received of each opening band."""
    rows = newest(of_currency(pack.tables["recovery"], currency), full_month=True)
    columns = tuple(column for column in RECOVERY.columns if column.name != "as_of_date")
    month = f" em {wording.month(rows[0]['as_of_date'])}" if rows else ""
    bars = [
        charts.Bar(
            wording.band(row["aging_band"]),
            row["received_amount"],
            charts.band_colour(row["band_order"]),
            wording.percent(row["recovery_rate"]),
        )
        for row in rows
    ]
    return PageSection(
        "recuperacao",
        "Recuperação por faixa",
        f"Do que estava em cada faixa no início do mês, quanto entrou{month}, e quantos clientes "
        "prometeram ou fizeram acordo.",
        [
            Block(
                shown_table(
                    replace(RECOVERY, title=f"Recuperação{month}", columns=columns),
                    rows,
                    currency,
                    empty="É preciso ter um mês completo.",
                ),
                charts.amounts(bars, currency, plot_title(f"Recebido por faixa{month}", currency)),
                "Recebido no mês e parte do saldo inicial da faixa.",
            )
        ],
    )


def contact_effect_section(pack: Pack, currency: str) -> PageSection:
    """What was paid after contacts, and which promises were kept."""
    return PageSection(
        "contatos",
        "Contatos e promessas",
        "O que foi pago até sete dias depois de cada contato, e quantas promessas foram cumpridas.",
        [
            Block(
                shown_table(
                    CONTACTS,
                    of_currency(pack.tables["contacts"], currency),
                    currency,
                    empty="Ainda não há contatos registrados nesta moeda.",
                    note="Pagar depois de um contato não prova que ele foi a causa.",
                )
            ),
            Block(
                shown_table(
                    PROMISES,
                    of_currency(pack.tables["promises"], currency),
                    currency,
                    empty="Ainda não há promessas nesta moeda.",
                )
            ),
        ],
    )


_DECISION_COLOURS = {
    "remind": charts.TEAL,
    "call": charts.BLUE,
    "escalate": charts.PLUM,
    "none": "#9aa5b1",
}


def decisions_section(pack: Pack, currency: str) -> PageSection:
    """The decisions of the night by reason."""
    rows = decisions(pack, currency)
    bars = [
        charts.Bar(
            f"{labels.DECISIONS[row['decision']]}: "
            f"{labels.in_sentence(labels.reason(row['reason']))}",
            row["open_amount"],
            _DECISION_COLOURS[row["decision"]],
            wording.of(row["receivables"], "título", "títulos"),
        )
        for row in rows
        if row["reason"] != "not_due"
    ]
    return PageSection(
        "decisoes",
        "Decisões da noite",
        "O que será feito com cada título em aberto, ou por que ninguém será contatado por causa "
        "dele.",
        [
            Block(
                shown_table(DECISIONS, rows, currency, empty="Não há títulos em aberto."),
                charts.amounts(
                    bars,
                    currency,
                    plot_title("Saldo por decisão e motivo, sem o que não venceu", currency),
                ),
                "Saldo por decisão e motivo, sem os títulos que ainda não venceram.",
            )
        ],
    )


def backtest_section(backtest: Backtest) -> PageSection:
    """Of all currencies together: the ranking counts receivables, not amounts."""
    tenths = backtest.calibration
    blocks = [
        Block(shown_table(SUMMARY, summary_rows(backtest), "")),
        Block(shown_table(BY_MONTH, month_rows(backtest), "")),
        Block(shown_table(THRESHOLDS, threshold_rows(backtest), "")),
    ]
    if tenths:
        plot = charts.calibration(
            tenths, "Atraso previsto e acontecido por nota; os valores estão na tabela."
        )
        blocks.append(
            Block(
                shown_table(CALIBRATION, calibration_rows(backtest), ""),
                plot,
                "Barras: o que aconteceu. Traços: o que o ranking previa.",
            )
        )
    return PageSection(
        "ranking",
        "Ranking de pagadores posto à prova",
        headline(backtest),
        blocks if tenths else [],
    )


def reconciliation_section(pack: Pack, currency: str) -> PageSection:
    """The portfolio as each table counts it."""
    rows = rows_of(pack, RECONCILIATION, currency)
    return PageSection(
        "conciliacao",
        "Conciliação",
        "A mesma carteira contada por cada tabela desta noite.",
        [Block(shown_table(RECONCILIATION, rows, currency, empty="Não há títulos em aberto."))],
    )
