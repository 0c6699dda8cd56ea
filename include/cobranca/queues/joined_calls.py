"""What other creditors ask on a call: lines below the one of the call, answered each by itself.

The agent calls once. A line has the key of the call and the creditor, ``<message_key>:<creditor>``.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import cast

from cobranca.queues.queue_row import QueueRow

JOINED = "out_joined_calls.parquet"
_SEPARATOR = ":"
_OWN = (
    "creditor", "currency", "receivables", "open_amount", "amount_due", "oldest_due_date",
    "days_past_due", "aging_band", "episode_key", "step", "step_offset", "template",
    "policy_version", "max_discount_rate", "max_installments",
)  # fmt: skip


def key_of_call(key: str) -> str:
    """The key of the call to which a line belongs."""
    return key.partition(_SEPARATOR)[0]


def read_joined(path: Path, calls: Iterable[QueueRow]) -> dict[str, list[QueueRow]]:
    """The lines of other creditors below those of some calls, by the call's key.

    A plan of before calls were shared has none.
    """
    import pyarrow.parquet as pq

    by_key = {row["message_key"]: row for row in calls}
    found: dict[str, list[QueueRow]] = defaultdict(list)
    if by_key and path.exists():
        chosen = [("message_key", "in", list(by_key))]
        rows = pq.read_table(path, filters=chosen).sort_by("creditor").to_pylist()
        for row in rows:
            found[row["message_key"]].append(_line(by_key[row["message_key"]], row))
    return found


def _line(call: QueueRow, row: Mapping[str, object]) -> QueueRow:
    """The line of one creditor: the payer and the agent are the call's, the rest is its own."""
    own = {name: row[name] for name in _OWN}
    amounts = {name: Decimal(str(row[name])) for name in ("open_amount", "amount_due")}
    alone = {"other_currencies": None, "other_creditors": None, "is_joined": True}
    key = f"{call['message_key']}{_SEPARATOR}{row['creditor']}"
    return cast("QueueRow", {**call, **own, **amounts, **alone, "message_key": key})
