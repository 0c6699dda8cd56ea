"""The tables of the pack, each described once and shown twice: on the page as text, in the workbook as numbers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from cobranca import words
from cobranca.reports import wording
from cobranca.reports.figures import ZERO, Pack, Row, sum_of

# Kinds that are numbers in the workbook; all others are text or dates.
NUMBERS = ("money", "count", "share", "days", "percent")

_TEXT: dict[str, Callable[[object], str]] = {
    "text": lambda value: wording.DASH if value is None else str(value),
    "band": lambda value: wording.BANDS[value],
    "basis": lambda value: wording.BASES[value].capitalize(),
    "class": lambda value: words.CLASSES.get(value, wording.DASH),
    "decision": lambda value: words.DECISIONS.get(value, str(value)),
    "reason": words.reason,
    "channel": lambda value: words.CHANNELS.get(value, str(value)),
    "arm": lambda value: wording.ARMS.get(value, str(value)),
    "person": wording.person,
    "auc": lambda value: wording.number(value, 3),
}


@dataclass(frozen=True)
class Column:
    """``kind`` is one of NUMBERS, ``date``, ``month`` or a key of the text labels; ``total`` adds the column up."""

    name: str
    label: str
    kind: str = "text"
    total: bool = False


@dataclass(frozen=True)
class Table:
    """One report. ``total_by`` are the columns, besides the currency, that its totals are kept apart by."""

    key: str
    sheet: str
    title: str
    columns: tuple[Column, ...]
    total_by: tuple[str, ...] = ()
    note: str = ""

    def total(self, rows: Sequence[Row]) -> dict[str, Decimal | int]:
        """Sums of the columns that can be added up; of rows of one currency only."""
        return {
            column.name: (sum(row[column.name] or 0 for row in rows) if column.kind == "count" else sum_of(rows, column.name))
            for column in self.columns
            if column.total
        }


def as_text(value: object, kind: str) -> str:
    """One cell of the page; the table's caption names the currency."""
    if kind in _TEXT:
        return _TEXT[kind](value)
    if value is None:
        return wording.DASH
    if kind == "money":
        return wording.amount(value)
    if kind == "count":
        return wording.count(int(value))
    if kind == "share":
        return wording.percent(value)
    if kind == "date":
        return wording.day(value)
    if kind == "month":
        return wording.month(value)
    return wording.number(value, 1)


def as_label(value: object, kind: str) -> str:
    """One text cell of the workbook."""
    return _TEXT[kind](value)


BAND = Column("aging_band", "Faixa", "band")
AS_OF = Column("as_of_date", "Posição em", "date")

AGING = Table(
    "aging", "Aging", "Aging da carteira",
    (
        Column("basis", "Contagem pelo", "basis"), BAND,
        Column("receivables", "Títulos", "count", True), Column("customers", "Clientes", "count"),
        Column("open_amount", "Saldo", "money", True), Column("open_share", "% do saldo", "share"),
        Column("amount_due", "Devido com encargos", "money", True),
    ),
    total_by=("basis",),
    note="Um cliente pode ter títulos em mais de uma faixa; por isso a coluna de clientes não é somada.",
)  # fmt: skip
EVOLUTION = Table(
    "evolution", "Evolução", "Evolução da carteira por fim de mês",
    (
        AS_OF,
        Column("not_due", "A vencer", "money"), Column("1-30", "1–30", "money"), Column("31-60", "31–60", "money"),
        Column("61-90", "61–90", "money"), Column("91-180", "91–180", "money"), Column("181+", "181+", "money"),
        Column("open_amount", "Saldo total", "money"), Column("overdue_amount", "Vencido", "money"),
        Column("overdue_share", "% vencido", "share"),
    ),
    note="Faixas em dias de atraso, contados do vencimento efetivo.",
)  # fmt: skip
DSO = Table(
    "dso", "DSO", "Prazo médio de recebimento",
    (
        AS_OF, Column("open_amount", "Saldo", "money"), Column("current_amount", "A vencer", "money"),
        Column("credit_sales", "Vendas de 3 meses", "money"), Column("sales_days", "Dias", "count"),
        Column("dso_countback", "DSO regressivo", "days"), Column("dso_simple", "DSO simples", "days"),
        Column("dso_best_possible", "Melhor possível", "days"),
    ),
)  # fmt: skip
CEI = Table(
    "cei", "CEI", "Eficácia da cobrança",
    (
        AS_OF, Column("opening_amount", "Saldo inicial", "money"), Column("credit_sales", "Vendas do mês", "money"),
        Column("non_cash_amount", "Créditos e baixas", "money"), Column("closing_amount", "Saldo final", "money"),
        Column("closing_current_amount", "Final a vencer", "money"), Column("cei", "CEI (%)", "percent"),
    ),
)  # fmt: skip
ROLL_RATES = Table(
    "roll_rates", "Rolagem", "Rolagem entre faixas",
    (
        AS_OF, Column("from_band", "Faixa anterior", "band"), Column("to_band", "Faixa agora", "band"),
        Column("opening_amount", "Saldo anterior da faixa", "money"), Column("rolled_amount", "Valor", "money"),
        Column("roll_rate", "Taxa", "share"),
    ),
)  # fmt: skip
LIQUIDITY = Table(
    "liquidity", "Liquidez", "Índice de liquidez por mês de vencimento",
    (
        Column("due_month", "Vencidos em", "month"), Column("receivables", "Títulos", "count"),
        Column("owed_amount", "Valor", "money"), Column("liquidity_0", "No vencimento", "share"),
        Column("liquidity_30", "Até 30 dias", "share"), Column("liquidity_60", "Até 60 dias", "share"),
        Column("liquidity_90", "Até 90 dias", "share"),
    ),
)  # fmt: skip
ALLOWANCE = Table(
    "allowance", "PDD", "PDD: matriz de provisão",
    (
        AS_OF, BAND, Column("entered_amount", "Chegou à faixa (histórico)", "money"),
        Column("lost_amount", "Não recebido em 180 dias", "money"), Column("loss_rate", "Taxa de perda", "share"),
        Column("open_amount", "Saldo", "money", True), Column("allowance", "PDD", "money", True),
    ),
    total_by=("as_of_date",),
)  # fmt: skip
MOVEMENT = Table(
    "allowance_movement", "Movimento da PDD", "Movimento da PDD",
    (
        AS_OF, Column("opening_allowance", "PDD inicial", "money"), Column("written_off_amount", "Baixas do mês", "money"),
        Column("provision_amount", "Provisão do mês", "money"), Column("closing_allowance", "PDD final", "money"),
    ),
)  # fmt: skip
RECOVERY = Table(
    "recovery", "Recuperação", "Recuperação por faixa",
    (
        AS_OF, BAND, Column("customers", "Clientes", "count"), Column("opening_amount", "Saldo inicial", "money", True),
        Column("received_amount", "Recebido", "money", True), Column("recovery_rate", "Recuperação", "share"),
        Column("promised_customers", "Prometeram", "count"), Column("agreed_customers", "Com acordo", "count"),
        Column("agreed_amount", "Valor acordado", "money", True), Column("agreement_rate", "% com acordo", "share"),
    ),
    total_by=("as_of_date",),
)  # fmt: skip
CONTACTS = Table(
    "contacts", "Contatos", "Efeito dos contatos",
    (
        Column("step", "Passo"), Column("channel", "Canal", "channel"), Column("arm", "Grupo", "arm"),
        Column("contacts", "Contatos", "count"), Column("observed_contacts", "Já com 7 dias", "count"),
        Column("receivables", "Títulos devidos", "count"), Column("open_amount", "Saldo no contato", "money"),
        Column("paid_receivables", "Títulos pagos", "count"), Column("paid_amount", "Pago em 7 dias", "money"),
        Column("paid_share", "% pago", "share"),
    ),
)  # fmt: skip
PROMISES = Table(
    "promises", "Promessas", "Promessas de pagamento",
    (
        Column("made_month", "Feitas em", "month"), Column("promises", "Promessas", "count", True),
        Column("promised_amount", "Prometido", "money", True), Column("paid_amount", "Pago", "money", True),
        Column("open_promises", "No prazo", "count", True), Column("kept_promises", "Cumpridas", "count", True),
        Column("partial_promises", "Parciais", "count", True), Column("broken_promises", "Quebradas", "count", True),
        Column("kept_rate", "% cumpridas", "share"), Column("kept_amount_rate", "% do valor", "share"),
    ),
)  # fmt: skip
RANKING = Table(
    "ranking", "Classes", "Carteira por classe de pagador",
    (
        Column("payer_class", "Classe", "class"), Column("customers", "Clientes", "count", True),
        Column("overdue_customers", "Com atraso", "count", True), Column("receivables", "Títulos", "count", True),
        Column("open_amount", "Saldo", "money", True), Column("overdue_amount", "Vencido", "money", True),
    ),
    note="Clientes com título em aberto na data de referência.",
)  # fmt: skip
DEBTORS = Table(
    "debtors", "Maiores devedores", "Maiores devedores",
    (
        Column("position", "Nº", "count"), Column("customer_name", "Cliente", "person"),
        Column("payer_class", "Classe", "class"), Column("receivables", "Títulos", "count", True),
        Column("days_past_due", "Maior atraso (dias)", "count"), Column("open_amount", "Saldo vencido", "money", True),
        Column("amount_due", "Devido com encargos", "money", True), Column("overdue_share", "% do vencido", "share"),
    ),
)  # fmt: skip
DECISIONS = Table(
    "decisions", "Decisões", "Decisões da noite por motivo",
    (
        Column("decision", "Decisão", "decision"), Column("reason", "Motivo", "reason"),
        Column("receivables", "Títulos", "count", True), Column("customers", "Clientes", "count"),
        Column("open_amount", "Saldo", "money", True), Column("amount_due", "Devido com encargos", "money", True),
        Column("open_share", "% do saldo", "share"),
    ),
    note="Cada título em aberto recebe exatamente uma decisão com um motivo. Um cliente pode aparecer em mais de uma linha.",
)  # fmt: skip
RECONCILIATION = Table(
    "reconciliation", "Conciliação", "Conciliação",
    (
        Column("place", "Onde"), Column("receivables", "Títulos", "count"), Column("open_amount", "Saldo", "money"),
        Column("amount_due", "Devido com encargos", "money"), Column("difference", "Diferença do saldo", "money"),
    ),
    note="Todas as linhas contam a mesma carteira. O relatório não é publicado se houver diferença de um centavo.",
)  # fmt: skip

TABLES = (
    AGING, EVOLUTION, DSO, CEI, RANKING, DEBTORS, ROLL_RATES, LIQUIDITY, ALLOWANCE, MOVEMENT, RECOVERY, CONTACTS, PROMISES,
    DECISIONS, RECONCILIATION,
)  # fmt: skip


def rows_of(pack: Pack, table: Table, currency: str) -> list[Row]:
    """The rows of one table in one currency, with the columns that only a reader needs."""
    derive = _DERIVED.get(table.key)
    return derive(pack, currency) if derive else pack.rows(table.key, currency)


def _evolution(pack: Pack, currency: str) -> list[Row]:
    """One row a date, one column a band."""
    dates: dict[object, Row] = {}
    for row in pack.rows("trend", currency):
        line = dates.setdefault(
            row["as_of_date"],
            {
                "currency": currency,
                "as_of_date": row["as_of_date"],
                "is_business_date": row["is_business_date"],
                "months_back": row["months_back"],
            },
        )
        line[row["aging_band"]] = row["open_amount"]
    for line in dates.values():
        bands = {band: line[band] for band in wording.BANDS if band in line}
        line["open_amount"] = sum(bands.values(), ZERO)
        line["overdue_amount"] = line["open_amount"] - bands["not_due"]
        line["overdue_share"] = share(line["overdue_amount"], line["open_amount"])
    return list(dates.values())


def _debtors(pack: Pack, currency: str) -> list[Row]:
    return [row | {"overdue_share": share(row["open_amount"], row["overdue_total"])} for row in pack.rows("debtors", currency)]


def _decisions(pack: Pack, currency: str) -> list[Row]:
    rows = pack.rows("decisions", currency)
    total = sum_of(rows, "open_amount")
    return [row | {"open_share": share(row["open_amount"], total)} for row in rows]


def _reconciliation(pack: Pack, currency: str) -> list[Row]:
    rows = pack.rows("reconciliation", currency)
    truth = next((row["open_amount"] for row in rows if row["place"] == "Títulos em aberto"), ZERO)
    return [row | {"difference": row["open_amount"] - truth} for row in rows]


def share(part: Decimal, total: Decimal) -> Decimal | None:
    """A fraction with four places, or nothing of nothing."""
    return (part / total).quantize(Decimal("0.0001")) if total else None


def is_whole_month(row: Row) -> bool:
    """Whether the row's date ends its month, as the business date itself may."""
    return (row["as_of_date"] + timedelta(days=1)).day == 1


def newest(rows: Iterable[Row], full_month: bool = False) -> list[Row]:
    """The rows of the newest date, or of the newest whole month."""
    rows = [row for row in rows if not full_month or is_whole_month(row)]
    last = max((row["as_of_date"] for row in rows), default=None)
    return [row for row in rows if row["as_of_date"] == last]


_DERIVED: dict[str, Callable[[Pack, str], list[Row]]] = {
    "evolution": _evolution,
    "debtors": _debtors,
    "decisions": _decisions,
    "reconciliation": _reconciliation,
}
