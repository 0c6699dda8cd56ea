"""The reader of MariaDB's packets fits the one version of pymysql whose private parts it uses."""

import tomllib
from importlib.metadata import version
from pathlib import Path

import pymysql
from pymysql.connections import Connection, MySQLResult
from pymysql.cursors import SSCursor

KNOWN = "1.2.4"
CHECK = (
    "check in pymysql what arrow_mysql.py and the connecting of MariaDB use of it by private "
    "names (Connection._rfile, ._sock, "
    "._force_close, ._read_timeout, ._result and Cursor._result with its fields, "
    "unbuffered_active and connection), run "
    "tests/sources/drivers/test_arrow_reader.py, then name the new version here and in "
    "pyproject.toml"
)


def test_pymysql_is_the_version_whose_private_parts_are_known():
    assert version("pymysql") == KNOWN, (
        f"pymysql is {version('pymysql')} instead of {KNOWN}: {CHECK}"
    )


def test_no_later_pymysql_can_be_installed():
    project = tomllib.loads(
        (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    )["project"]
    [wanted] = [one for one in project["dependencies"] if one.startswith("pymysql")]
    assert wanted == f"pymysql=={KNOWN}", CHECK


def test_pymysql_has_the_private_parts():
    connection = Connection(defer_connect=True)
    assert all(
        hasattr(connection, name)
        for name in ("_rfile", "_sock", "_force_close", "_read_timeout", "_result")
    ), CHECK
    assert hasattr(SSCursor(connection), "_result") and pymysql.protocol.MysqlPacket, CHECK
    result = MySQLResult(connection)
    assert all(hasattr(result, name) for name in ("unbuffered_active", "connection")), CHECK
