"""Adapters of the warehouse engines: load Parquet as ``raw`` tables, export tables as Parquet.

Everything between the two is dbt's, the same SQL on each engine.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import URL, make_url

from cobranca.errors import BuildFailed, ConfigError
from cobranca.schema import RAW
from cobranca.settings import PROJECT_ROOT

if TYPE_CHECKING:
    import duckdb
    import psycopg

RAW_SCHEMA = "raw"
SCHEMAS = (RAW_SCHEMA, "staging", "intermediate", "marts", "finance", "outbound")
MODELS = PROJECT_ROOT / "dbt" / "models"
_SQL_TYPES = {
    pa.string(): "text",
    pa.date32(): "date",
    pa.bool_(): "boolean",
    pa.int32(): "integer",
}
_PARQUET = "(format parquet, compression zstd)"


# A table by schema and name, and the columns of its key.
Published = tuple[str, Sequence[str]]


class Warehouse(Protocol):
    """What the build needs of an engine."""

    def dbt_environment(self) -> dict[str, str]:
        """The variables that ``dbt/profiles.yml`` reads."""

    def load(self, tables: Mapping[str, Sequence[Path]]) -> None:
        """Replace ``raw.<table>`` by the rows of these Parquet files; none make it empty."""

    def export(self, tables: Mapping[str, Published], folder: Path) -> dict[str, int]:
        """Write each table, sorted by its key, to ``<name>.parquet``; how many rows each has."""

    def empty(self) -> None:
        """Remove all tables of the nights and free their disk space, deleted rows included.

        The next build makes them again.
        """


def open_warehouse(url: str) -> Warehouse:
    """Choose the adapter by the URL's scheme.

    Raises:
        ConfigError: the URL names no path or database.
    """
    parsed = make_url(url)
    if not parsed.database:
        raise ConfigError(
            "COBRANCA_WAREHOUSE names no database; write duckdb:///path or "
            "postgresql://user:password@host:port/database."
        )
    if parsed.drivername == "duckdb":
        return DuckDBWarehouse(Path(parsed.database))
    return PostgresWarehouse(parsed)


def sql_type(kind: pa.DataType) -> str:
    """An Arrow type of :mod:`cobranca.schema` in SQL that both engines read."""
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    return _SQL_TYPES[kind]


def quoted(path: Path) -> str:
    """A path as an SQL literal."""
    return "'" + str(path).replace("'", "''") + "'"


def empty_table(table: str) -> str:
    """A select of no rows with the table's columns."""
    columns = ", ".join(
        f"cast(null as {sql_type(field.type)}) as {field.name}" for field in RAW[table]
    )
    return f"select {columns} where false"


def from_parquet(table: str, files: Sequence[Path]) -> str:
    """A DuckDB select over landed files, with exactly the columns of the contract.

    A column that did not exist yet when a past night landed is empty, so that the night can still
    be rebuilt.
    """
    if not files:
        return empty_table(table)
    present = {name for file in files for name in pq.read_schema(file).names}
    columns = ", ".join(
        f"cast({field.name if field.name in present else 'null'} as {sql_type(field.type)}) as "
        f"{field.name}"
        for field in RAW[table]
    )
    return (
        f"select {columns} from read_parquet([{', '.join(quoted(file) for file in files)}], "
        "union_by_name = true)"
    )


class DuckDBWarehouse:
    """One file, one writing process. Landed files are read in place through views."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def dbt_environment(self) -> dict[str, str]:
        scratch = self.path.with_suffix(".tmp")
        scratch.mkdir(exist_ok=True)
        return {
            "COBRANCA_DBT_TARGET": "duckdb",
            "COBRANCA_DBT_PATH": str(self.path),
            "COBRANCA_DBT_TEMP": str(scratch),
        }

    def load(self, tables: Mapping[str, Sequence[Path]]) -> None:
        with self._connect() as connection:
            connection.execute(f"create schema if not exists {RAW_SCHEMA}")
            for table, files in tables.items():
                connection.execute(
                    f"create or replace view {RAW_SCHEMA}.{table} as {from_parquet(table, files)}"
                )

    def export(self, tables: Mapping[str, Published], folder: Path) -> dict[str, int]:
        rows = {}
        with self._connect() as connection:
            for name, (relation, key) in tables.items():
                select = f"select * from {relation} order by {', '.join(key)}"
                path = quoted(folder / f"{name}.parquet")
                rows[name] = _copy_rows(connection, f"copy ({select}) to {path} {_PARQUET}")
        return rows

    def empty(self) -> None:
        shutil.rmtree(self.path.with_suffix(".tmp"), ignore_errors=True)
        for path in (self.path, self.path.with_name(f"{self.path.name}.wal")):
            path.unlink(missing_ok=True)

    def _connect(self) -> "duckdb.DuckDBPyConnection":
        import duckdb

        connection = duckdb.connect(str(self.path))
        connection.execute(f"set memory_limit = '{memory_limit()}'")
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"set temp_directory = {quoted(self.path.with_suffix('.tmp'))}")
        return connection


class PostgresWarehouse:
    """A database on a server. Rows travel through COPY, so that no value passes through a float."""

    def __init__(self, url: URL) -> None:
        self.url = url.set(drivername="postgresql")

    def dbt_environment(self) -> dict[str, str]:
        return {
            "COBRANCA_DBT_TARGET": "postgres",
            "COBRANCA_DBT_HOST": self.url.host or "localhost",
            "COBRANCA_DBT_PORT": str(self.url.port or 5432),
            "COBRANCA_DBT_USER": self.url.username or "",
            "COBRANCA_DBT_PASSWORD": self.url.password or "",
            "COBRANCA_DBT_DATABASE": self.url.database or "",
        }

    def load(self, tables: Mapping[str, Sequence[Path]]) -> None:
        with (
            tempfile.TemporaryDirectory() as scratch,
            self._connect() as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(f"create schema if not exists {RAW_SCHEMA}")
            for table, files in tables.items():
                columns = ", ".join(f"{field.name} {sql_type(field.type)}" for field in RAW[table])
                # The staging views lean on the raw tables; dbt makes them again right after.
                cursor.execute(f"drop table if exists {RAW_SCHEMA}.{table} cascade")
                cursor.execute(f"create table {RAW_SCHEMA}.{table} ({columns})")
                if files:
                    csv = Path(scratch) / f"{table}.csv"
                    _in_duckdb(
                        f"copy ({from_parquet(table, files)}) to {quoted(csv)} (format csv, "
                        "header false, nullstr '\\N')"
                    )
                    copying = f"copy {RAW_SCHEMA}.{table} from stdin (format csv, null '\\N')"
                    with cursor.copy(copying) as copy, csv.open("rb") as file:
                        while block := file.read(1 << 20):
                            copy.write(block)
                    csv.unlink()
                    cursor.execute(f"analyze {RAW_SCHEMA}.{table}")

    def export(self, tables: Mapping[str, Published], folder: Path) -> dict[str, int]:
        return {
            name: self._export(relation, key, folder / f"{name}.parquet")
            for name, (relation, key) in tables.items()
        }

    def _export(self, relation: str, key: Sequence[str], path: Path) -> int:
        schema, table = relation.split(".")
        with (
            tempfile.TemporaryDirectory() as scratch,
            self._connect() as connection,
            connection.cursor() as cursor,
        ):
            columns = cursor.execute(
                """
                select column_name, data_type, numeric_precision, numeric_scale
                from information_schema.columns
                where table_schema = %s and table_name = %s
                order by ordinal_position
                """,
                (schema, table),
            ).fetchall()
            texts = {name for name, kind, *_ in columns if kind in ("text", "character varying")}
            order = ", ".join(f'{name} collate "C"' if name in texts else name for name in key)
            vague = [
                name
                for name, kind, precision, _ in columns
                if kind == "numeric" and precision is None
            ]
            if vague:
                # It would be exported with a guessed scale.
                raise BuildFailed(
                    f"{relation} has amounts of no declared scale: {', '.join(vague)}; cast them "
                    "to decimal(p, s) in the model."
                )
            csv = Path(scratch) / "table.csv"
            with (
                cursor.copy(
                    f"copy (select * from {relation} order by {order}) to stdout (format csv, "
                    "null '\\N')"
                ) as copy,
                csv.open("wb") as file,
            ):
                for block in copy:
                    file.write(block)
            types = ", ".join(
                f"'{name}': '{_duckdb_type(kind, precision, scale)}'"
                for name, kind, precision, scale in columns
            )
            return _in_duckdb(
                f"""
                copy (
                    select * from read_csv(
                        {quoted(csv)}, auto_detect = false, header = false, nullstr = '\\N',
                        delim = ',', quote = '"', escape = '"', columns = {{{types}}}
                    )
                ) to {quoted(path)} {_PARQUET}
                """
            )

    def empty(self) -> None:
        # Dropping a table frees its file; rows deleted would stay in it. The database may also hold
        # tables of others, which stay.
        ours = {*RAW, *(path.stem for path in MODELS.rglob("*.sql"))}
        there = (
            "select table_schema, table_name, table_type from information_schema.tables where "
            "table_schema = any(%s)"
        )
        with self._connect() as connection:
            for schema, name, kind in connection.execute(there, [list(SCHEMAS)]).fetchall():
                if name in ours:
                    connection.execute(
                        f"drop {'view' if kind == 'VIEW' else 'table'} if exists {schema}.{name} "
                        "cascade"
                    )

    def _connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        import psycopg

        return psycopg.connect(self.url.render_as_string(hide_password=False), connect_timeout=10)


def _in_duckdb(statement: str) -> int:
    """Run one COPY in an in-memory database of its own; returns the number of rows."""
    import duckdb

    with duckdb.connect(config={"memory_limit": memory_limit()}) as connection:
        connection.execute("set enable_progress_bar = false")
        return _copy_rows(connection, statement)


def _copy_rows(connection: "duckdb.DuckDBPyConnection", statement: str) -> int:
    """Run one COPY; returns the number of rows."""
    return int(connection.execute(statement).fetchall()[0][0])


def memory_limit() -> str:
    """What DuckDB may use before it spills to disk."""
    return os.environ.get("COBRANCA_DBT_MEMORY", "1400MB")


def _duckdb_type(kind: str, precision: int | None, scale: int | None) -> str:
    if kind == "numeric":
        return f"decimal({precision}, {scale})"
    return {
        "character varying": "varchar",
        "text": "varchar",
        "timestamp without time zone": "timestamp",
    }.get(kind, kind)
