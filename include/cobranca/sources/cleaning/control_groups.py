"""Control totals of what was read, by the codes that the source can count by as well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from cobranca import schema
from cobranca.sources.cleaning.columns import UNREADABLE


@dataclass
class Group:
    """Control totals of the rows that share their codes, in currency units.

    ``amount`` is the sum of their amounts; ``size`` takes every amount as positive, as a reversal
    lands. ``lost`` and ``lost_size`` are the parts of both that no landed column can hold: finer
    than a cent, or too large.
    """

    rows: int = 0
    amount: Decimal = Decimal(0)
    size: Decimal = Decimal(0)
    lost: Decimal = Decimal(0)
    lost_size: Decimal = Decimal(0)


# Control totals of each combination of codes.
Groups: TypeAlias = dict[tuple[str, ...], Group]


def count_rows(
    groups: Groups,
    by: Sequence[str],
    arrays: Mapping[str, pa.Array],
    count: int,
    lost: Mapping[int, Decimal],
) -> None:
    """Add one chunk of ``count`` rows, as it came in, to the control totals.

    ``lost`` holds the amounts that were refused, by row.
    """
    codes = [pc.fill_null(arrays[name].cast(schema.TEXT), UNREADABLE) for name in by]
    amounts = arrays.get("amount", pa.nulls(count, schema.MONEY)).cast(pa.decimal128(38, 2))
    table = pa.table([*codes, amounts, pc.abs(amounts)], names=[*by, "amount", "size"])
    counted = table.group_by(list(by)).aggregate(
        [([], "count_all"), ("amount", "sum"), ("size", "sum")]
    )
    for row in counted.to_pylist():
        group = groups.setdefault(tuple(row[name] for name in by), Group())
        group.rows += row["count_all"]
        group.amount += row["amount_sum"] or 0
        group.size += row["size_sum"] or 0
    for at, number in lost.items():
        group = groups[tuple(array[at].as_py() for array in codes)]
        group.amount += number
        group.size += abs(number)
        group.lost += number
        group.lost_size += abs(number)
