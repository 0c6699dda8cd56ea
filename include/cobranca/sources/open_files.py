"""Open the files of a source: CSV and Parquet in a private DuckDB, and parsed bank return files."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cobranca.sources.drivers.files import FilesSnapshot, load_table
from cobranca.sources.mapping.model import ENTITY_NAMES, SourceMapping

if TYPE_CHECKING:
    import duckdb

    from cobranca.sources.bank_returns.payments import ReturnFileCache, Returns


MEMORY = "512MB"


class SourceFiles(FilesSnapshot):
    """The files of one source, and the payments that its bank return files report."""

    def __init__(
        self,
        mapping: SourceMapping,
        database: "duckdb.DuckDBPyConnection | None",
        returns: "Returns",
    ):
        super().__init__(mapping, database)
        self.returns = returns


@contextmanager
def open_files(
    mapping: SourceMapping, parsed: "ReturnFileCache | None" = None
) -> Iterator[SourceFiles]:
    """Read every file of a source.

    Return files that are in ``parsed`` and have not changed since are not read again.

    Raises:
        FileProblem: a file is missing or cannot be believed; it is named, with the line where there
            is one.
        ConfigError: the folder or the meaning of bank codes is not defined.
    """
    import duckdb

    from cobranca.sources.bank_returns.payments import read_returns

    returns = read_returns(mapping, parsed)
    if all(mapping.entity(entity).from_database for entity in ENTITY_NAMES):
        # Its return files are all there is of files.
        yield SourceFiles(mapping, None, returns)
        return
    with tempfile.TemporaryDirectory(prefix="cobranca-files-") as scratch:
        database = duckdb.connect(
            f"{scratch}/files.duckdb",
            config={
                "memory_limit": MEMORY,
                "threads": 2,
                "temp_directory": f"{scratch}/spill",
                "autoinstall_known_extensions": "false",
            },
        )
        try:
            database.execute("set enable_progress_bar = false")
            for entity in ENTITY_NAMES:
                wanted = mapping.entity(entity)
                if wanted.files:
                    load_table(database, mapping, entity, wanted)
            _load_returns(database, mapping, returns)
            # From here on a query sees these tables and nothing else of this machine.
            database.execute("set enable_external_access = false")
            database.execute("set lock_configuration = true")
            # Open, it needs no name; without one nothing of it is left behind by a process that is
            # killed.
            database.execute("checkpoint")
            os.unlink(f"{scratch}/files.duckdb")
            yield SourceFiles(mapping, database, returns)
        finally:
            database.close()


def _load_returns(
    database: "duckdb.DuckDBPyConnection", mapping: SourceMapping, returns: "Returns"
) -> None:
    """Bank return files as a table, where they are all that is known of payments."""
    from cobranca.sources.bank_returns.payments import as_table

    wanted = mapping.entities.payments
    if wanted.cnab and not wanted.from_database:
        database.register("found", as_table(returns.all, in_cents="amount" in wanted.cents))
        database.execute("create table return_files as select * from found")
        database.unregister("found")
