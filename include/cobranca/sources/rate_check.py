"""What the rates of fine and interest in a source come to, for ``cobranca check``.

A rate in the wrong unit asks for a hundredfold. So every value in the source is shown by what it
means in money before anybody is asked for it.
"""

from collections.abc import Sequence
from decimal import Decimal

from cobranca.money import format_rate
from cobranca.sources.cleaning.bounds import Bounds
from cobranca.sources.cleaning.columns import rates
from cobranca.sources.drivers.stream import SourceSnapshot
from cobranca.sources.mapping.model import RATE_COLUMNS, SourceMapping

ASKED = {"fine_rate": "fine", "monthly_interest_rate": "interest in 30 days"}
MOST_SHOWN = 5


def describe_rates(
    snapshot: SourceSnapshot,
    mapping: SourceMapping,
    query: str,
    columns: Sequence[str],
    bounds: Bounds,
) -> tuple[str, ...]:
    """One line for each rate column of the receivables that holds something.

    Raises:
        SourceProblem: the query cannot be read.
    """
    return tuple(
        line
        for name in RATE_COLUMNS["receivables"]
        if name in columns
        for line in _described(snapshot, mapping, query, name, bounds)
    )


def _described(
    snapshot: SourceSnapshot, mapping: SourceMapping, query: str, name: str, bounds: Bounds
) -> list[str]:
    grouped = f"{name} is not null group by {name}"
    asked = snapshot.part(query, f"{name}, count(*)", grouped)
    rows = [(value, int(str(count))) for value, count in snapshot.rows("receivables", asked)]
    is_percent = name in mapping.hundredths("receivables")
    found = rates([row[0] for row in rows], is_percent=is_percent).values.to_pylist()
    highest = dict(bounds.highest_rates).get(name, Decimal(1))
    used: list[tuple[Decimal, int]] = []
    refused: list[str] = []
    set_aside = 0
    for (raw, count), rate in zip(rows, found, strict=True):
        if rate is not None and rate <= highest:
            used.append((rate, count))
        elif str(raw).strip():
            refused.append(str(raw))
            set_aside += count
    lines = [f"{name} {_in_money(name, sorted(used), mapping)}"] if used else []
    if refused:
        shown = ", ".join(sorted(refused)[:MOST_SHOWN]) + (", …" if refused[MOST_SHOWN:] else "")
        lines.append(
            f"{name} of {set_aside} rows is set aside ({shown}): read as {mapping.rates}, and "
            f"more than {format_rate(highest)} is not believed; correct it there, or say "
            "'rates: percent' in the source's file"
        )
    return lines


def _in_money(name: str, used: list[tuple[Decimal, int]], mapping: SourceMapping) -> str:
    rows = sum(count for _, count in used)
    middle, passed = used[0][0], 0
    for rate, count in used:
        middle, passed = rate, passed + count
        if passed * 2 >= rows:
            break
    shown = (used[0][0], middle, used[-1][0])
    amounts = ", ".join(f"{rate * 1000:.2f}" for rate in shown)
    return (
        f"of {rows} rows, read as {mapping.rates}: smallest, median and largest are "
        f"{', '.join(map(format_rate, shown))}; {ASKED[name]} on R$ 1000.00: R$ {amounts}"
    )
