"""Every engine's own words. SQL Server and Oracle have no server here: a recording driver stands in
for theirs.

What it proves is the connection's arguments, the statements and their order, and what an error
becomes; that those servers accept the statements rests on their manuals.
"""

import re
import sys
from datetime import date
from decimal import Decimal
from types import ModuleType, SimpleNamespace

import pytest
import sqlalchemy as sa

from cobranca.errors import ConfigError, SourceError
from cobranca.settings import Settings
from cobranca.sources import open_snapshot
from cobranca.sources.drivers import database_errors, dialects
from cobranca.sources.mapping.load import get_mapping
from cobranca.sources.mapping.presets import preset_file

QUERY = "with a as (select 1 as x), b as (select (select 2) as y from a)\nselect x from a -- select"


@pytest.mark.parametrize(
    ("name", "limited"),
    [
        ("postgresql", f"select * from (\n{QUERY}\n) q limit 5"),
        ("oracle", f"select * from (\n{QUERY}\n) q where rownum <= 5"),
        (
            "mssql",
            (
                "with a as (select 1 as x), b as (select (select 2) as y from a),\n"
                "q as (\nselect x from a -- select\n)\nselect top 5 * from q"
            ),
        ),
    ],
)
def test_the_first_rows_of_a_query_with_ctes(name: str, limited: str):
    assert dialects.first_rows(name, QUERY, 5) == limited


def test_sql_server_takes_a_plain_query_as_a_derived_table():
    assert (
        dialects.first_rows("mssql", "select x from a", 5)
        == "select top 5 * from (\nselect x from a\n) q"
    )
    assert dialects.around("mssql", "select x from a", "select count(*)", "x = 1") == (
        "select count(*) from (\nselect x from a\n) q where x = 1"
    )


class Recorder:
    """A DBAPI connection that writes down what is asked and answers from a script: text in the
    statement → rows or error.
    """

    def __init__(self, log: list[str], script: dict):
        self.log, self.script, self.version, self.max_identifier_length = (
            log,
            script,
            "19.0.0.0.0",
            128,
        )

    def __setattr__(self, name, value):
        if name == "call_timeout":
            self.log.append(f"call_timeout = {value}")
        object.__setattr__(self, name, value)

    def cursor(self, *_args, **_options):
        return RecorderCursor(self)

    def commit(self):
        self.log.append("COMMIT")

    def rollback(self):
        self.log.append("ROLLBACK")

    def close(self):
        self.log.append("CLOSE")

    def autocommit(self, on):
        self.log.append(f"AUTOCOMMIT {on}")


class RecorderCursor:
    def __init__(self, connection: Recorder):
        self._connection, self._rows, self.description, self.rowcount, self.arraysize = (
            connection,
            [],
            None,
            -1,
            1,
        )

    def execute(self, statement, parameters=None):
        text = " ".join(str(statement).split())
        self._connection.log.append(text if not parameters else f"{text} {parameters!r}")
        for part, (names, rows) in self._connection.script.items():
            if part in text:
                if isinstance(rows, Exception):
                    raise rows
                self.description = [(name, None, None, None, None, None, None) for name in names]
                self._rows = list(rows)
                return self
        # SQLAlchemy's own questions while it gets to know a server
        asked = text.lower().startswith(("select", "with"))
        self.description, self._rows = ([("x", *[None] * 6)], [("x",)]) if asked else (None, [])
        return self

    def fetchmany(self, size):
        part, self._rows = self._rows[:size], self._rows[size:]
        return part

    def fetchone(self):
        return self._rows.pop(0) if self._rows else None

    def fetchall(self):
        return self.fetchmany(len(self._rows))

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def nextset(self):
        return None


class Recording(SimpleNamespace):
    log: list
    script: dict
    arguments: dict


def driver(name: str, monkeypatch: pytest.MonkeyPatch, script: dict) -> Recording:
    module = ModuleType(name)
    recording = Recording(log=[], script=script, arguments={})
    for error in (
        "Warning", "Error", "InterfaceError", "DatabaseError", "DataError", "OperationalError",
        "IntegrityError", "InternalError", "ProgrammingError", "NotSupportedError",
    ):  # fmt: skip
        base = {"Warning": Exception, "Error": Exception}.get(error) or module.Error
        setattr(module, error, type(error, (base,), {}))
    module.__version__, module.paramstyle, module.apilevel, module.threadsafety = (
        "2.3.13",
        "pyformat",
        "2.0",
        1,
    )

    def connect(*_, **arguments):
        recording.arguments.update(arguments)
        if isinstance(recording.script.get("connect"), Exception):
            raise recording.script["connect"]
        return Recorder(
            recording.log, {key: value for key, value in script.items() if key != "connect"}
        )

    module.connect = connect
    recording.module = module
    monkeypatch.setitem(sys.modules, name, module)
    return recording


MSSQL = {
    "@@version": (["v"], [("Microsoft SQL Server 2019 - 15.0.2000.5 (X64)",)]),
    "schema_name()": (["s"], [("dbo",)]),
    "snapshot_isolation_state": (["s"], [(1,)]),
    "sys.system_views": (["v"], [("dm_exec_sessions",)]),
    "CASE transaction_isolation_level": (["l"], [("READ COMMITTED",)]),
}


@pytest.fixture
def sql_server(erp_only: Settings, monkeypatch: pytest.MonkeyPatch) -> Recording:
    monkeypatch.setenv("AIRFLOW_CONN_ERP", "mssql://leitor:s3nh4@db:1433/protheus")
    return driver("pymssql", monkeypatch, dict(MSSQL))


def test_sql_server_is_read_in_a_snapshot_that_is_never_committed(
    erp_only: Settings, sql_server: Recording
):
    sql_server.script["from titulos"] = (
        ["Receivable_ID", "amount"],
        [(n, Decimal("10.00")) for n in range(700)],
    )
    with open_snapshot.open_snapshot(get_mapping(erp_only, "erp")) as snapshot:
        start = len(sql_server.log)
        stream = snapshot.stream(
            "receivables",
            "select id as Receivable_ID, valor as amount from titulos where a like '%x'",
        )
        assert stream.columns == ("receivable_id", "amount")
        assert [len(chunk) for chunk in stream.chunks] == [500, 200]
        assert (snapshot.engine, snapshot.moment) == (
            "SQL Server",
            "snapshot isolation, never committed",
        )
    assert sql_server.arguments == {
        "host": "db:1433", "user": "leitor", "password": "s3nh4", "database": "protheus",
        "login_timeout": 10, "timeout": 900,
    }  # fmt: skip
    before = sql_server.log[:start]
    asked = before.index(
        "select snapshot_isolation_state from sys.databases where name = db_name()"
    )
    # the level is set between two transactions: rollback, set, and a commit that lets the next one
    # begin in it
    assert before[asked + 1 :] == [
        "ROLLBACK",
        "AUTOCOMMIT False",
        "SET TRANSACTION ISOLATION LEVEL SNAPSHOT",
        "COMMIT",
    ]
    assert (
        sql_server.log[start:][0]
        == "select id as Receivable_ID, valor as amount from titulos where a like '%x'"
    )
    rest = sql_server.log[start:]
    assert rest[1] == "ROLLBACK" and rest[-1] == "CLOSE" and "COMMIT" not in rest


def test_sql_server_without_snapshots_names_the_cure(erp_only: Settings, sql_server: Recording):
    sql_server.script["snapshot_isolation_state"] = (["s"], [(0,)])
    with (
        pytest.raises(
            SourceError,
            match=(
                "source 'erp': the SQL Server database does not allow snapshot isolation.* "
                "alter data"
            ),
        ),
        open_snapshot.open_snapshot(get_mapping(erp_only, "erp")),
    ):
        pass


def test_which_databases_compare_blanks_at_the_end_of_a_text():
    mysql = sa.create_engine("mysql+pymysql://").dialect
    assert dialects.blanks_count(mysql)
    mysql.is_mariadb = True
    assert not dialects.blanks_count(mysql)
    assert dialects.blanks_count(sa.create_engine("sqlite://").dialect)


def test_sql_server_counts_and_looks_up_in_its_own_words(erp_only: Settings, sql_server: Recording):
    sql_server.script["select count(*)"] = (["n", "s"], [(2, Decimal("30.500000"))])
    sql_server.script["rtrim(ltrim("] = (["payment_id"], [(1,)])
    with open_snapshot.open_snapshot(get_mapping(erp_only, "erp")) as snapshot:
        query = "with t as (select 1 x) select x as amount from t"
        assert snapshot.totals("receivables", query, amounts=["amount"]) == [
            ((), 2, [Decimal("30.5")])
        ]
        assert [
            list(c)
            for c in snapshot.where_in(
                "payments", "select a from b where c like 'x%'", "receivable_id", ["A", "B"]
            )
        ]
    assert [text for text in sql_server.log if " from q" in text or ") q " in text] == [
        (
            "with t as (select 1 x), q as ( select x as amount from t ) select count(*), "
            "sum(cast(amount as decimal(38, 6))) from q"
        ),
        (
            "select * from ( select a from b where c like 'x%' ) q where "
            "rtrim(ltrim(cast(receivable_id as varchar(200)))) in "
            "(%(wanted_1)s, %(wanted_2)s) {'wanted_1': 'A', 'wanted_2': 'B'}"
        ),
    ]


def test_sql_server_is_asked_for_the_parts_of_joined_keys(
    erp_only: Settings, sql_server: Recording
):
    path = erp_only.config / "sources" / "erp.yml"
    path.write_text(
        preset_file("sap_business_one", connection="erp", source="erp"), encoding="utf-8"
    )
    mapping = get_mapping(erp_only, "erp")
    sql_server.script["rtrim(ltrim("] = (["receivable_id"], [("7-1",)])
    with open_snapshot.open_snapshot(mapping) as snapshot:
        for entity in ("receivables", "payments"):
            list(
                snapshot.where_in(
                    entity, mapping.entity(entity).query, "receivable_id", ["7-1", "8-2", "x"]
                )
            )
    asked = [text for text in sql_server.log if "rtrim(ltrim(" in text]
    assert len(asked) == 2
    for text in asked:
        assert (
            """and i."DocEntry" in (%(whole_1_1)s, %(whole_1_2)s)""" in text and "/* by" not in text
        )
        assert all(
            told in text
            for told in ("'whole_1_1': 7", "'whole_1_2': 8", "'wanted_1': '7-1'", "'wanted_3': 'x'")
        )


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("ProgrammingError", (
            208, b"Invalid object name 'titulo'.DB-Lib error message 20018, severity 16:\nGeneral"),
         r"refuses the query \(Invalid object name 'titulo'.\); correct the query"),
        ("OperationalError", (20003, b"Adaptive Server connection timed out"),
            "took longer than 900 s"),
        ("OperationalError", (3952, b"Snapshot isolation transaction failed in 52998224725"),
            "allow_snapshot_isolation on"),
        ("OperationalError", (8114, b"Error converting 529.982.247-25 to numeric"),
            r"failed while it was read \(code 8114\)"),
    ],
)  # fmt: skip
def test_sql_server_errors(
    erp_only: Settings, sql_server: Recording, kind: str, arguments: tuple, words: str
):
    sql_server.script["from titulo"] = ([], getattr(sql_server.module, kind)(*arguments))
    with (
        open_snapshot.open_snapshot(get_mapping(erp_only, "erp")) as snapshot,
        pytest.raises(SourceError, match=words) as error,
    ):
        snapshot.rows("receivables", "select id from titulo")
    assert "529" not in str(error.value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (18456, "refused the login or has no such database"),
        (20009, "no database answers at db:1433"),
    ],
)
def test_sql_server_that_cannot_be_reached(
    erp_only: Settings, sql_server: Recording, code: int, words: str
):
    sql_server.script["connect"] = sql_server.module.OperationalError(
        (code, b"Login failed for user 'leitor' s3nh4")
    )
    with (
        pytest.raises(SourceError, match=words) as error,
        open_snapshot.open_snapshot(get_mapping(erp_only, "erp")),
    ):
        pass
    assert "s3nh4" not in str(error.value)


def test_oracle_begins_with_a_read_only_transaction(
    erp_only: Settings, monkeypatch: pytest.MonkeyPatch
):
    oracledb = pytest.importorskip("oracledb")
    monkeypatch.setenv("AIRFLOW_CONN_ERP", "oracle://leitor:s3nh4@db/ERP")
    log, arguments = [], {}
    script = {
        "from titulos": (["RECEIVABLE_ID", "DUE_DATE"], [(1, date(2026, 11, 3))]),
        "SELECT 1.1 FROM DUAL": (["n"], [("1.1",)]),
    }

    def connect(*_, **options):
        arguments.update(options)
        recorder = Recorder(log, script)
        recorder.outputtypehandler = recorder.inputtypehandler = None
        return recorder

    monkeypatch.setattr(oracledb, "connect", connect)
    with open_snapshot.open_snapshot(get_mapping(erp_only, "erp")) as snapshot:
        assert (snapshot.engine, snapshot.moment) == ("Oracle", "transaction read only")
        start = log.index("call_timeout = 900000")
        with (
            snapshot.alone()
        ):  # no savepoint: a failed query spoils nothing here, and a read-only transaction has none
            stream = snapshot.stream(
                "receivables", snapshot.first_rows("select id as receivable_id, x from titulos", 50)
            )
            assert [list(map(tuple, chunk)) for chunk in stream.chunks] == [
                [(1, date(2026, 11, 3))]
            ]
    assert arguments["tcp_connect_timeout"] == 10 and "SERVICE_NAME=ERP" in arguments["dsn"]
    assert log[start + 1 : start + 4] == [
        "alter session set time_zone = 'America/Sao_Paulo'",
        "set transaction read only",
        "select * from ( select id as receivable_id, x from titulos ) q where rownum <= 50",
    ]
    assert "COMMIT" not in log[start:]


class OracleError:
    def __init__(self, code: int, message: str):
        self.code, self.message, self.full_code = code, message, f"ORA-{code:05}"

    def __str__(self):
        return self.message


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (
            942,
            'ORA-00942: table or view "X"."TITULO" does not exist\nHelp: https://docs',
            r"refuses the query \(ORA-00942: table",
        ),
        (1555, "ORA-01555: snapshot too old: rollback segment", "raise undo_retention"),
        (3156, "DPY-4024: call timeout of 900000 ms exceeded", "took longer than 900 s"),
        (
            1722,
            "ORA-01722: unable to convert string value containing '529.982.247-25'",
            "failed while it was read",
        ),
    ],
)
def test_oracle_errors(code: int, message: str, words: str, erp_only: Settings):
    error = sa.exc.DatabaseError("select", {}, Exception(OracleError(code, message)))
    problem, cure = database_errors.explain_query(error, "oracle", get_mapping(erp_only, "erp"))
    assert re.search(words, f"{problem}; {cure}") and "529" not in problem + cure


@pytest.mark.parametrize(
    ("url", "extra"), [("mssql://u@h/d", "sqlserver"), ("oracle://u@h/d", "oracle")]
)
def test_a_missing_driver_names_its_extra(
    erp_only: Settings, monkeypatch: pytest.MonkeyPatch, url: str, extra: str
):
    monkeypatch.setenv("AIRFLOW_CONN_ERP", url)
    package = {"sqlserver": "pymssql", "oracle": "oracledb"}[extra]
    monkeypatch.setitem(sys.modules, package, None)
    with (
        pytest.raises(
            ConfigError,
            match=rf"needs the Python package '{package}'; pip install 'cobranca\[{extra}\]'",
        ),
        open_snapshot.open_snapshot(get_mapping(erp_only, "erp")),
    ):
        pass
