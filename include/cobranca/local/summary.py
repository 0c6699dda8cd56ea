"""Summary of one night: what was made, where it lies, and whether its counts tie to each other."""

from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from cobranca.partitions.manifest import FileEntry, Manifest, read_manifest
from cobranca.partitions.outbound_partition import read_batch
from cobranca.settings import Settings

SENT = ("sent", "delivered", "undelivered", "bounced")


def messages_sent(settings: Settings, business_date: date) -> int:
    """How many messages of a date have left, by the ledger."""
    return sum(state in SENT for state in _contacts(settings, business_date).values())


def summarise(settings: Settings, business_date: date, sent_before: int) -> tuple[list[str], bool]:
    """Lines to print, and whether every pair of counts that must be equal is.

    ``sent_before`` is what had left before this run.

    Raises:
        PartitionError: the night has no approved plan, no queues or no report.
    """
    night = _Night(settings, business_date)
    lines = [f"The night of {business_date}, plan {night.batch.batch_id}:", ""]
    lines += (
        night.decisions()
        + night.messages(sent_before)
        + night.queues()
        + night.report()
        + night.since_last()
    )
    lines += ["", "Open:", *night.places()]
    return lines, night.ties


class _Night:
    """One night's files, read with DuckDB without the warehouse."""

    def __init__(self, settings: Settings, business_date: date) -> None:
        import duckdb

        self.settings, self.day = settings, business_date
        self.batch = read_batch(settings, business_date)
        self.ties = True
        self._database = duckdb.connect()

    def decisions(self) -> list[str]:
        receivables, amount = self._totals("fct_receivables")
        decisions, decided = self._totals("fct_decisions")
        tie = self._tie((receivables, amount) == (decisions, decided))
        kinds = self._rows(
            f"select decision, count(*) from {self._table('fct_decisions')} group by 1 order by 2 "
            "desc, 1",
        )
        lines = [
            _line(
                "Receivables",
                f"{receivables:,} open = {decisions:,} decisions; {_money(amount)} = "
                f"{_money(decided)} {tie}",
            ),
            _line("Decisions", " · ".join(f"{count:,} {kind}" for kind, count in kinds)),
        ]
        reasons = self._rows(
            f"""
            select reason, count(*) from {self._table("fct_decisions")} where decision = 'none'
            group by 1 order by 2 desc, 1 limit 4
            """
        )
        return [*lines, *[_line("", f"{count:,} none: {reason}") for reason, count in reasons]]

    def messages(self, sent_before: int) -> list[str]:
        plan = {
            key
            for (key,) in self._rows(
                f"select distinct message_key from {self._table('out_reminders')}"
            )
        }
        contacts = _contacts(self.settings, self.day)
        states = Counter(state for key, state in contacts.items() if key in plan)
        left = sum(state in SENT for state in contacts.values())
        # The outbox writes one .eml a message; a provider keeps its own.
        folder = self.settings.folder("outbox", self.day)
        files = len(list(folder.glob("*.eml"))) if self.settings.delivery == "outbox" else left
        tie = self._tie(len(plan) == states.total() and files == left)
        parts = " + ".join(f"{count:,} {state}" for state, count in sorted(states.items())) or "0"
        lines = [
            _line(
                "Messages",
                f"{len(plan):,} planned = {parts} in the ledger; {files:,} letters in the outbox "
                f"{tie}",
            )
        ]
        if earlier := len(contacts) - states.total():
            lines.append(
                _line("", f"{earlier:,} more contacts belong to an earlier plan of this date")
            )
        new = left - sent_before
        if not left:
            text = "0 new messages: no one is contacted on this date"
        elif not new:
            text = f"0 new messages: all {left:,} of this date were already sent"
        else:
            text = f"{new:,} new messages"
        return [*lines, _line("", text)]

    def queues(self) -> list[str]:
        payers = self._one(f"select count(*) from {self._table('out_call_queue')}")
        books = self._books()
        rows = sum(entry.rows for entry in books)
        tie = self._tie(payers == rows)
        return [
            _line(
                "Call queues",
                f"{payers:,} payers to call = {rows:,} rows in {len(books)} workbooks {tie}",
            ),
            self._cases(),
        ]

    def _cases(self) -> str:
        cases, amount = self._totals("out_escalations")
        (book,) = self._workbooks("casos_")
        listed = Decimal(book.totals.get("open_amount BRL", "0"))
        tie = self._tie((cases, amount) == (book.rows, listed))
        return _line("Cases", f"{cases:,} for a person to decide, {_money(amount)} open {tie}")

    def report(self) -> list[str]:
        # Of several creditors the first book is that of all.
        aging = self._table("rpt_aging")
        reported = self._one(
            f"select coalesce(sum(open_amount), 0) from {aging} where currency = 'BRL' and basis = "
            f"'effective' and creditor = (select min(creditor) from {aging})"
        )
        marts = self._one(
            f"select coalesce(sum(open_amount), 0) from {self._table('fct_receivables')} where "
            "currency = 'BRL'"
        )
        tie = self._tie(reported == marts)
        return [
            _line(
                "Finance report",
                f"{_money(reported)} open in the report = {_money(marts)} in the receivables {tie}",
            )
        ]

    def since_last(self) -> list[str]:
        """How last night's contacts and answers changed tonight's decisions.

        Empty on the first night.
        """
        earlier = self._previous_batch()
        if earlier is None:
            return []
        landed = read_manifest(self.settings.folder("landing", self.day, "feedback"))
        count = {
            name: landed.entry(f"{name}.parquet").rows
            for name in ("contacts", "outcomes", "promises", "agreements")
        }
        contacted, paid, other = self._rows(
            f"""
            select
                count(*),
                count(*) filter (where tonight.receivable_key is null),
                count(*) filter (
                    where tonight.decision is distinct from before.decision
                    and tonight.receivable_key is not null
                )
            from read_parquet('{earlier.path("fct_decisions.parquet")}') as before
            left join {self._table("fct_decisions")} as tonight
                on tonight.receivable_key = before.receivable_key
            where before.decision in ('remind', 'call')
            """
        )[0]
        known = ", ".join(f"{number:,} {name}" for name, number in count.items())
        return [
            _line("The loop", f"known from earlier nights: {known}"),
            _line(
                "",
                f"of {contacted:,} receivables contacted on {earlier.business_date}, {paid:,} are "
                f"no longer open and {other:,} have another decision tonight",
            ),
        ]

    def places(self) -> list[str]:
        outbox = self.settings.folder("outbox", self.day)
        letters = sorted(path for path in outbox.glob("*.html") if path.name != "index.html")
        lines = []
        if letters:
            lines += [
                _line("a message", _uri(letters[0])),
                _line("all messages", _uri(outbox / "index.html")),
            ]
        books = self._queues().folder
        lines += [
            _line(f"queue, {entry.rows} payers", _uri(books / entry.name))
            for entry in self._books()
        ]
        lines += [_line("cases", _uri(books / book.name)) for book in self._workbooks("casos_")]
        lines.append(
            _line(
                "finance report",
                _uri(self.settings.folder("reports", self.day) / "financeiro.html"),
            )
        )
        lines.append(
            _line("quality page", _uri(self.settings.folder("quality", self.day) / "index.html"))
        )
        return lines

    def _queues(self) -> Manifest:
        return read_manifest(self.settings.folder("queues", self.day))

    def _books(self) -> list[FileEntry]:
        return self._workbooks("fila_")

    def _workbooks(self, start: str) -> list[FileEntry]:
        files = self._queues().files
        return [file for file in files if file.name.startswith(start) and ".xlsx" in file.name]

    def _previous_batch(self) -> Manifest | None:
        folders = (path.name for path in (self.settings.data / "outbound").iterdir())
        earlier = [name for name in folders if name < self.day.isoformat()]
        known = [
            name
            for name in earlier
            if (self.settings.data / "outbound" / name / "manifest.json").exists()
        ]
        return read_manifest(self.settings.data / "outbound" / max(known)) if known else None

    def _totals(self, table: str) -> tuple[int, Decimal]:
        """Rows, and the open amount in BRL: amounts of different currencies are never added."""
        query = (
            "select count(*), coalesce(sum(open_amount) filter (where currency = 'BRL'), 0) "
            f"from {self._table(table)}"
        )
        [(rows, amount)] = self._rows(query)
        return rows, amount

    def _table(self, name: str) -> str:
        return f"read_parquet('{self.batch.path(f'{name}.parquet')}')"

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._database.execute(query).fetchall()

    def _one(self, query: str) -> Any:
        return self._rows(query)[0][0]

    def _tie(self, equal: bool) -> str:
        self.ties = self.ties and equal
        return "(ties)" if equal else "(DOES NOT TIE)"


def _contacts(settings: Settings, business_date: date) -> dict[str, str]:
    """The state of each message of a date, by its key."""
    import sqlalchemy as sa

    from cobranca.ledger import open_ledger
    from cobranca.ledger.tables import contacts

    engine = open_ledger(settings.ledger)
    try:
        with engine.connect() as ledger:
            query = sa.select(contacts.c.message_key, contacts.c.state).where(
                contacts.c.business_date == business_date
            )
            return dict(ledger.execute(query).all())
    finally:
        engine.dispose()


def _line(name: str, what: str) -> str:
    return f"  {name:<18} {what}"


def _money(amount: Decimal) -> str:
    from cobranca.money import format_number

    return f"R$ {format_number(amount)}"


def _uri(path: Path) -> str:
    return path.absolute().as_uri()
