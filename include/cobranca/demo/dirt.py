"""A few dozen rows that are wrong on purpose, as real systems hold them. All of them are there on every date.

Their numbers lie far above the good ones, so that a test (and a person reading the quarantine) tells them at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

FIRST_NUMBER = 9_000_000
Row = dict[str, list[tuple]]


@dataclass(frozen=True)
class _Fault:
    """Copies of a good row with some columns changed: ``count`` of them, appearing every ``every`` days."""

    count: int
    changes: dict[int, Callable]  # position of the column → new value from (row, n)


def _set(value) -> Callable:
    return lambda row, n: value


# Positions in titulos: 1 cod_cliente 4 emissao 5 vencimento 6 valor
_ERP_TITLES = (
    _Fault(6, {6: _set(None)}),
    _Fault(5, {5: lambda row, n: row[4] - timedelta(days=20 + n)}),
    _Fault(5, {6: lambda row, n: -row[6]}),
    _Fault(2, {6: _set(Decimal("0.00"))}),
    _Fault(3, {1: lambda row, n: f"C9999{n}"}),  # of a customer that does not exist
    _Fault(2, {5: _set(None)}),
)
# Positions in baixas: 1 titulo_id 4 valor
_ERP_SETTLEMENTS = (
    _Fault(4, {1: lambda row, n: FIRST_NUMBER + 900_000 + n}),  # of a title that does not exist
    _Fault(2, {4: _set(None)}),
)
# Positions in invoice: 5 due_on 6 total_cents 8 state
_INVOICES = (
    _Fault(6, {5: lambda row, n: ("20261345", "00000000", "", "A DEFINIR", "20260230", "31/02/2026")[n]}),
    _Fault(4, {6: _set(None)}),
    _Fault(3, {6: lambda row, n: -row[6]}),
    _Fault(2, {8: _set("draft")}),
)
# Positions in invoice_payment: 1 invoice_id 2 received_on 3 amount_cents
_INVOICE_PAYMENTS = (
    _Fault(3, {1: lambda row, n: FIRST_NUMBER + 900_000 + n}),
    _Fault(2, {2: lambda row, n: ("ontem", "2026-02-30")[n]}),
)


def into_erp(rows: Row) -> Row:
    """Add the ERP's dirty rows."""
    clients = rows["clientes"]
    # the same customer typed twice, once with spaces around the code
    twins = [(f" {row[0]} ", *row[1:]) for row in clients[10:40:12]]
    # the same title entered twice under two numbers
    titles = rows["titulos"]
    copies = [(FIRST_NUMBER + 500 + n, *row[1:]) for n, row in enumerate(titles[100:220:60])]
    return {
        "clientes": clients + twins,
        "titulos": titles + _faulty(titles, _ERP_TITLES) + copies,
        "baixas": rows["baixas"] + _faulty(rows["baixas"], _ERP_SETTLEMENTS),
    }


def into_billing(rows: Row) -> Row:
    """Add the billing system's dirty rows."""
    return rows | {
        "invoice": rows["invoice"] + _faulty(rows["invoice"], _INVOICES),
        "invoice_payment": rows["invoice_payment"] + _faulty(rows["invoice_payment"], _INVOICE_PAYMENTS),
    }


def _faulty(good: list[tuple], faults: tuple[_Fault, ...]) -> list[tuple]:
    """Copies of early good rows (they are there on every date) with their faults, numbered from FIRST_NUMBER."""
    made: list[tuple] = []
    for fault in faults:
        for n in range(fault.count):
            position = 5 + 7 * len(made)
            if position >= len(good):
                return made
            row = list(good[position])
            for column, value in fault.changes.items():
                row[column] = value(good[position], n)
            made.append((FIRST_NUMBER + len(made), *row[1:]))
    return made
