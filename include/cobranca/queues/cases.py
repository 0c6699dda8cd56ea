"""The list of cases that only a person can bring forward: one workbook for all, and its CSV.

It shows ``out_escalations``: a row for each payer, creditor and currency, by who acts and then by
reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from cobranca.labels import REASON_CATALOGUE, RESPONSIBLE, may_do, reason
from cobranca.money import format_money, format_number
from cobranca.redaction.parquet_redaction import ERASED_NAME
from cobranca.schema import PRINCIPAL

CASES = "out_escalations.parquet"
# Who acts where a batch of before does not say it.
_UNTOLD = "supervisao"
_PEOPLE, _REASONS = list(RESPONSIBLE), list(REASON_CATALOGUE)


@dataclass(frozen=True)
class Case:
    """What one payer owes a creditor in one currency and no road but a person leads on from.

    ``creditor`` is the creditor's name, empty where there is only one. ``reasons`` are codes, the
    main one first. ``since_on`` is ``None`` in batches that are older than the column.
    """

    customer_key: str
    customer_name: str
    creditor: str
    currency: str
    receivables: int
    open_amount: Decimal
    amount_due: Decimal
    days_past_due: int
    reasons: tuple[str, ...]
    since_on: date | None
    responsible: str

    @property
    def main_reason(self) -> str:
        """The first reason, which says who acts and what they may do."""
        return self.reasons[0]

    @property
    def place(self) -> tuple[object, ...]:
        """Where the case stands: by who acts, by main reason, the largest amount first."""
        return (
            _order(_PEOPLE, self.responsible),
            _order(_REASONS, self.main_reason),
            self.currency,
            -self.amount_due,
            self.customer_key,
            self.creditor,
        )


def read_cases(path: Path, creditors: Mapping[str, str]) -> list[Case]:
    """The cases of a batch in the order of the list, without payers who were erased since.

    ``creditors`` are the creditors' names by id.
    """
    import pyarrow.parquet as pq

    rows = pq.read_table(path).to_pylist()
    cases = [_case(row, creditors) for row in rows if row["customer_name"] != ERASED_NAME]
    return sorted(cases, key=lambda case: case.place)


def _case(row: dict[str, Any], creditors: Mapping[str, str]) -> Case:
    creditor = row.get("creditor") or PRINCIPAL
    return Case(
        customer_key=row["customer_key"],
        customer_name=row["customer_name"],
        creditor=creditors.get(creditor, creditor) if len(creditors) > 1 else "",
        currency=row["currency"],
        receivables=row["receivables"],
        open_amount=Decimal(row["open_amount"]),
        amount_due=Decimal(row["amount_due"]),
        days_past_due=row["days_past_due"],
        reasons=tuple((row.get("reasons") or row["reason"]).split(",")),
        since_on=row.get("since_on"),
        responsible=row.get("responsible") or _UNTOLD,
    )


def _order(known: Sequence[str], code: str) -> int:
    return known.index(code) if code in known else len(known)


def case_totals(cases: Sequence[Case]) -> dict[str, str]:
    """The control totals of the list, by column and currency."""
    sums: dict[str, Decimal] = {}
    for case in cases:
        for column, amount in (("amount_due", case.amount_due), ("open_amount", case.open_amount)):
            name = f"{column} {case.currency}"
            sums[name] = sums.get(name, Decimal("0.00")) + amount
    return {name: str(amount) for name, amount in sorted(sums.items())}


def total_text(cases: Sequence[Case]) -> str:
    """What the cases owe with charges, each currency by itself: ``R$ 1.234,56 + US$ 10,00``."""
    sums: dict[str, Decimal] = {}
    for case in cases:
        sums[case.currency] = sums.get(case.currency, Decimal("0.00")) + case.amount_due
    shown = [format_money(amount, currency) for currency, amount in sorted(sums.items())]
    return " + ".join(shown) or format_money(Decimal(0))


def who(case: Case) -> str:
    """Who acts, for people: ``Supervisão``."""
    return RESPONSIBLE.get(case.responsible, case.responsible)


def why(case: Case) -> list[str]:
    """All reasons in words, the main one first."""
    return [reason(code) for code in case.reasons]


def what(case: Case) -> list[str]:
    """What may be done about the main reason, then about the others, each once."""
    return list(dict.fromkeys(may_do(code) for code in case.reasons))


def case_columns(creditors: Mapping[str, str]) -> dict[str, Callable[[Case], object]]:
    """The columns of the list; one for the creditor where there are several."""
    return _COLUMNS | ({"Credor": lambda case: case.creditor} if len(creditors) > 1 else {})


# The list for other programs, with the key by which ``cobranca why`` finds a payer.
_COLUMNS: dict[str, Callable[[Case], object]] = {
    "customer_key": lambda case: case.customer_key,
    "Quem age": who,
    "Cliente": lambda case: case.customer_name,
    "Por quê": lambda case: "; ".join(why(case)),
    "O que fazer": lambda case: ". ".join(what(case)),
    "Desde": lambda case: case.since_on,
    "Moeda": lambda case: case.currency,
    "Títulos": lambda case: case.receivables,
    "Dias de atraso": lambda case: case.days_past_due,
    "Em aberto": lambda case: format_number(case.open_amount),
    "Com encargos": lambda case: format_number(case.amount_due),
}
