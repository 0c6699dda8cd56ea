"""Counts and totals for the quality page: plain numbers and opaque keys, no personal data."""

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict

from validate_docbr import CNPJ, CPF

from cobranca.partitions.manifest import Manifest
from cobranca.quality.arrival import Arrival

if TYPE_CHECKING:
    from cobranca.quality.runner import Files

Facts = dict[str, Any]
"""One figure or group of figures as JSON, read by the page's template by name."""

KEYS_SHOWN = 20
HIDDEN = "(oculta)"
_PLAIN_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/\-]{0,39}")


class ControlFact(TypedDict):
    """A source's own count and sum of an entity in one currency, and what came of them.

    ``rows`` and ``totals`` are stated, landed and in quarantine; ``right`` says that they agree.
    """

    source: str
    entity: str
    currency: str
    right: bool
    rows: list[int]
    totals: list[str] | None


def arrivals_facts(files: "Files", arrivals: list[Arrival], previous: Manifest | None) -> Facts:
    """Rows and totals per source and entity, with those of the previous landing.

    The quarantine is counted by reason.
    """
    return {
        "previous_date": previous.business_date.isoformat() if previous else None,
        "arrivals": [
            _arrival(files, arrival) for arrival in arrivals if arrival.view in files.tables
        ],
        "control": [
            row
            for arrival in arrivals
            if arrival.view in files.tables and arrival.quarantine_view in files.tables
            for row in _control(files, arrival)
        ],
        "quarantine": [
            group
            for arrival in arrivals
            if arrival.quarantine_view in files.tables
            for group in _quarantine(files, arrival.quarantine_view)
        ],
        "repairs": [row for arrival in arrivals for row in _by_rule(arrival, arrival.repairs)],
        "emptied": [row for arrival in arrivals for row in _by_rule(arrival, arrival.emptied)],
    }


def _by_rule(arrival: Arrival, counts: dict[str, int]) -> list[dict[str, object]]:
    """Counts by column and rule as rows, the most frequent first."""
    return [
        {
            "source": arrival.source,
            "entity": arrival.entity,
            "column": name.split()[0],
            "rule": name.split()[1],
            "rows": rows,
        }
        for name, rows in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def plan_facts(files: "Files", landing_batch: str | None) -> Facts:
    """Open receivables by decision and reason, messages and calls.

    ``landing_batch`` is the landing from which they were made.
    """
    return {
        "landing_batch": landing_batch,
        "decisions": _texts(
            files,
            {"fct_decisions"},
            """
            select decision, currency, count(*) as receivables,
                count(distinct customer_key) as customers,
                sum(open_amount) as open_amount, sum(amount_due) as amount_due
            from fct_decisions group by decision, currency order by decision, currency
            """,
        ),
        "reasons": _texts(
            files,
            {"fct_decisions"},
            """
            select reason, count(*) as receivables
            from fct_decisions where decision = 'none'
            group by reason order by receivables desc, reason
            """,
        ),
        "messages": _texts(
            files,
            {"out_reminders"},
            "select count(distinct message_key) as messages from out_reminders",
        ),
        "calls": _texts(files, {"out_call_queue"}, "select count(*) as calls from out_call_queue"),
    }


def _arrival(files: "Files", arrival: Arrival) -> Facts:
    unread = 0
    if arrival.quarantine_view in files.tables:
        unread = files.rows(f"select count(*) as rows from {arrival.quarantine_view}")[0]["rows"]
    return {
        "source": arrival.source,
        "entity": arrival.entity,
        "rows": files.rows(f"select count(*) as rows from {arrival.view}")[0]["rows"],
        "reading": {
            "how": arrival.reading,
            "changed": arrival.changed,
            "left": arrival.left,
            "swept": arrival.swept,
        },
        "previous_rows": arrival.previous_rows,
        "quarantined": unread,
        "totals": {
            name: [str(total), _text(arrival.previous_totals.get(name))]
            for name, total in sorted(arrival.declared.items())
        },
    }


def _control(files: "Files", arrival: Arrival) -> list[ControlFact]:
    """What the source states, what landed and what went to quarantine of it, by currency."""
    # An amount below zero is no payment, and its row stands in quarantine; a reversal lands
    # positive.
    money = {"customers": "null::decimal", "receivables": "amount", "payments": "abs(amount)"}[
        arrival.entity
    ]
    currency = "coalesce(currency, '?')" if arrival.entity == "receivables" else "''"
    counted = {
        (table, row["currency"]): row
        for table in (arrival.view, arrival.quarantine_view)
        for row in files.rows(
            f"select {currency} as currency, count(*) as rows, sum({money}) as total from {table} "
            "group by 1"
        )
    }
    none = {"rows": 0, "total": None}
    found = []
    for name, stated in sorted(arrival.stated.items()):
        landed, refused = (
            counted.get((table, name), none) for table in (arrival.view, arrival.quarantine_view)
        )
        sums = [part["total"] or Decimal(0) for part in (landed, refused)]
        right = stated.rows == landed["rows"] + refused["rows"]
        if stated.total is not None:
            right = right and stated.total == sum(sums) + stated.lost
        found.append(
            ControlFact(
                source=arrival.source,
                entity=arrival.entity,
                currency=name,
                right=right,
                rows=[stated.rows, landed["rows"], refused["rows"]],
                totals=None
                if stated.total is None
                else [str(stated.total), str(sums[0]), str(sums[1] + stated.lost)],
            )
        )
    return found


def _quarantine(files: "Files", view: str) -> list[Facts]:
    groups = files.rows(
        f"""
        select source, entity, column_name, reason, count(*) as rows, count(record_key) as with_key,
               list(record_key order by record_key)
                   filter (where record_key is not null)[1:{KEYS_SHOWN}] as keys
        from {view} group by source, entity, column_name, reason
        order by rows desc, entity, column_name, reason
        """
    )
    amounts = files.rows(
        f"""
        select column_name, reason, currency, sum(amount) as amount from {view}
        where amount is not null group by column_name, reason, currency order by currency
        """
    )
    return [
        group
        | {
            "keys": [shown_key(key) for key in group["keys"] or []],
            "more_keys": group["with_key"] - len(group["keys"] or []),
            "amounts": [
                {"currency": row["currency"], "amount": str(row["amount"])}
                for row in amounts
                if (row["column_name"], row["reason"]) == (group["column_name"], group["reason"])
            ],
        }
        for group in groups
    ]


def shown_key(key: str) -> str:
    """A record's key as it may be shown; one that is no plain code, or a CPF or CNPJ, is hidden."""
    document = re.sub(r"[^0-9A-Z]", "", key.upper())
    personal = (len(document) == 11 and CPF().validate(document)) or (
        len(document) == 14 and CNPJ().validate(document)
    )
    return key if _PLAIN_KEY.fullmatch(key) and not personal else HIDDEN


def _texts(files: "Files", needs: set[str], query: str) -> list[Facts]:
    """Rows as JSON can hold them; amounts as text.

    Nothing where a table is missing or lacks a column.
    """
    import duckdb

    if not needs <= files.tables:
        return []
    try:
        rows = files.rows(query)
    except duckdb.Error:
        return []
    return [{name: _text(value) for name, value in row.items()} for row in rows]


def _text(value: object) -> object:
    """Amounts and dates as text, all else as it is."""
    return str(value) if isinstance(value, (Decimal, date)) else value
