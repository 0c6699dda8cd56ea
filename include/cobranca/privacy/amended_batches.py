"""Compare a rebuilt night with a batch that an erasure has amended since.

Byte for byte they can no longer be equal.
"""

from collections.abc import Iterable

from cobranca.errors import CobrancaError
from cobranca.partitions.manifest import Manifest
from cobranca.redaction.erasure_registry import read_erasures
from cobranca.settings import Settings


def compare_amended(settings: Settings, rebuilt: Manifest, approved: Manifest) -> str:
    """Compare a rebuilt night with an amended batch; returns a sentence that says they are equal.

    Raises:
        CobrancaError: they differ in more than the rows of erased payers.
    """
    amended = (
        f"the approved batch {approved.batch_id}, from which an erasure has taken personal "
        "data since"
    )
    different = differing_tables(rebuilt, approved, read_erasures(settings).keys)
    if different:
        raise CobrancaError(
            f"{approved.business_date}: but for the rows of erased payers, batch "
            f"{rebuilt.batch_id} differs from {amended}, in: {', '.join(different)}. Who is no "
            "longer called leaves room in the queue for others; anything else means that its "
            "landing, its policy or the models have changed since."
        )
    return f"{approved.business_date}: equal, but for the rows of erased payers, to {amended}."


def differing_tables(rebuilt: Manifest, approved: Manifest, erased: Iterable[str]) -> list[str]:
    """The files that differ in anything but the rows of ``erased`` payers, by their keys."""
    names = sorted({entry.name for batch in (rebuilt, approved) for entry in batch.files})
    held = [{entry.name for entry in batch.files} for batch in (rebuilt, approved)]
    return [
        name
        for name in names
        if not all(name in one for one in held) or _differ(rebuilt, approved, name, sorted(erased))
    ]


def _differ(rebuilt: Manifest, approved: Manifest, name: str, erased: list[str]) -> bool:
    import duckdb

    with duckdb.connect() as database:
        columns = []
        for view, batch in (("rebuilt", rebuilt), ("approved", approved)):
            database.read_parquet(str(batch.path(name))).create_view(view)
            columns.append(
                database.execute(
                    f"select column_name, column_type from (describe {view})"
                ).fetchall()
            )
        if columns[0] != columns[1]:
            return True
        others = "where customer_key is null or customer_key not in (select unnest($erased))"
        others = others if "customer_key" in dict(columns[0]) else "where $erased is not null"
        one, other = (f"(select * from {view} {others})" for view in ("rebuilt", "approved"))
        query = f"select exists (({one} except all {other}) union all ({other} except all {one}))"
        [(differ,)] = database.execute(query, {"erased": erased}).fetchall()
        return bool(differ)
