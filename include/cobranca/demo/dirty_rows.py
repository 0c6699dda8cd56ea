"""A few dozen rows that are wrong on purpose, as real systems hold them.

All of them are there on every date. Their numbers lie far above the good ones, so that a test (and
a person who reads the quarantine) knows them at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from cobranca.demo.source_tables import SourceRow, SourceRows

FIRST_NUMBER = 9_000_000
# The new value of a column from the good row and the number of the copy.
Change = Callable[[SourceRow, int], Any]


@dataclass(frozen=True)
class _Fault:
    """``count`` copies of good rows with some columns changed."""

    count: int
    changes: dict[int, Change]  # by position of the column


def _set(value: object) -> Change:
    return lambda _row, _n: value


# Positions in titulos: 1 cod_cliente 4 emissao 5 vencimento 6 valor 8 situacao
_ERP_TITLES = (
    _Fault(6, {6: _set(None)}),
    # issued after its due date, and cancelled: nobody owes it a second time
    _Fault(5, {4: lambda row, n: row[5] + timedelta(days=1 + n), 8: _set("C")}),
    _Fault(5, {6: lambda row, _n: -row[6]}),
    _Fault(2, {6: _set(Decimal("0.00"))}),
    _Fault(3, {1: lambda _row, n: f"C9999{n}"}),  # of a customer that does not exist
    _Fault(2, {5: _set(None)}),
)
# Positions in baixas: 1 titulo_id 4 valor
_ERP_SETTLEMENTS = (
    _Fault(4, {1: lambda _row, n: FIRST_NUMBER + 900_000 + n}),  # of a title that does not exist
    _Fault(2, {4: _set(None)}),
)
# Positions in invoice: 5 due_on 6 total_cents 8 state
_INVOICES = (
    _Fault(
        6,
        {5: lambda _row, n: ("20261345", "00000000", "", "A DEFINIR", "20260230", "31/02/2026")[n]},
    ),
    _Fault(4, {6: _set(None)}),
    _Fault(3, {6: lambda row, _n: -row[6]}),
    _Fault(2, {8: _set("draft")}),
)
# Positions in invoice_payment: 1 invoice_id 2 received_on 3 amount_cents
_INVOICE_PAYMENTS = (
    _Fault(3, {1: lambda _row, n: FIRST_NUMBER + 900_000 + n}),
    _Fault(2, {2: lambda _row, n: ("ontem", "2026-02-30")[n]}),
)


def add_erp_faults(rows: SourceRows) -> SourceRows:
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


def add_billing_faults(rows: SourceRows) -> SourceRows:
    """Add the billing system's dirty rows."""
    return rows | {
        "invoice": rows["invoice"] + _faulty(rows["invoice"], _INVOICES),
        "invoice_payment": rows["invoice_payment"]
        + _faulty(rows["invoice_payment"], _INVOICE_PAYMENTS),
    }


def _faulty(good: list[SourceRow], faults: tuple[_Fault, ...]) -> list[SourceRow]:
    """Copies of early good rows with faults, numbered from :data:`FIRST_NUMBER`.

    Early rows are there on every date.
    """
    made: list[SourceRow] = []
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
