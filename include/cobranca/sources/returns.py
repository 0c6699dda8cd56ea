"""Bank return files as payments, alone or beside the payments that the source's own database has.

A source that has both knows many payments twice: first the bank's file tells them, later somebody posts them in the ERP.
The rule, for each payment that a file tells: it is left out when the database has a payment of the same receivable and
kind that is not already taken by another, dated at most ``same_payment_days`` apart, whose amount is what was paid, or
that without interest, or the boleto's face value. Where it is left out, so is the discount the file tells with it.
Everything else is added: a payment counted twice would be seen as one too many; one that is missed would have somebody
charged who has paid.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca import schema
from cobranca.payments.cnab import IGNORED, DamagedFile, Occurrence, payment_key, read_codes, read_layout, read_return_file
from cobranca.sources.engine import Snapshot, Stream
from cobranca.sources.files import AGAIN, FilesSnapshot, Stamp, matching, unchanged
from cobranca.sources.mapping import ENTITY_NAMES, CnabFiles, SourceMapping
from cobranca.sources.problem import FileProblem

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("payment_id", "receivable_id", "paid_on", "amount", "kind", "credited_on", "method")
METHOD = "boleto"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReturnPayment:
    """One payment that a bank tells; amounts in whole cents. ``alike`` are the amounts that the ERP may have booked it with.

    ``parent`` is the payment whose discount this is, else empty; ``days`` is how far apart the two dates may lie.
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


class Returns:
    """The payments of a source's return files, once each: ``all`` of them in the order of their ids, and by receivable."""

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
            return [payment for payment in self.all if str(getattr(payment, column)) in asked]
        found = [payment for value in asked for payment in self._of.get(value, ())]
        return sorted(found, key=lambda payment: payment.payment_id)


class Parsed:
    """Return files that were read before, each as it was then, so that only what is new or has changed is read."""

    def __init__(self) -> None:
        self._files: dict[tuple[Path, CnabFiles], tuple[Stamp, Mapping[str, str], list[ReturnPayment]]] = {}

    def get(self, path: Path, cnab: CnabFiles, stamp: Stamp, codes: Mapping[str, str]) -> list[ReturnPayment] | None:
        found = self._files.get((path, cnab))
        return found[2] if found is not None and found[:2] == (stamp, codes) else None

    def keep(self, path: Path, cnab: CnabFiles, stamp: Stamp, codes: Mapping[str, str], payments: list[ReturnPayment]) -> None:
        self._files[path, cnab] = stamp, codes, payments


def read_returns(mapping: SourceMapping, parsed: Parsed | None = None) -> Returns:
    """Every payment of a source's return files; those in ``parsed`` are taken from there unless they have changed.

    Raises:
        FileProblem: there is no file, or one cannot be believed; file and line are named.
        ConfigError: nothing says what the bank's codes mean.
    """
    parsed, payments = parsed or Parsed(), []
    for cnab in mapping.entities.payments.cnab:
        layout = read_layout(cnab.layout)
        codes = read_codes(mapping.codes_file(cnab), layout.length)
        for path in matching(mapping, "payments", cnab.files):
            with unchanged(mapping, "payments", path) as stamp:
                told = parsed.get(path, cnab, stamp, codes)
                if told is None:
                    told = list(_told(_read_file(mapping, cnab, path), codes, cnab))
            parsed.keep(path, cnab, stamp, codes, told)
            payments += told
    return Returns(payments)


def _told(occurrences: Iterable[Occurrence], codes: Mapping[str, str], cnab: CnabFiles) -> Iterator[ReturnPayment]:
    for one in occurrences:
        kind = codes.get(one.code, one.code)  # a code nobody has decided on goes to quarantine as unknown_kind
        if kind != IGNORED:
            yield from _payments(one, kind, cnab)


def _read_file(mapping: SourceMapping, cnab: CnabFiles, path: Path) -> list[Occurrence]:
    try:
        return read_return_file(path.read_bytes(), read_layout(cnab.layout), cnab.bank, check_totals=cnab.check_totals)
    except DamagedFile as error:
        problem = str(error)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    raise FileProblem(f"source '{mapping.source}', payments", f"return file '{path.name}', {problem}", AGAIN)


def _payments(one: Occurrence, kind: str, cnab: CnabFiles) -> Iterator[ReturnPayment]:
    receivable = getattr(one, cnab.receivable_id)
    if cnab.strip_zeros:
        receivable = receivable.lstrip("0")
    key = payment_key(one)
    common = {"receivable_id": receivable, "paid_on": one.occurred_on, "credited_on": one.credited_on}
    yield ReturnPayment(
        payment_id=key,
        amount=one.paid,
        kind=kind,
        alike=(one.paid, one.paid - one.interest, one.nominal),
        days=cnab.same_payment_days,
        **common,
    )
    given = one.discount + one.rebate
    if kind == "payment" and given and cnab.discounts:
        yield ReturnPayment(
            payment_id=f"{key}-discount",
            amount=given,
            kind="discount",
            alike=(given,),
            days=cnab.same_payment_days,
            parent=key,
            **common,
        )


def as_table(payments: Sequence[ReturnPayment], *, in_cents: bool) -> "pa.Table":
    import pyarrow as pa

    kinds = {"amount": pa.int64() if in_cents else schema.MONEY, "paid_on": schema.DATE, "credited_on": schema.DATE}
    rows = list(zip(*(_row(payment, in_cents) for payment in payments), strict=True)) or [()] * len(COLUMNS)
    arrays = [pa.array(values, kinds.get(name, schema.TEXT)) for name, values in zip(COLUMNS, rows, strict=True)]
    return pa.Table.from_arrays(arrays, names=list(COLUMNS))


def _row(payment: ReturnPayment, in_cents: bool) -> tuple:
    amount = payment.amount if in_cents else Decimal(payment.amount) / 100
    return (
        payment.payment_id, payment.receivable_id or None, payment.paid_on, amount, payment.kind, payment.credited_on, METHOD,
    )  # fmt: skip


class Beside:
    """The methods of ``engine.Snapshot`` over a database and files: each entity from its own place, payments from both where
    both are named.
    """

    def __init__(self, database: Snapshot, files: FilesSnapshot, mapping: SourceMapping):
        self._database, self._files, self._mapping, self._returns = database, files, mapping, files.returns
        # Queries for no more than so many rows, which need not be united with all that the files tell.
        self._limits: dict[str, int] = {}
        self._in_cents = "amount" in mapping.entities.payments.cents
        self.engine = f"{database.engine} and files"
        self.moment = f"{database.moment}; {files.moment}"

    def stream(self, entity: str, query: str) -> Stream:
        """Rows of the entity's own place; after the database's payments those that only the return files have.

        Raises:
            SourceProblem: as for the database and the files.
        """
        stream = self._of(entity).stream(entity, query)
        if not self._united_with_returns(entity):
            return stream
        columns = (*stream.columns, *(name for name in COLUMNS if name not in stream.columns))
        limit = self._limits.get(query)
        returns = self._returns.all if limit is None else self._returns.all[:limit]
        return Stream(columns, self._united(stream.chunks, stream.columns, columns, returns))

    def bulk(self, entity: str, query: str) -> Stream:
        return self.stream(entity, query) if self._united_with_returns(entity) else self._of(entity).bulk(entity, query)

    def rows(self, entity: str, query: str) -> list[Sequence]:
        return self._of(entity).rows(entity, query)

    def alone(self) -> AbstractContextManager:
        return self._database.alone()

    def first_rows(self, query: str, limit: int) -> str:
        text = self._place_of(query).first_rows(query, limit)
        self._limits[text] = limit
        return text

    def columns(self, entity: str, query: str) -> dict[str, str]:
        """The columns of the entity's own place; what return files add to them is always the same."""
        return self._of(entity).columns(entity, query)

    def only(self, query: str, columns: Sequence[str]) -> str:
        return self._place_of(query).only(query, columns)

    def totals(
        self, entity: str, query: str, by: Sequence[str] = (), amounts: Sequence[str] = ()
    ) -> list[tuple[tuple, int, list[Decimal | float | None]]]:
        """What the entity's place counts and adds; for payments also those of the return files that only they have."""
        if not self._united_with_returns(entity):
            return self._of(entity).totals(entity, query, by, amounts)
        there = [name.lower() for name in self._database.columns(entity, query)]
        asked = [name for name in by if name in there]
        found = []
        for values, rows, sums in self._database.totals(entity, query, asked, amounts):
            told = dict(zip(asked, values, strict=True))
            found.append((tuple(told.get(name) for name in by), rows, sums))
        for payment in self._only_returned(query):
            told = dict(zip(COLUMNS, _row(payment, self._in_cents), strict=True))
            # No bank tells an amount below zero: it is its own size.
            found.append((tuple(told[name] for name in by), 1, [Decimal(told["amount"])] * len(amounts)))
        return found

    def part(self, query: str, columns: str, condition: str) -> str:
        return self._database.part(query, columns, condition)

    def day(self, day: date, sample: object) -> str:
        return self._database.day(day, sample)

    def where_in(self, entity: str, query: str, column: str, values: Sequence[str | int], **how) -> Iterator[Sequence[Sequence]]:
        """Chunks of the rows whose ``column`` is one of ``values``, return files included."""
        if not self._united_with_returns(entity):
            return self._of(entity).where_in(entity, query, column, values, **how)
        # Asked first: a database's connection may serve one unfinished result only.
        own = tuple(name.lower() for name in self._database.columns(entity, query))
        returns = self._returns.of(column, map(str, values))
        columns = (*own, *(name for name in COLUMNS if name not in own))
        return self._united(self._database.where_in(entity, query, column, values, **how), own, columns, returns)

    def _of(self, entity: str) -> Snapshot | FilesSnapshot:
        return self._database if self._mapping.entity(entity).from_database else self._files

    def _place_of(self, query: str) -> Snapshot | FilesSnapshot:
        of_files = [name for name in ENTITY_NAMES if not self._mapping.entity(name).from_database]
        return self._files if query in [self._mapping.entity(name).query for name in of_files] else self._database

    def _united_with_returns(self, entity: str) -> bool:
        wanted = self._mapping.entity(entity)
        return bool(wanted.cnab) and wanted.from_database

    def _only_returned(self, query: str) -> list[ReturnPayment]:
        ids = sorted({payment.receivable_id for payment in self._returns.all})
        own = self._database.stream("payments", self._database.first_rows(query, 1))
        sample = [row for chunk in own.chunks for row in chunk]
        wanted: Sequence[str | int] = ids
        if sample and isinstance(sample[0][own.columns.index("receivable_id")], int):
            wanted = [int(text) for text in ids if text.isdecimal()]
        known = _Known(self._mapping, own.columns, self._returns.all)
        for start in range(0, len(wanted), 1_000):
            for chunk in self._database.where_in("payments", query, "receivable_id", wanted[start : start + 1_000]):
                known.notice(chunk)
        return known.missing()

    def _united(
        self, chunks: Iterator[Sequence[Sequence]], own: Sequence[str], columns: Sequence[str], returns: Sequence[ReturnPayment]
    ) -> Iterator[Sequence[Sequence]]:
        known = _Known(self._mapping, own, returns)
        blank = (None,) * (len(columns) - len(own))
        for chunk in chunks:
            known.notice(chunk)
            yield [(*row, *blank) for row in chunk] if blank else chunk
        missing = known.missing()
        if returns is self._returns.all:
            told, there = len(returns), len(returns) - len(missing)
            log.info("%s: %d payments of return files, %d of them in the database too", self._mapping.source, told, there)
        places = {name: position for position, name in enumerate(COLUMNS)}
        rows = [_row(payment, self._in_cents) for payment in missing]
        if rows:
            yield [tuple(row[places[name]] if name in places else None for name in columns) for row in rows]


class _Known:
    """The database's payments of the receivables that return files tell of, to find which of those are new."""

    def __init__(self, mapping: SourceMapping, columns: Sequence[str], returns: Sequence[ReturnPayment]):
        from cobranca.sources.clean import Cleaner

        self._returns, self._columns = returns, columns
        self._ids = {payment.receivable_id for payment in returns}
        self._cleaner = Cleaner(mapping.source, "payments", columns, mapping.entities.payments.cents)
        self._booked: dict[tuple[str, str], list[tuple[date, int]]] = defaultdict(list)

    def notice(self, chunk: Sequence[Sequence]) -> None:
        from cobranca.sources.clean import texts

        if not self._ids:
            return
        position = self._columns.index("receivable_id")
        ids = texts([row[position] for row in chunk]).values.to_pylist()
        told = [row for row, key in zip(chunk, ids, strict=True) if key in self._ids]
        if not told:
            return
        for row in self._cleaner.clean(told).rows.to_pylist():
            self._booked[row["receivable_id"], row["kind"]].append((row["paid_on"], int(row["amount"] * 100)))

    def missing(self) -> list[ReturnPayment]:
        """The payments that only the return files have. Exact amounts are matched before those without interest."""
        left = {key: list(booked) for key, booked in self._booked.items()}
        found: set[str] = set()
        for exact in (True, False):
            for payment in self._returns:
                if payment.payment_id in found:
                    continue
                booked = left.get((payment.receivable_id, payment.kind), [])
                near = [item for item in booked if self._same(item, payment, exact)]
                if near:
                    booked.remove(min(near, key=lambda item: abs((item[0] - payment.paid_on).days)))
                    found.add(payment.payment_id)
        return [one for one in self._returns if one.payment_id not in found and one.parent not in found]

    @staticmethod
    def _same(booked: tuple[date, int], payment: ReturnPayment, exact: bool) -> bool:
        day, cents = booked
        if payment.paid_on is None or abs((day - payment.paid_on).days) > payment.days:
            return False
        return cents == payment.amount if exact else cents in payment.alike
