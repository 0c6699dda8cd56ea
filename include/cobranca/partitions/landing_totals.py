"""Names of the totals that a landing's manifest entries carry, and how they are read back.

The strings are stored in manifests: they never change.
"""

from decimal import Decimal, InvalidOperation

from cobranca.errors import PartitionError
from cobranca.partitions.manifest import FileEntry, Manifest


def read_by_changes(landed: Manifest) -> list[str]:
    """Which entities were not read whole, in words: how many rows were read, and how many left."""
    found = {
        entry.name.removesuffix(".parquet").replace("/", " "): entry.totals
        for entry in landed.files
    }
    return [
        f"{name} by changes: {totals[CHANGED]} read, {totals[LEFT]} gone"
        for name, totals in found.items()
        if CHANGED in totals
    ]


# Names in a manifest entry's totals.
COLUMNS, QUERY, NEW, LEFT_OUT, GONE = (
    "columns",
    "columns query",
    "columns new",
    "columns left out",
    "columns gone",
)

# Names in a manifest entry's totals, each followed by the currency where the entity has one: what
# the source itself counted and added in the landing's own moment, and what of that no landed column
# can hold (finer than a cent, too large).
SOURCE_ROWS, SOURCE_SUM, SOURCE_LOST = "source rows", "source sum", "source sum not landable"

# Names in a manifest entry's totals.
READING, WATERMARK, WHOLE_ON, RULES = "reading", "watermark", "read whole on", "reading rules"

CHANGED, LEFT, SWEPT = "rows changed", "rows left", "keys compared"

# Name in a manifest entry's totals: the columns of keys that came unpadded.
AS_STORED = "keys as stored"

QUARANTINE_SUFFIX = "__quarantine"

# in a manifest entry: how often cleaning wrote a value differently, by column and rule
REPAIRED = "repaired "

# in a manifest entry: how often it left an optional value empty, by column and reason
EMPTIED = "note "


def control_totals(entry: FileEntry) -> dict[str, Decimal]:
    """The totals of money among an entry's totals (``amount BRL``), exact."""
    found = {}
    for name, text in entry.totals.items():
        if name.startswith("amount "):
            try:
                found[name] = Decimal(text)
            except InvalidOperation:
                raise PartitionError(
                    f"{entry.name} declares the control total '{name}', which is no number; land "
                    "it again."
                ) from None
    return found
