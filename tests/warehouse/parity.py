"""Two batches, table by table: what one engine made and the other did not."""

import duckdb

from cobranca.partitions.manifest import Manifest


def differences(one: Manifest, other: Manifest) -> dict[str, list]:
    """The first rows that only one of two batches holds, by table.

    Empty where every table is equal, columns included.
    """
    names = [entry.name for entry in one.files]
    assert names == [entry.name for entry in other.files]
    assert len(names) > 20
    different = {}
    for name in names:
        ours, theirs = f"read_parquet('{one.path(name)}')", f"read_parquet('{other.path(name)}')"
        columns = duckdb.sql(f"select * from {ours} limit 0").columns
        assert columns == duckdb.sql(f"select * from {theirs} limit 0").columns, name
        extra = [
            duckdb.sql(f"select * from {a} except all select * from {b}").fetchall()[:3]
            for a, b in ((ours, theirs), (theirs, ours))
        ]
        if extra != [[], []]:
            different[name] = extra
    return different
