"""PostgreSQL's rows as Arrow columns, through ADBC.

ADBC decodes them without a Python object for each value.

ADBC connects by itself. So that it reads the same moment, its transaction adopts the snapshot that
SQLAlchemy's connection exports, read only like that one. Numbers with decimals have no exact type
in ADBC and travel as PostgreSQL prints them.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from cobranca import schema
from cobranca.sources.drivers.arrow_columns import Bulk, BulkTable, as_driver_errors, describe_query
from cobranca.sources.drivers.dialects import driver_connection
from cobranca.time_zone import TIME_ZONE_NAME

TABLE_BYTES = 4 << 20

# PostgreSQL's type numbers (pg_type.dat). Dates come as text on the general path too.
_KINDS = {
    20: "whole", 21: "whole", 23: "whole", 26: "whole",
    1700: "decimal", 700: "float", 701: "float", 16: "flag",
    18: "text", 19: "text", 25: "text", 1042: "text", 1043: "text", 2950: "text",
    1082: "text", 1114: "text", 1184: "text",
}  # fmt: skip
_WHOLE, _FLAG, _TEXTS, _DATE, _TIMESTAMP = (20, 21, 23, 26), 16, (19, 25, 1042, 1043), 1082, 1114
# The first number of a company's own types.
_OWN = 16_384
# What landing makes of each column, whatever the entity: only what lands as a date may travel as
# one.
_LANDS = {field.name: field.type for entity in schema.ENTITIES.values() for field in entity}

log = logging.getLogger(__name__)


def open_postgresql(connection: sa.Connection, seconds: int) -> "PostgresReader | None":
    """A reader of this connection's moment.

    ``None`` where the database has no connection left or speaks no UTF-8.
    """
    driver = driver_connection(connection)
    if driver.info.encoding != "utf-8":
        return None
    import adbc_driver_manager

    reader = PostgresReader(connection)
    try:
        reader.connect()
    except adbc_driver_manager.Error as error:
        log.info(
            "no second connection for reading in bulk (%s): rows come one by one",
            error.sqlstate or type(error).__name__,
        )
        reader.close()
        return None
    reader.adopt(seconds)
    return reader


class PostgresReader:
    """One more connection that sees what the first one sees."""

    def __init__(self, connection: sa.Connection):
        self._connection = connection
        self._opened: list[Any] = []

    def connect(self) -> None:
        """Connect as the first connection did, to the very server that it reached.

        Raises:
            adbc_driver_manager.Error: that server refuses.
        """
        import adbc_driver_manager
        import adbc_driver_postgresql
        from psycopg.conninfo import make_conninfo

        info = driver_connection(self._connection).info
        here = {"host": info.host, "hostaddr": info.hostaddr or None, "port": info.port}
        here |= {"password": info.password, "client_encoding": "UTF8"}
        database = adbc_driver_postgresql.connect(make_conninfo(**(info.get_parameters() | here)))
        self._opened.append(database)
        self._adbc = adbc_driver_manager.AdbcConnection(database)
        self._opened.append(self._adbc)

    def adopt(self, seconds: int) -> None:
        """Begin a transaction of the first connection's moment.

        Raises:
            DBAPIError: one of the two cannot.
        """
        snapshot = self._connection.exec_driver_sql("select pg_export_snapshot()").scalar()
        for _ in as_driver_errors(self._connection, self._begin(snapshot, seconds), *_errors()):
            pass

    def _begin(self, snapshot: str | None, seconds: int) -> Iterator[BulkTable]:
        """Adopt the snapshot. Yields nothing: an iterator has its errors explained."""
        self._adbc.set_autocommit(False)
        for statement in (
            "set transaction isolation level repeatable read, read only",
            f"set transaction snapshot '{snapshot}'",
            f"set local statement_timeout = {seconds * 1000}",
            "set local datestyle = 'ISO, YMD'",
            f"set local timezone = '{TIME_ZONE_NAME}'",
        ):
            self._run(statement)
        yield from ()

    def _run(self, text: str) -> None:
        import adbc_driver_manager

        with adbc_driver_manager.AdbcStatement(self._adbc) as statement:
            statement.set_sql_query(text)
            statement.execute_update()

    def read(self, query: str) -> Bulk | None:
        result = describe_query(self._connection, query)
        described: Any = result.cursor
        found = [(item.name, item.type_code) for item in described.description]
        result.close()
        kinds = {name.lower(): kind for name, code in found if (kind := self._kind(code))}
        if len(kinds) < len(found):
            return None
        columns = ", ".join(_travelling(name, code) for name, code in found)
        tables = self._tables(f"select {columns} from (\n{query}\n) q", kinds)
        return Bulk(
            kinds, as_driver_errors(self._connection, tables, *_errors()), self._adbc.cancel
        )

    def _kind(self, type_code: int) -> str | None:
        from psycopg.pq import Format

        # An enum or another type of the company's own, which psycopg gives as the text it is
        # printed as.
        adapters = driver_connection(self._connection).adapters
        own = type_code >= _OWN and adapters.get_loader(type_code, Format.TEXT) is None
        return "text" if own else _KINDS.get(type_code)

    def _tables(self, query: str, kinds: dict[str, str]) -> Iterator[BulkTable]:
        import adbc_driver_manager

        # The reader that keeps the server's code in its errors.
        from adbc_driver_manager._reader import AdbcRecordBatchReader

        with adbc_driver_manager.AdbcStatement(self._adbc) as statement:
            statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(TABLE_BYTES)})
            statement.set_sql_query(query)
            handle, _ = statement.execute_query()
            reader = AdbcRecordBatchReader._import_from_c(handle.address)
            try:
                for batch in reader:
                    columns = zip(kinds.items(), batch.columns, strict=True)
                    wide = {
                        name: column.cast(pa.int64()) if kind == "whole" else column
                        for (name, kind), column in columns
                    }
                    yield BulkTable(kinds, pa.table(wide))
            finally:
                reader.close()

    def close(self) -> None:
        for opened in reversed(self._opened):
            opened.close()
        self._opened = []


def _travelling(name: str, type_code: int) -> str:
    """SQL of one column: in an Arrow type that holds exactly what lands, or as text."""
    column = '"' + name.replace('"', '""') + '"'
    lands = _LANDS.get(name.lower())
    if type_code in _WHOLE or type_code in _TEXTS or type_code == _FLAG:
        return column
    if type_code == _DATE and lands == schema.DATE:
        return _within(column, "date", "9999-12-31")
    if type_code == _TIMESTAMP and lands == schema.TIME:
        return _within(column, "timestamp", "9999-12-31 23:59:59.999999")
    return f"{column}::text as {column}"


def _within(column: str, kind: str, last: str) -> str:
    """SQL by which years unknown to Python, infinity among them, become one that is told apart."""
    return (
        f"case when {column} < {kind} '0001-01-01' or {column} > {kind} '{last}' then {kind} "
        f"'0002-01-01 BC' else {column} end"
    )


def _errors() -> tuple[type[Exception], Callable[[Exception], bool]]:
    """ADBC's own errors, and whether one of them ended the connection."""
    import adbc_driver_manager

    return adbc_driver_manager.Error, _ended_connection


def _ended_connection(error: Exception) -> bool:
    sqlstate = getattr(error, "sqlstate", None)
    return not sqlstate or sqlstate.startswith(("08", "57P"))
