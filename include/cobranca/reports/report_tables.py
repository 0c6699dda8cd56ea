"""Tables of the finance pack, described once and shown twice.

The page shows them as text, the workbook as numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cobranca import labels
from cobranca.reports import wording
from cobranca.reports.figures import ZERO, sum_amounts
from cobranca.reports.report_rows import Row

# Kinds that are numbers in the workbook; all others are text or dates.
NUMBERS = ("money", "count", "share", "days", "percent")

_TEXT: dict[str, Callable[[str], str]] = {
    "text": str,
    "band": wording.band,
    "basis": lambda code: wording.BASES[code].capitalize(),
    "class": lambda code: labels.CLASSES.get(code, wording.DASH),
    "decision": lambda code: labels.DECISIONS.get(code, code),
    "reason": labels.reason,
    "channel": lambda code: labels.CHANNELS.get(code, code),
    "arm": lambda code: wording.ARMS.get(code, code),
    "person": wording.person,
}
# What the text kinds show where there is no value; the others show a dash.
_MISSING = {"reason": labels.reason(None), "person": wording.person(None)}
_PLACES = {"auc": 3}


@dataclass(frozen=True)
class Column:
    """One column of a report.

    ``kind`` is one of NUMBERS, ``auc``, ``date``, ``month`` or a key of the text labels. ``total``
    says that the column is added up.
    """

    name: str
    label: str
    kind: str = "text"
    total: bool = False


@dataclass(frozen=True)
class Table:
    """One report.

    ``total_by`` are the columns, besides the currency, that its totals are kept apart by.
    """

    key: str
    sheet: str
    title: str
    columns: tuple[Column, ...]
    total_by: tuple[str, ...] = ()
    note: str = ""

    def total(self, rows: Sequence[Row]) -> dict[str, Decimal | int]:
        """Sums of the columns that can be added up; of rows of one currency only."""
        return {
            column.name: (
                sum(int(as_number(row[column.name] or 0)) for row in rows)
                if column.kind == "count"
                else sum_amounts(as_number(row[column.name] or ZERO) for row in rows)
            )
            for column in self.columns
            if column.total
        }


def as_text(value: object, kind: str) -> str:
    """One cell of the page; the table's caption names the currency."""
    if value is None:
        return _MISSING.get(kind, wording.DASH)
    if kind in _TEXT:
        return as_label(value, kind)
    if isinstance(value, date):
        return wording.month(value) if kind == "month" else wording.day(value)
    number = as_number(value)
    if kind == "money":
        return wording.amount(number)
    if kind == "count":
        return wording.count(int(number))
    if kind == "share":
        return wording.percent(number)
    return wording.number(number, _PLACES.get(kind, 1))


def as_label(value: object, kind: str) -> str:
    """One text cell of the workbook."""
    return _TEXT[kind](str(value))


def as_number(value: object) -> Decimal:
    """A cell that holds a number.

    Raises:
        TypeError: it holds something else.
    """
    if isinstance(value, Decimal | int | float):
        return Decimal(value)
    raise TypeError(f"a column of numbers holds {type(value).__name__}")


BAND = Column("aging_band", "Faixa", "band")
AS_OF = Column("as_of_date", "Posição em", "date")

AGING = Table(
    "aging",
    "Aging",
    "Aging da carteira",
    (
        Column("basis", "Contagem pelo", "basis"),
        BAND,
        Column("receivables", "Títulos", "count", True),
        Column("customers", "Clientes", "count"),
        Column("open_amount", "Saldo", "money", True),
        Column("open_share", "% do saldo", "share"),
        Column("amount_due", "Devido com encargos", "money", True),
    ),
    total_by=("basis",),
    note=(
        "Um cliente pode ter títulos em mais de uma faixa; por isso a coluna de clientes não é "
        "somada."
    ),
)
EVOLUTION = Table(
    "evolution",
    "Evolução",
    "Evolução da carteira por fim de mês",
    (
        AS_OF,
        Column("open_amount", "Saldo total", "money"),
        Column("overdue_amount", "Vencido", "money"),
        Column("overdue_share", "% vencido", "share"),
    ),
    note="Faixas em dias de atraso, contados do vencimento efetivo.",
)
DSO = Table(
    "dso",
    "DSO",
    "Prazo médio de recebimento",
    (
        AS_OF,
        Column("open_amount", "Saldo", "money"),
        Column("current_amount", "A vencer", "money"),
        Column("credit_sales", "Vendas de 3 meses", "money"),
        Column("sales_days", "Dias", "count"),
        Column("dso_countback", "DSO regressivo", "days"),
        Column("dso_simple", "DSO simples", "days"),
        Column("dso_best_possible", "Melhor possível", "days"),
    ),
)
CEI = Table(
    "cei",
    "CEI",
    "Eficácia da cobrança",
    (
        AS_OF,
        Column("opening_amount", "Saldo inicial", "money"),
        Column("credit_sales", "Vendas do mês", "money"),
        Column("non_cash_amount", "Créditos e baixas", "money"),
        Column("closing_amount", "Saldo final", "money"),
        Column("closing_current_amount", "Final a vencer", "money"),
        Column("cei", "CEI (%)", "percent"),
    ),
)
ROLL_RATES = Table(
    "roll_rates",
    "Rolagem",
    "Rolagem entre faixas",
    (
        AS_OF,
        Column("from_band", "Faixa anterior", "band"),
        Column("to_band", "Faixa agora", "band"),
        Column("opening_amount", "Saldo anterior da faixa", "money"),
        Column("rolled_amount", "Valor", "money"),
        Column("roll_rate", "Taxa", "share"),
    ),
)
ROLLING = Table(
    "rolling",
    "",
    "O que foi feito do saldo de cada faixa",
    (
        Column("aging_band", "Faixa no mês anterior", "band"),
        Column("opening_amount", "Saldo", "money", True),
        Column("settled_share", "Baixado", "share"),
        Column("same_share", "Não piorou", "share"),
        Column("worse_share", "Passou a faixa pior", "share"),
    ),
)
LIQUIDITY = Table(
    "liquidity",
    "Liquidez",
    "Índice de liquidez por mês de vencimento",
    (
        Column("due_month", "Vencidos em", "month"),
        Column("receivables", "Títulos", "count"),
        Column("owed_amount", "Valor", "money"),
        Column("liquidity_0", "No vencimento", "share"),
        Column("liquidity_30", "Até 30 dias", "share"),
        Column("liquidity_60", "Até 60 dias", "share"),
        Column("liquidity_90", "Até 90 dias", "share"),
    ),
)
ALLOWANCE = Table(
    "allowance",
    "PDD",
    "PDD: matriz de provisão",
    (
        AS_OF,
        BAND,
        Column("entered_amount", "Chegou à faixa (histórico)", "money"),
        Column("lost_amount", "Não recebido em 180 dias", "money"),
        Column("loss_rate", "Taxa de perda", "share"),
        Column("open_amount", "Saldo", "money", True),
        Column("allowance", "PDD", "money", True),
    ),
    total_by=("as_of_date",),
)
MOVEMENT = Table(
    "allowance_movement",
    "Movimento da PDD",
    "Movimento da PDD",
    (
        AS_OF,
        Column("opening_allowance", "PDD inicial", "money"),
        Column("written_off_amount", "Baixas do mês", "money"),
        Column("provision_amount", "Provisão do mês", "money"),
        Column("closing_allowance", "PDD final", "money"),
    ),
)
RECOVERY = Table(
    "recovery",
    "Recuperação",
    "Recuperação por faixa",
    (
        AS_OF,
        BAND,
        Column("customers", "Clientes", "count"),
        Column("opening_amount", "Saldo inicial", "money", True),
        Column("received_amount", "Recebido", "money", True),
        Column("recovery_rate", "Recuperação", "share"),
        Column("promised_customers", "Prometeram", "count"),
        Column("agreed_customers", "Com acordo", "count"),
        Column("agreed_amount", "Valor acordado", "money", True),
        Column("agreement_rate", "% com acordo", "share"),
    ),
    total_by=("as_of_date",),
)
CONTACTS = Table(
    "contacts",
    "Contatos",
    "Efeito dos contatos",
    (
        Column("step", "Passo"),
        Column("channel", "Canal", "channel"),
        Column("arm", "Grupo", "arm"),
        Column("contacts", "Contatos", "count"),
        Column("observed_contacts", "Já com 7 dias", "count"),
        Column("receivables", "Títulos devidos", "count"),
        Column("open_amount", "Saldo no contato", "money"),
        Column("paid_receivables", "Títulos pagos", "count"),
        Column("paid_amount", "Pago em 7 dias", "money"),
        Column("paid_share", "% pago", "share"),
    ),
)
PROMISES = Table(
    "promises",
    "Promessas",
    "Promessas de pagamento",
    (
        Column("made_month", "Feitas em", "month"),
        Column("promises", "Promessas", "count", True),
        Column("promised_amount", "Prometido", "money", True),
        Column("paid_amount", "Pago", "money", True),
        Column("open_promises", "No prazo", "count", True),
        Column("kept_promises", "Cumpridas", "count", True),
        Column("partial_promises", "Parciais", "count", True),
        Column("broken_promises", "Quebradas", "count", True),
        Column("kept_rate", "% cumpridas", "share"),
        Column("kept_amount_rate", "% do valor", "share"),
    ),
)
RANKING = Table(
    "ranking",
    "Classes",
    "Carteira por classe de pagador",
    (
        Column("payer_class", "Classe", "class"),
        Column("customers", "Clientes", "count", True),
        Column("overdue_customers", "Com atraso", "count", True),
        Column("receivables", "Títulos", "count", True),
        Column("open_amount", "Saldo", "money", True),
        Column("overdue_amount", "Vencido", "money", True),
    ),
    note="Clientes com título em aberto na data de referência.",
)
DEBTORS = Table(
    "debtors",
    "Maiores devedores",
    "Maiores devedores",
    (
        Column("position", "Nº", "count"),
        Column("customer_name", "Cliente", "person"),
        Column("payer_class", "Classe", "class"),
        Column("receivables", "Títulos", "count", True),
        Column("days_past_due", "Maior atraso (dias)", "count"),
        Column("open_amount", "Saldo vencido", "money", True),
        Column("amount_due", "Devido com encargos", "money", True),
        Column("overdue_share", "% do vencido", "share"),
    ),
)
DECISIONS = Table(
    "decisions",
    "Decisões",
    "Decisões da noite por motivo",
    (
        Column("decision", "Decisão", "decision"),
        Column("reason", "Motivo", "reason"),
        Column("receivables", "Títulos", "count", True),
        Column("customers", "Clientes", "count"),
        Column("open_amount", "Saldo", "money", True),
        Column("amount_due", "Devido com encargos", "money", True),
        Column("open_share", "% do saldo", "share"),
    ),
    note=(
        "Cada título em aberto recebe exatamente uma decisão com um motivo. Um cliente pode "
        "aparecer em mais de uma linha."
    ),
)
RECONCILIATION = Table(
    "reconciliation",
    "Conciliação",
    "Conciliação",
    (
        Column("place", "Onde"),
        Column("receivables", "Títulos", "count"),
        Column("open_amount", "Saldo", "money"),
        Column("amount_due", "Devido com encargos", "money"),
        Column("difference", "Diferença do saldo", "money"),
    ),
    note=(
        "Todas as linhas contam a mesma carteira. O relatório não é publicado se houver "
        "diferença de um centavo."
    ),
)

TABLES = (
    AGING,
    EVOLUTION,
    DSO,
    CEI,
    RANKING,
    DEBTORS,
    ROLL_RATES,
    LIQUIDITY,
    ALLOWANCE,
    MOVEMENT,
    RECOVERY,
    CONTACTS,
    PROMISES,
    DECISIONS,
    RECONCILIATION,
)
