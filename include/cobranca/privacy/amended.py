"""Comparing a rebuilt night with a batch that an erasure has amended since: byte for byte they can no longer be equal."""

from collections.abc import Iterable

from cobranca.manifest import Manifest


def differing_tables(rebuilt: Manifest, approved: Manifest, erased: Iterable[str]) -> list[str]:
    """The files that differ in anything but the rows of ``erased`` payers, by their keys."""
    names = sorted({entry.name for batch in (rebuilt, approved) for entry in batch.files})
    held = [{entry.name for entry in batch.files} for batch in (rebuilt, approved)]
    return [name for name in names if not all(name in one for one in held) or _differ(rebuilt, approved, name, sorted(erased))]


def _differ(rebuilt: Manifest, approved: Manifest, name: str, erased: list[str]) -> bool:
    import duckdb

    with duckdb.connect() as database:
        columns = []
        for view, batch in (("rebuilt", rebuilt), ("approved", approved)):
            database.read_parquet(str(batch.path(name))).create_view(view)
            columns.append(database.execute(f"select column_name, column_type from (describe {view})").fetchall())
        if columns[0] != columns[1]:
            return True
        others = "where customer_key is null or customer_key not in (select unnest($erased))"
        others = others if "customer_key" in dict(columns[0]) else "where $erased is not null"
        one, other = (f"(select * from {view} {others})" for view in ("rebuilt", "approved"))
        query = f"select exists (({one} except all {other}) union all ({other} except all {one}))"
        return database.execute(query, {"erased": erased}).fetchone()[0]
