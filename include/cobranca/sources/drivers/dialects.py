"""How each database engine says the same few things in its own SQL.

They are: read one moment, write nothing, end a statement in time, cut to the first rows.

PostgreSQL, MariaDB/MySQL and SQLite are tried against real servers by the tests. SQL Server and
Oracle cannot run on a test machine: their statements follow their manuals and SQLAlchemy's
dialects, and the tests hold the statements, their order and the connection's arguments against a
recording driver.

Sessions speak São Paulo's time: a payment made there at 23:30 is of that day, whatever zone its
server keeps.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.mysql.base import MySQLDialect

from cobranca.time_zone import TIME_ZONE_NAME

CONNECT_SECONDS = 10
# A server that has not sent a byte for this long after its own statement timeout is gone.
SILENCE_SECONDS = 30
# MariaDB knows zones by name only where its zone tables were filled; São Paulo has had no summer
# time since 2019.
OFFSET = "-03:00"
ORACLE_ROWS_A_TRIP = 5_000


class SnapshotRefused(Exception):
    """The database does not allow one moment to be read.

    ``problem`` and ``cure`` are for its administrator.
    """

    def __init__(self, problem: str, cure: str):
        super().__init__(problem)
        self.problem, self.cure = problem, cure


@dataclass(frozen=True)
class Dialect:
    """One database engine: how a snapshot begins, and how its driver is configured.

    ``snapshot`` says in words what a landing reads from; ``begin`` opens it on a fresh connection,
    given the statement timeout in seconds. ``spoiled`` is true where one failed statement spoils
    the transaction for the next ones. ``package`` and ``extra`` name the driver and the optional
    dependency that brings it.
    """

    title: str
    snapshot: str
    begin: Callable[[sa.Connection, int], None]
    arguments: Callable[[int], Mapping[str, object]] = lambda _seconds: {}
    options: Mapping[str, object] = field(default_factory=dict)
    spoiled: bool = False
    extra: str | None = None


def _begin_postgresql(connection: sa.Connection, seconds: int) -> None:
    _run(
        connection,
        f"set statement_timeout = {seconds * 1000}",
        "set datestyle = 'ISO, YMD'",
        f"set timezone = '{TIME_ZONE_NAME}'",
        "set transaction isolation level repeatable read, read only",
    )


def _begin_mysql(connection: sa.Connection, seconds: int) -> None:
    limit = (
        f"max_statement_time = {seconds}"
        if _is_mariadb(connection.dialect)
        else f"max_execution_time = {seconds * 1000}"
    )
    _run(
        connection,
        f"set session {limit}",
        f"set session net_write_timeout = {seconds}",
        f"set session time_zone = '{OFFSET}'",
        "set session transaction isolation level repeatable read",
        "start transaction with consistent snapshot, read only",
    )


def _begin_sqlite(connection: sa.Connection, _seconds: int) -> None:
    # The first read fixes the moment.
    _run(connection, "begin", "select count(*) from sqlite_master")


def _begin_oracle(connection: sa.Connection, seconds: int) -> None:
    driver_connection(connection).call_timeout = seconds * 1000
    # Must be the first statement of its transaction; it reads one moment and refuses to write.
    _run(
        connection, f"alter session set time_zone = '{TIME_ZONE_NAME}'", "set transaction read only"
    )


def _begin_mssql(connection: sa.Connection, _seconds: int) -> None:
    allowed = connection.exec_driver_sql(
        "select snapshot_isolation_state from sys.databases where name = db_name()",
        execution_options={"no_parameters": True},
    ).scalar()
    connection.rollback()
    if allowed != 1:
        raise SnapshotRefused(*SNAPSHOT_OFF)
    # A transaction cannot become a snapshot later: the level is set between two transactions. SQL
    # Server has no read-only transaction; nothing is ever committed, and its login should have the
    # role db_datareader alone.
    connection.execution_options(isolation_level="SNAPSHOT")


SNAPSHOT_OFF = (
    (
        "the SQL Server database does not allow snapshot isolation, so its tables cannot be read "
        "as of one moment"
    ),
    "have its administrator run: alter database current set allow_snapshot_isolation on",
)

ENGINES: dict[str, Dialect] = {
    "postgresql": Dialect(
        "PostgreSQL",
        "repeatable read, read only",
        _begin_postgresql,
        lambda _seconds: {"connect_timeout": CONNECT_SECONDS, "keepalives_idle": SILENCE_SECONDS},
        spoiled=True,
    ),
    "mysql": Dialect(
        "MariaDB/MySQL",
        "consistent snapshot, read only",
        _begin_mysql,
        # The second one is raised as soon as the server has greeted; see
        # cobranca.sources.drivers.database_connect.
        lambda _seconds: {"connect_timeout": CONNECT_SECONDS, "read_timeout": CONNECT_SECONDS},
    ),
    "sqlite": Dialect("SQLite", "one transaction, file opened read only", _begin_sqlite),
    "oracle": Dialect(
        "Oracle",
        "transaction read only",
        _begin_oracle,
        lambda _seconds: {"tcp_connect_timeout": CONNECT_SECONDS},
        {"arraysize": ORACLE_ROWS_A_TRIP},
        extra="oracle",
    ),
    "mssql": Dialect(
        "SQL Server",
        "snapshot isolation, never committed",
        _begin_mssql,
        lambda seconds: {"login_timeout": CONNECT_SECONDS, "timeout": seconds},
        extra="sqlserver",
    ),
}


def driver_connection(connection: sa.Connection) -> Any:
    """The driver's own connection, whose type depends on the driver.

    Raises:
        OperationalError: the connection was lost.
    """
    return connection.connection.driver_connection


def _is_mariadb(dialect: sa.Dialect) -> bool:
    return isinstance(dialect, MySQLDialect) and dialect.is_mariadb


def around(dialect_name: str, query: str, select: str, condition: str = "") -> str:
    """``select`` from the query as a table called ``q``, where ``condition`` holds.

    SQL Server takes no WITH inside a derived table: there the query's last SELECT becomes one more
    of its CTEs.
    """
    condition = f" where {condition}" if condition else ""
    if dialect_name == "mssql" and (at := _last_select(query)):
        return f"{query[:at].rstrip()},\nq as (\n{query[at:]}\n)\n{select} from q{condition}"
    return f"{select} from (\n{query}\n) q{condition}"


def blanks_count(dialect: sa.Dialect) -> bool:
    """Whether ``'a '`` and ``'a'`` differ.

    SQL Server and MariaDB fill the shorter one up; MySQL 8 and the others do not.
    """
    return not (dialect.name == "mssql" or _is_mariadb(dialect))


def unquoted(dialect_name: str, column: str) -> str:
    """How a database calls a column that was named without quotes."""
    return {"postgresql": column.lower(), "oracle": column.upper()}.get(dialect_name, column)


def grouped(
    dialect_name: str,
    query: str,
    by: Sequence[str],
    kinds: Mapping[str, str],
    amounts: Sequence[str],
) -> str:
    """The query's rows counted and their ``amounts`` added, for each combination of ``by``.

    ``kinds`` are the broad types of those columns; one that is not named holds text.
    """
    if dialect_name == "mssql":  # whole cents in an integer would overflow at 21 million
        amounts = [f"cast({amount} as decimal(38, 6))" for amount in amounts]
    keys = [_grouping(dialect_name, name, kinds.get(name, "text")) for name in by]
    columns = [*keys, "count(*)", *(f"sum({amount})" for amount in amounts)]
    text = around(dialect_name, query, f"select {', '.join(columns)}")
    return text + (f" group by {', '.join(keys)}" if by else "")


def trimmed(dialect_name: str, column: str) -> str:
    """SQL of a key as text without padding. SQL Server before 2017 has no ``trim()``."""
    padded = {"oracle": "varchar2(200 char)", "mysql": "char(200)"}.get(
        dialect_name, "varchar(200)"
    )
    return f"rtrim(ltrim(cast({column} as {padded})))"


def _grouping(dialect_name: str, column: str, kind: str) -> str:
    """SQL of a column for grouping: texts that differ stay apart, times of one day come together.

    MariaDB and MySQL take é for e and A for a, and would add up unlike codes.
    """
    if kind == "date" and dialect_name != "sqlite":
        return f"trunc({column})" if dialect_name == "oracle" else f"cast({column} as date)"
    return (
        f"convert({column} using utf8mb4) collate utf8mb4_bin"
        if dialect_name == "mysql" and kind == "text"
        else column
    )


def day(dialect_name: str, day: date, sample: object) -> str:
    """SQL of a day, to be compared with a column that holds values like ``sample``.

    Such values are dates, times, ISO text or ``YYYYMMDD``.
    """
    if isinstance(sample, int):
        return f"{day:%Y%m%d}"
    if isinstance(sample, str) and re.match(r"\s*\d{8}", sample):
        return f"'{day:%Y%m%d}'"
    if isinstance(sample, date) and dialect_name == "oracle":
        return f"date '{day}'"
    # The one form that no language setting turns around.
    if isinstance(sample, date) and dialect_name == "mssql":
        return f"'{day:%Y%m%d}'"
    return f"'{day}'"


def first_rows(dialect_name: str, query: str, limit: int) -> str:
    """The query cut to its first rows."""
    if dialect_name == "mssql":
        return around(dialect_name, query, f"select top {limit} *")
    if dialect_name == "oracle":  # also before version 12, which brought FETCH FIRST
        return around(dialect_name, query, "select *", f"rownum <= {limit}")
    return around(dialect_name, query, "select *") + f" limit {limit}"


def _last_select(query: str) -> int | None:
    """Where the SELECT after a WITH clause starts; ``None`` where the query has no WITH."""
    from cobranca.sources.mapping.query_text import words_of

    depth = 0
    for word, at in words_of(query, also="()"):
        if word in "()":
            depth += 1 if word == "(" else -1
        elif depth == 0 and word == "select":
            return at or None
    return None


# Types that a driver's cursor tells, by what they hold. What is not named is text.
_BROAD: Mapping[str, Mapping[str, Collection[object]]] = {
    "postgresql": {
        "flag": {16},
        "number": {20, 21, 23, 26, 700, 701, 790, 1700},
        "date": {1082, 1114, 1184},
        "bytes": {17},
    },  # pg_type.dat
    "mysql": {
        "number": {0, 1, 2, 3, 4, 5, 8, 9, 13, 246},
        "date": {7, 10, 12, 14},
        "flag": {16},
    },  # field types of the protocol
    "mssql": {"bytes": {2}, "number": {3, 5}, "date": {4}},
}


def broad_type(dialect_name: str, type_code: object) -> str:
    """The broad type of a column: ``text``, ``number``, ``date``, ``flag`` or ``bytes``.

    A date may have a time. Empty where the driver does not tell.
    """
    if type_code is None or dialect_name == "sqlite":
        return ""
    if dialect_name == "oracle":
        name = getattr(type_code, "name", str(type_code))
        kinds = {
            "NUMBER": "number",
            "BINARY_": "number",
            "DATE": "date",
            "TIMESTAMP": "date",
            "BOOLEAN": "flag",
            "RAW": "bytes",
        }
        return next((kind for part, kind in kinds.items() if part in name), "text")
    return next(
        (kind for kind, codes in _BROAD.get(dialect_name, {}).items() if type_code in codes), "text"
    )


def _run(connection: sa.Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)
