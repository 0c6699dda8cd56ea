"""What the error codes of each database engine mean."""

import re
from collections.abc import Collection, Mapping

Codes = Mapping[str, Collection[str | int | None]]

# Texts of these codes speak of tables, columns, rights and syntax, never of rows: they may be
# shown.
_PLAIN_POSTGRES = re.compile(r"42\w{3}$")
_PLAIN_CODES: Codes = {
    "mysql": {
        *(1044, 1046, 1052, 1054, 1060, 1064, 1109, 1140, 1142, 1143, 1146),
        *(1221, 1222, 1248, 1305, 1582, 1630),
    },
    "mssql": {102, 156, 195, 207, 208, 209, 229, 230, 319, 1033, 8155, 8156},
    "oracle": {900, 904, 907, 911, 918, 920, 923, 933, 936, 942, 1031},
}
_FORBIDDEN_CODES: Codes = {
    "postgresql": {"42501"},
    "mysql": {1044, 1142, 1143},
    "mssql": {229, 230},
    "oracle": {1031},
}
_UNKNOWN_TABLE_CODES: Codes = {
    "postgresql": {"42P01"},
    "mysql": {1146},
    "mssql": {208},
    "oracle": {942},
}
_PLAIN_SQLITE = re.compile(r'^(no such (table|column|function): |ambiguous column name: |near ")')
_TIMEOUT_CODES: Codes = {"mysql": {1969, 3024}, "mssql": {20003}, "oracle": {3156, 1013}}
# Codes by which a server itself answered while connecting: a login or a database name that it
# refuses.
_ANSWERED_CODES: Codes = {
    "mysql": range(1000, 2000),
    "mssql": {4060, 18452, 18456, 18470, 18487, 18488},
    "oracle": {1005, 1017, 1045, 12505, 12514, 28000, 28001},
}


def code_of(original: BaseException) -> str | int | None:
    """The server's own code to show: the SQL standard's where there is one, else its number."""
    return (
        getattr(original, "sqlstate", None)
        or getattr(original, "sqlite_errorname", None)
        or number_of(original)
    )


def number_of(original: BaseException) -> int | None:
    """The server's own error number (MariaDB/MySQL, SQL Server, Oracle)."""
    first = original.args[0] if original.args else None
    if isinstance(first, tuple) and first:
        first = first[0]
    code = getattr(first, "code", first)  # oracledb wraps its own error object
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def plain_text(dialect_name: str, original: BaseException) -> str | None:
    """The driver's text, when its code allows it to be shown.

    Such a text can only speak of tables, columns, rights or syntax.
    """
    if dialect_name == "postgresql":
        diagnosis = getattr(original, "diag", None)
        if diagnosis is None or not _PLAIN_POSTGRES.match(getattr(original, "sqlstate", "") or ""):
            return None
        return str(diagnosis.message_primary)
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
    """Whether the query names a table that is not there, or not where it is looked for."""
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
