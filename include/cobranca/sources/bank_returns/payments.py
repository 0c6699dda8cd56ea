"""Bank return files as payments, alone or together with those of the source's own database.

A source that has both knows many payments twice: first the bank's file reports them, later they are
posted in the ERP. The rule for each payment of a file: it is left out when the database has a
payment of the same receivable and kind that is not already taken by another, dated at most
``same_payment_days`` apart, whose amount is what was paid, or that without interest, or the
boleto's face value. Where it is left out, so is the discount that the file reports with it.
Everything else is added: a payment counted twice would be seen as one too many; one that is missed
would have a payer charged who has paid.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cobranca import schema
from cobranca.payments.cnab import DamagedFile, Occurrence, payment_key, read_return_file
from cobranca.payments.cnab_layout import IGNORED, read_codes, read_layout
from cobranca.sources.drivers.file_listing import AGAIN, Stamp, matching, unchanged
from cobranca.sources.mapping.model import CnabFiles, SourceMapping
from cobranca.sources.source_problem import FileProblem

if TYPE_CHECKING:
    import pyarrow as pa

METHOD = "boleto"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReturnPayment:
    """One payment that a bank reports; amounts in whole cents.

    ``alike`` are the amounts that the ERP may have booked it with, ``days`` is how far apart the
    two dates may lie. ``parent`` is the payment whose discount this is, else empty.
    """

    payment_id: str
    receivable_id: str
    paid_on: date | None
    credited_on: date | None
    amount: int
    kind: str
    alike: tuple[int, ...]
    days: int
    parent: str = ""


class ReturnRow(NamedTuple):
    """The columns that bank return files give, as a query of payments would return them."""

    payment_id: str
    receivable_id: str | None
    paid_on: date | None
    amount: int | Decimal
    kind: str
    credited_on: date | None
    method: str


COLUMNS = ReturnRow._fields


class Returns:
    """The payments of a source's return files, once each.

    ``all`` holds them in the order of their ids; :meth:`of` finds those of some receivables.
    """

    def __init__(self, payments: Iterable[ReturnPayment] = ()):
        found = {payment.payment_id: payment for payment in payments}
        self.all = [found[key] for key in sorted(found)]
        self._of: dict[str, list[ReturnPayment]] = defaultdict(list)
        for payment in self.all:
            self._of[payment.receivable_id].append(payment)

    def of(self, column: str, values: Iterable[str]) -> list[ReturnPayment]:
        """Those whose ``column`` is one of ``values``."""
        asked = set(values)
        if column != "receivable_id":
            return [payment for payment in self.all if str(getattr(payment, column, None)) in asked]
        found = [payment for value in asked for payment in self._of.get(value, ())]
        return sorted(found, key=lambda payment: payment.payment_id)


class ReturnFileCache:
    """Return files that were read before, each as it was then.

    So only files that are new or have changed are read.
    """

    def __init__(self) -> None:
        self._files: dict[
            tuple[Path, CnabFiles], tuple[Stamp, Mapping[str, str], list[ReturnPayment]]
        ] = {}

    def get(
        self, path: Path, cnab: CnabFiles, stamp: Stamp, codes: Mapping[str, str]
    ) -> list[ReturnPayment] | None:
        found = self._files.get((path, cnab))
        return found[2] if found is not None and found[:2] == (stamp, codes) else None

    def keep(
        self,
        path: Path,
        cnab: CnabFiles,
        stamp: Stamp,
        codes: Mapping[str, str],
        payments: list[ReturnPayment],
    ) -> None:
        self._files[path, cnab] = stamp, codes, payments


def read_returns(mapping: SourceMapping, parsed: ReturnFileCache | None = None) -> Returns:
    """Every payment of a source's return files.

    Files in ``parsed`` are taken from there unless they have changed.

    Raises:
        FileProblem: there is no file, or one cannot be believed; file and line are named.
        ConfigError: nothing says what the bank's codes mean.
    """
    parsed = parsed or ReturnFileCache()
    payments: list[ReturnPayment] = []
    for cnab in mapping.entities.payments.cnab:
        layout = read_layout(cnab.layout)
        codes = read_codes(mapping.codes_file(cnab), layout.length)
        for path in matching(mapping, "payments", cnab.files):
            with unchanged(mapping, "payments", path) as stamp:
                found = parsed.get(path, cnab, stamp, codes)
                if found is None:
                    found = list(_reported(_read_file(mapping, cnab, path), codes, cnab))
            parsed.keep(path, cnab, stamp, codes, found)
            payments += found
    return Returns(payments)


def _reported(
    occurrences: Iterable[Occurrence], codes: Mapping[str, str], cnab: CnabFiles
) -> Iterator[ReturnPayment]:
    for one in occurrences:
        # A code without a decision goes to quarantine as unknown_kind.
        kind = codes.get(one.code, one.code)
        if kind != IGNORED:
            yield from _payments(one, kind, cnab)


def _read_file(mapping: SourceMapping, cnab: CnabFiles, path: Path) -> list[Occurrence]:
    try:
        return read_return_file(
            path.read_bytes(), read_layout(cnab.layout), cnab.bank, check_totals=cnab.check_totals
        )
    except DamagedFile as error:
        problem = str(error)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    raise FileProblem(
        f"source '{mapping.source}', payments", f"return file '{path.name}', {problem}", AGAIN
    )


def _payments(one: Occurrence, kind: str, cnab: CnabFiles) -> Iterator[ReturnPayment]:
    receivable = getattr(one, cnab.receivable_id)
    if cnab.strip_zeros:
        receivable = receivable.lstrip("0")
    key = payment_key(one)
    payment = ReturnPayment(
        payment_id=key,
        receivable_id=receivable,
        paid_on=one.occurred_on,
        credited_on=one.credited_on,
        amount=one.paid,
        kind=kind,
        alike=(one.paid, one.paid - one.interest, one.nominal),
        days=cnab.same_payment_days,
    )
    yield payment
    given = one.discount + one.rebate
    if kind == "payment" and given and cnab.discounts:
        yield replace(
            payment,
            payment_id=f"{key}-discount",
            amount=given,
            kind="discount",
            alike=(given,),
            parent=key,
        )


def as_table(payments: Sequence[ReturnPayment], *, in_cents: bool) -> "pa.Table":
    """The payments as a table, their amounts in whole cents or in currency units."""
    import pyarrow as pa

    kinds = {
        "amount": pa.int64() if in_cents else schema.MONEY,
        "paid_on": schema.DATE,
        "credited_on": schema.DATE,
    }
    rows = [as_row(payment, in_cents) for payment in payments]
    arrays = [
        pa.array([row[at] for row in rows], kinds.get(name, schema.TEXT))
        for at, name in enumerate(COLUMNS)
    ]
    return pa.Table.from_arrays(arrays, names=list(COLUMNS))


def as_row(payment: ReturnPayment, in_cents: bool) -> ReturnRow:
    """One payment as a row, its amount in whole cents or in currency units."""
    return ReturnRow(
        payment_id=payment.payment_id,
        receivable_id=payment.receivable_id or None,
        paid_on=payment.paid_on,
        amount=payment.amount if in_cents else Decimal(payment.amount) / 100,
        kind=payment.kind,
        credited_on=payment.credited_on,
        method=METHOD,
    )
