"""Watch one database connection: explain its failures, and cut it when its server falls silent."""

import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from cobranca.sources.drivers import dialect_errors, dialects
from cobranca.sources.drivers.arrow_columns import ProtocolError
from cobranca.sources.drivers.database_errors import explain_query
from cobranca.sources.drivers.dialects import driver_connection
from cobranca.sources.drivers.prefetch import ServerTimeout
from cobranca.sources.drivers.stream import T
from cobranca.sources.mapping.model import SourceMapping
from cobranca.sources.source_problem import SourceProblem


class ConnectionWatchdog:
    """Does work on one connection of a source, within the source's patience.

    ``patience`` is how many seconds a server may stay silent; ``is_silent`` that one did.
    """

    def __init__(self, connection: sa.Connection, mapping: SourceMapping):
        self._connection, self._mapping = connection, mapping
        self._dialect = connection.dialect.name
        self.patience = mapping.statement_timeout_seconds + dialects.SILENCE_SECONDS
        self.is_silent = False

    def attempt(self, entity: str, work: Callable[[], T], *, watched: bool = True) -> T:
        """Do some work on the connection.

        Raises:
            SourceProblem: it failed, was ended, or the server fell silent.
        """
        try:
            with self._watch() if watched else nullcontext():
                return work()
        except (SQLAlchemyError, sqlite3.Error, OSError, ServerTimeout) as error:
            problem, cure = self._explain(error)
        # Raised outside the handler: the driver's text, which may quote a row, is no part of the
        # chain.
        raise SourceProblem(f"source '{self._mapping.source}', {entity}", problem, cure)

    def _watch(self) -> AbstractContextManager[None]:
        if self._dialect != "postgresql":
            return nullcontext()
        return cut_after(self.patience, self._connection, lambda: setattr(self, "is_silent", True))

    def _explain(self, error: BaseException) -> tuple[str, str]:
        original = getattr(error, "orig", None) or error
        self.is_silent |= isinstance(error, ServerTimeout)
        if self.is_silent or (
            dialect_errors.number_of(original) == 2013 and "timed out" in str(original)
        ):
            return (
                f"the database has not answered for {self.patience} s",
                (
                    "nothing of this source was landed; see whether its server lives, then run "
                    "this step again"
                ),
            )
        if isinstance(error, ProtocolError):
            return (
                f"the database sent {error}",
                "correct that row, or have the query leave out what makes it so",
            )
        return explain_query(error, self._dialect, self._mapping)


@contextmanager
def cut_after(
    seconds: float, connection: sa.Connection, note: Callable[[], None]
) -> Iterator[None]:
    """Cut a PostgreSQL connection when the work inside takes longer; ``note`` is called first.

    psycopg itself would wait for ever for a server that has fallen silent.
    """
    descriptor = driver_connection(connection).pgconn.socket

    def cut() -> None:
        note()
        with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as copy:
            copy.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
