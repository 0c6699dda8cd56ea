"""One snapshot of a database and of bank return files: payments of both, each payment once."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from cobranca.sources.bank_returns.payments import COLUMNS, ReturnPayment, Returns, as_row, log
from cobranca.sources.drivers.arrow_columns import BulkTable
from cobranca.sources.drivers.database import DatabaseSnapshot
from cobranca.sources.drivers.files import FilesSnapshot
from cobranca.sources.drivers.stream import GroupTotals, Key, Row, Rows, Stream
from cobranca.sources.mapping.model import ENTITY_NAMES, SourceMapping


class Booked(NamedTuple):
    """A payment that the database has, in whole cents."""

    paid_on: date
    cents: int


class MergedSnapshot:
    """A database and files as one snapshot.

    Each entity comes from its own place; payments come from both where both are named. What each
    method owes its caller is said by :class:`~cobranca.sources.drivers.stream.SourceSnapshot`.
    """

    def __init__(
        self,
        database: DatabaseSnapshot,
        files: FilesSnapshot,
        returns: Returns,
        mapping: SourceMapping,
    ):
        self._database, self._files = database, files
        self._mapping, self._returns = mapping, returns
        # Queries for no more than so many rows, which need not be united with all that the files
        # hold.
        self._limits: dict[str, int] = {}
        self._in_cents = "amount" in mapping.entities.payments.cents
        self.engine = f"{database.engine} and files"
        self.moment = f"{database.moment}; {files.moment}"

    def stream(self, entity: str, query: str) -> Stream[Rows]:
        """Rows of the entity's own place.

        After the database's payments come those that only the return files have.

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

    def bulk(self, entity: str, query: str) -> Stream[Rows | BulkTable]:
        return (
            self.stream(entity, query)
            if self._united_with_returns(entity)
            else self._of(entity).bulk(entity, query)
        )

    def rows(self, entity: str, query: str) -> Sequence[Row]:
        return self._of(entity).rows(entity, query)

    def alone(self) -> AbstractContextManager[None]:
        return self._database.alone()

    def first_rows(self, query: str, limit: int) -> str:
        text = self._place_of(query).first_rows(query, limit)
        self._limits[text] = limit
        return text

    def columns(self, entity: str, query: str) -> dict[str, str]:
        """The columns of the entity's own place; what return files add is always the same."""
        return self._of(entity).columns(entity, query)

    def only(self, query: str, columns: Sequence[str]) -> str:
        return self._place_of(query).only(query, columns)

    def totals(
        self, entity: str, query: str, by: Sequence[str] = (), amounts: Sequence[str] = ()
    ) -> list[GroupTotals]:
        """What the entity's place counts and adds, with the payments that only files have."""
        if not self._united_with_returns(entity):
            return self._of(entity).totals(entity, query, by, amounts)
        there = [name.lower() for name in self._database.columns(entity, query)]
        asked = [name for name in by if name in there]
        found = []
        for values, rows, sums in self._database.totals(entity, query, asked, amounts):
            codes = dict(zip(asked, values, strict=True))
            found.append(GroupTotals(tuple(codes.get(name) for name in by), rows, sums))
        for payment in self._only_returned(query):
            row = as_row(payment, self._in_cents)._asdict()
            # No bank reports an amount below zero: it is its own size.
            sums = [Decimal(row["amount"])] * len(amounts)
            found.append(GroupTotals(tuple(row[name] for name in by), 1, sums))
        return found

    def part(self, query: str, columns: str, condition: str) -> str:
        return self._database.part(query, columns, condition)

    def day(self, day: date, sample: object) -> str:
        return self._database.day(day, sample)

    def where_in(
        self,
        entity: str,
        query: str,
        column: str,
        values: Sequence[Key],
        *,
        as_stored: bool = False,
    ) -> Iterator[Rows]:
        """Chunks of the rows whose ``column`` is one of ``values``, return files included."""
        if not self._united_with_returns(entity):
            place = self._of(entity)
            return place.where_in(entity, query, column, values, as_stored=as_stored)
        # Asked first: a database's connection may serve one unfinished result only.
        own = tuple(name.lower() for name in self._database.columns(entity, query))
        returns = self._returns.of(column, map(str, values))
        columns = (*own, *(name for name in COLUMNS if name not in own))
        rows = self._database.where_in(entity, query, column, values, as_stored=as_stored)
        return self._united(rows, own, columns, returns)

    def _of(self, entity: str) -> DatabaseSnapshot | FilesSnapshot:
        return self._database if self._mapping.entity(entity).from_database else self._files

    def _place_of(self, query: str) -> DatabaseSnapshot | FilesSnapshot:
        of_files = [name for name in ENTITY_NAMES if not self._mapping.entity(name).from_database]
        return (
            self._files
            if query in [self._mapping.entity(name).query for name in of_files]
            else self._database
        )

    def _united_with_returns(self, entity: str) -> bool:
        wanted = self._mapping.entity(entity)
        return bool(wanted.cnab) and wanted.from_database

    def _only_returned(self, query: str) -> list[ReturnPayment]:
        ids = sorted({payment.receivable_id for payment in self._returns.all})
        # an advance names no receivable, so it cannot show of what type their ids are
        named = self._database.part(query, "*", "receivable_id is not null")
        own = self._database.stream("payments", self._database.first_rows(named, 1))
        sample = [row for chunk in own.chunks for row in chunk]
        wanted: Sequence[Key] = ids
        if sample and isinstance(sample[0][own.columns.index("receivable_id")], int):
            wanted = [int(text) for text in ids if text.isdecimal()]
        known = _KnownPayments(self._mapping, own.columns, self._returns.all)
        for start in range(0, len(wanted), 1_000):
            for chunk in self._database.where_in(
                "payments", query, "receivable_id", wanted[start : start + 1_000]
            ):
                known.notice(chunk)
        return known.missing()

    def _united(
        self,
        chunks: Iterator[Rows],
        own: Sequence[str],
        columns: Sequence[str],
        returns: Sequence[ReturnPayment],
    ) -> Iterator[Rows]:
        known = _KnownPayments(self._mapping, own, returns)
        blank = (None,) * (len(columns) - len(own))
        for chunk in chunks:
            known.notice(chunk)
            yield [(*row, *blank) for row in chunk] if blank else chunk
        missing = known.missing()
        if returns is self._returns.all:
            log.info(
                "%s: %d payments of return files, %d of them in the database too",
                self._mapping.source,
                len(returns),
                len(returns) - len(missing),
            )
        if missing:
            yield [
                tuple(getattr(row, name, None) for name in columns)
                for row in (as_row(payment, self._in_cents) for payment in missing)
            ]


class _KnownPayments:
    """The database's payments of the receivables in return files, to find which are new there."""

    def __init__(
        self, mapping: SourceMapping, columns: Sequence[str], returns: Sequence[ReturnPayment]
    ):
        from cobranca.sources.cleaning.cleaner import Cleaner

        self._returns, self._columns = returns, columns
        self._ids = {payment.receivable_id for payment in returns}
        self._cleaner = Cleaner.of(mapping, "payments", columns)
        self._booked: dict[tuple[str, str], list[Booked]] = defaultdict(list)

    def notice(self, chunk: Rows) -> None:
        from cobranca.sources.cleaning.columns import texts

        if not self._ids:
            return
        position = self._columns.index("receivable_id")
        ids = texts([row[position] for row in chunk]).values.to_pylist()
        both = [row for row, key in zip(chunk, ids, strict=True) if key in self._ids]
        if not both:
            return
        for row in self._cleaner.clean(both).rows.to_pylist():
            self._booked[row["receivable_id"], row["kind"]].append(
                Booked(row["paid_on"], int(row["amount"] * 100))
            )

    def missing(self) -> list[ReturnPayment]:
        """The payments that only the return files have.

        Exact amounts are matched before those without interest.
        """
        left = {key: list(booked) for key, booked in self._booked.items()}
        found: set[str] = set()
        for exact in (True, False):
            for payment in self._returns:
                if payment.payment_id in found:
                    continue
                booked = left.get((payment.receivable_id, payment.kind), [])
                near = [item for item in booked if self._same(item, payment, exact)]
                if near:
                    booked.remove(min(near, key=partial(_days_apart, payment)))
                    found.add(payment.payment_id)
        return [
            one for one in self._returns if one.payment_id not in found and one.parent not in found
        ]

    @staticmethod
    def _same(booked: Booked, payment: ReturnPayment, exact: bool) -> bool:
        if _days_apart(payment, booked) > payment.days:
            return False
        return booked.cents == payment.amount if exact else booked.cents in payment.alike


def _days_apart(payment: ReturnPayment, booked: Booked) -> int:
    """Days between two payments; more than any limit where the bank gave no date."""
    if payment.paid_on is None:
        return sys.maxsize
    return abs((booked.paid_on - payment.paid_on).days)
