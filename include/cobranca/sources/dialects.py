"""What each database engine calls the same few things: one moment, nothing written, an end to waiting, the first rows.

PostgreSQL, MariaDB/MySQL and SQLite are tried against real servers by the tests. SQL Server and Oracle cannot run on a
test machine: their statements follow their manuals and SQLAlchemy's dialects, and the tests hold the statements, their
order and the connection's arguments against a recording driver.

Sessions speak São Paulo's time: a payment made there at 23:30 is of that day, whatever zone its server keeps.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

CONNECT_SECONDS = 10
# A server that has not sent a byte for this long after its own statement timeout is gone.
SILENCE_SECONDS = 30
ZONE = "America/Sao_Paulo"
# MariaDB knows zones by name only where its zone tables were filled; São Paulo has had no summer time since 2019.
OFFSET = "-03:00"
ORACLE_ROWS_A_TRIP = 5_000


class SnapshotRefused(Exception):
    """The database does not allow one moment to be read; ``problem`` and ``cure`` are for its administrator."""

    def __init__(self, problem: str, cure: str):
        super().__init__(problem)
        self.problem, self.cure = problem, cure


@dataclass(frozen=True)
class Words:
    """One engine.

    ``snapshot`` says in words what a landing reads from; ``begin`` opens it on a fresh connection, given the statement
    timeout in seconds. ``spoiled`` is true where one failed statement spoils the transaction for the next ones.
    ``package`` and ``extra`` name the driver and the optional dependency that brings it.
    """

    title: str
    snapshot: str
    begin: Callable[[sa.Connection, int], None]
    arguments: Callable[[int], dict] = lambda seconds: {}
    options: Mapping[str, object] = field(default_factory=dict)
    spoiled: bool = False
    extra: str | None = None


def _begin_postgresql(connection: sa.Connection, seconds: int) -> None:
    _run(
        connection,
        f"set statement_timeout = {seconds * 1000}",
        "set datestyle = 'ISO, YMD'",
        f"set timezone = '{ZONE}'",
        "set transaction isolation level repeatable read, read only",
    )


def _begin_mysql(connection: sa.Connection, seconds: int) -> None:
    limit = f"max_statement_time = {seconds}" if connection.dialect.is_mariadb else f"max_execution_time = {seconds * 1000}"
    _run(
        connection,
        f"set session {limit}",
        f"set session net_write_timeout = {seconds}",
        f"set session time_zone = '{OFFSET}'",
        "set session transaction isolation level repeatable read",
        "start transaction with consistent snapshot, read only",
    )


def _begin_sqlite(connection: sa.Connection, seconds: int) -> None:
    _run(connection, "begin", "select count(*) from sqlite_master")  # the first read fixes the moment


def _begin_oracle(connection: sa.Connection, seconds: int) -> None:
    connection.connection.driver_connection.call_timeout = seconds * 1000
    # Must be the first statement of its transaction; it reads one moment and refuses to write.
    _run(connection, f"alter session set time_zone = '{ZONE}'", "set transaction read only")


def _begin_mssql(connection: sa.Connection, seconds: int) -> None:
    allowed = connection.exec_driver_sql(
        "select snapshot_isolation_state from sys.databases where name = db_name()",
        execution_options={"no_parameters": True},
    ).scalar()
    connection.rollback()
    if allowed != 1:
        raise SnapshotRefused(*SNAPSHOT_OFF)
    # A transaction cannot become a snapshot later: the level is set between two transactions. SQL Server has no
    # read-only transaction; nothing is ever committed, and its login should have the role db_datareader alone.
    connection.execution_options(isolation_level="SNAPSHOT")


SNAPSHOT_OFF = (
    "the SQL Server database does not allow snapshot isolation, so its tables cannot be read as of one moment",
    "have its administrator run: alter database current set allow_snapshot_isolation on",
)

ENGINES: dict[str, Words] = {
    "postgresql": Words(
        "PostgreSQL",
        "repeatable read, read only",
        _begin_postgresql,
        lambda seconds: {"connect_timeout": CONNECT_SECONDS, "keepalives_idle": SILENCE_SECONDS},
        spoiled=True,
    ),
    "mysql": Words(
        "MariaDB/MySQL",
        "consistent snapshot, read only",
        _begin_mysql,
        # The second one is raised as soon as the server has greeted; see cobranca.sources.engine.
        lambda seconds: {"connect_timeout": CONNECT_SECONDS, "read_timeout": CONNECT_SECONDS},
    ),
    "sqlite": Words("SQLite", "one transaction, file opened read only", _begin_sqlite),
    "oracle": Words(
        "Oracle",
        "transaction read only",
        _begin_oracle,
        lambda seconds: {"tcp_connect_timeout": CONNECT_SECONDS},
        {"arraysize": ORACLE_ROWS_A_TRIP},
        extra="oracle",
    ),
    "mssql": Words(
        "SQL Server",
        "snapshot isolation, never committed",
        _begin_mssql,
        lambda seconds: {"login_timeout": CONNECT_SECONDS, "timeout": seconds},
        extra="sqlserver",
    ),
}


def around(dialect_name: str, query: str, select: str, condition: str = "") -> str:
    """``select`` from the query as a table called ``q``, where ``condition`` holds.

    SQL Server takes no WITH inside a derived table: there the query's last SELECT becomes one more of its CTEs.
    """
    condition = f" where {condition}" if condition else ""
    if dialect_name == "mssql" and (at := _last_select(query)):
        return f"{query[:at].rstrip()},\nq as (\n{query[at:]}\n)\n{select} from q{condition}"
    return f"{select} from (\n{query}\n) q{condition}"


def blanks_count(dialect: sa.Dialect) -> bool:
    """Whether ``'a '`` and ``'a'`` differ. SQL Server and MariaDB fill the shorter one up; MySQL 8 and the others do not."""
    return not (dialect.name == "mssql" or (dialect.name == "mysql" and dialect.is_mariadb))


def unquoted(dialect_name: str, column: str) -> str:
    """How a database calls a column that was named without quotes."""
    return {"postgresql": column.lower(), "oracle": column.upper()}.get(dialect_name, column)


def told_apart(dialect_name: str, column: str, kind: str) -> str:
    """SQL of a column for grouping: texts that differ stay apart, times of one day come together.

    MariaDB and MySQL take é for e and A for a, and would add up unlike codes.
    """
    if kind == "date" and dialect_name != "sqlite":
        return f"trunc({column})" if dialect_name == "oracle" else f"cast({column} as date)"
    return f"convert({column} using utf8mb4) collate utf8mb4_bin" if dialect_name == "mysql" and kind == "text" else column


def day(dialect_name: str, day: date, sample: object) -> str:
    """SQL of a day, to be compared with a column that holds values like ``sample``: dates, times, ISO text or ``YYYYMMDD``."""
    if isinstance(sample, int):
        return f"{day:%Y%m%d}"
    if isinstance(sample, str) and re.match(r"\s*\d{8}", sample):
        return f"'{day:%Y%m%d}'"
    if isinstance(sample, date) and dialect_name == "oracle":
        return f"date '{day}'"
    if isinstance(sample, date) and dialect_name == "mssql":  # the one form that no language setting turns around
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
    from cobranca.sources.mapping import words_of

    depth = 0
    for word, at in words_of(query, also="()"):
        if word in "()":
            depth += 1 if word == "(" else -1
        elif depth == 0 and word == "select":
            return at or None
    return None


# Texts of these codes speak of tables, columns, rights and syntax, never of rows: they may be shown.
_PLAIN_POSTGRES = re.compile(r"42\w{3}$")
_PLAIN_CODES = {
    "mysql": {1044, 1046, 1052, 1054, 1060, 1064, 1109, 1140, 1142, 1143, 1146, 1221, 1222, 1248, 1305, 1582, 1630},
    "mssql": {102, 156, 195, 207, 208, 209, 229, 230, 319, 1033, 8155, 8156},
    "oracle": {900, 904, 907, 911, 918, 920, 923, 933, 936, 942, 1031},
}
_FORBIDDEN_CODES = {"postgresql": {"42501"}, "mysql": {1044, 1142, 1143}, "mssql": {229, 230}, "oracle": {1031}}
_UNKNOWN_TABLE_CODES = {"postgresql": {"42P01"}, "mysql": {1146}, "mssql": {208}, "oracle": {942}}
_PLAIN_SQLITE = re.compile(r'^(no such (table|column|function): |ambiguous column name: |near ")')
_TIMEOUT_CODES = {"mysql": {1969, 3024}, "mssql": {20003}, "oracle": {3156, 1013}}
# Codes by which a server itself answered while connecting: a login or a database name that it refuses.
_ANSWERED_CODES = {
    "mysql": range(1000, 2000),
    "mssql": {4060, 18452, 18456, 18470, 18487, 18488},
    "oracle": {1005, 1017, 1045, 12505, 12514, 28000, 28001},
}


def code_of(original: BaseException) -> str | int | None:
    """The server's own code to show: the SQL standard's where there is one, else its number."""
    return getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None) or number_of(original)


def number_of(original: BaseException) -> int | None:
    """The server's own error number (MariaDB/MySQL, SQL Server, Oracle)."""
    first = original.args[0] if original.args else None
    if isinstance(first, tuple) and first:
        first = first[0]
    code = getattr(first, "code", first)  # oracledb wraps its own error object
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def plain_text(dialect_name: str, original: BaseException) -> str | None:
    """The driver's text, when its code says that it can only speak of tables, columns, rights or syntax."""
    if dialect_name == "postgresql":
        diagnosis = getattr(original, "diag", None)
        plain = diagnosis is not None and _PLAIN_POSTGRES.match(original.sqlstate or "")
        return diagnosis.message_primary if plain else None
    if dialect_name == "sqlite":
        return str(original) if _PLAIN_SQLITE.match(str(original)) else None
    if number_of(original) not in _PLAIN_CODES.get(dialect_name, ()):
        return None
    text = original.args[1] if len(original.args) > 1 else original.args[0]
    if isinstance(text, tuple) and len(text) > 1:
        text = text[1]
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return text.partition("DB-Lib")[0].strip().splitlines()[0]


def is_forbidden(dialect_name: str, original: BaseException) -> bool:
    """Whether the connection's user may not read what the query names."""
    return code_of(original) in _FORBIDDEN_CODES.get(dialect_name, ())


def is_unknown_table(dialect_name: str, original: BaseException) -> bool:
    """Whether the query names a table that is not there, or not where the connection looks for it."""
    return code_of(original) in _UNKNOWN_TABLE_CODES.get(dialect_name, ())


def is_timeout(dialect_name: str, original: BaseException) -> bool:
    """Whether the statement was ended because it took too long."""
    return (
        code_of(original) in ("57014", "SQLITE_INTERRUPT")
        or number_of(original) in _TIMEOUT_CODES.get(dialect_name, ())
        or "DPY-4024" in str(original)  # oracledb's own clock
    )


def answered(dialect_name: str, original: BaseException) -> bool:
    """Whether a server spoke at all while connecting; the two cases have different cures."""
    number = number_of(original)
    if number is not None:
        return number in _ANSWERED_CODES.get(dialect_name, ())
    return code_of(original) is not None or "FATAL" in str(original) or "DPY-6001" in str(original)


# Types that a driver's cursor tells, by what they hold. What is not named is text.
_BROAD = {
    "postgresql": {
        "flag": {16},
        "number": {20, 21, 23, 26, 700, 701, 790, 1700},
        "date": {1082, 1114, 1184},
        "bytes": {17},
    },  # pg_type.dat
    "mysql": {"number": {0, 1, 2, 3, 4, 5, 8, 9, 13, 246}, "date": {7, 10, 12, 14}, "flag": {16}},  # field types of the protocol
    "mssql": {"bytes": {2}, "number": {3, 5}, "date": {4}},
}


def broad_type(dialect_name: str, told: object) -> str:
    """``text``, ``number``, ``date`` (with or without a time), ``flag`` or ``bytes``; empty where the driver does not tell."""
    if told is None or dialect_name == "sqlite":
        return ""
    if dialect_name == "oracle":
        name = getattr(told, "name", str(told))
        kinds = {"NUMBER": "number", "BINARY_": "number", "DATE": "date", "TIMESTAMP": "date", "BOOLEAN": "flag", "RAW": "bytes"}
        return next((kind for part, kind in kinds.items() if part in name), "text")
    return next((kind for kind, codes in _BROAD.get(dialect_name, {}).items() if told in codes), "text")


def _run(connection: sa.Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)
