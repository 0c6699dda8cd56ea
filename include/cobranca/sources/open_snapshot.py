"""Open one snapshot of a source, whatever it consists of: a database, files, or both."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from cobranca.sources.drivers.database_connect import open_database
from cobranca.sources.drivers.stream import SourceSnapshot
from cobranca.sources.mapping.model import SourceMapping

if TYPE_CHECKING:
    from cobranca.sources.file_cache import FileCache


@contextmanager
def open_snapshot(
    mapping: SourceMapping, kept: "FileCache | None" = None
) -> Iterator[SourceSnapshot]:
    """Open one moment of a source: its database, its files, or both together.

    Files that are ``kept`` from an earlier moment are read again only where something changed.

    Raises:
        FileProblem: a file is missing or cannot be believed.
        SourceProblem: the database cannot be reached, refuses the login, or fails.
        ConfigError: the connection is not defined or its driver is not installed.
    """
    if not mapping.reads_files:
        with open_database(mapping) as database:
            yield database
        return
    from cobranca.sources.bank_returns.merged_snapshot import MergedSnapshot
    from cobranca.sources.open_files import open_files

    with ExitStack() as stack:
        files = kept.open(mapping) if kept else stack.enter_context(open_files(mapping))
        if not mapping.reads_database:
            yield files
        else:
            yield MergedSnapshot(
                stack.enter_context(open_database(mapping)), files, files.returns, mapping
            )
