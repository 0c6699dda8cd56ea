"""A server that falls silent is given up, and nothing of it lands."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from cobranca.errors import SourceError
from cobranca.landing import land
from cobranca.settings import Settings
from cobranca.sources import open_snapshot
from cobranca.sources.drivers import dialects
from cobranca.sources.mapping.load import get_mapping
from source_databases import (
    SERVERS,
    D,
    MakeSource,
    nothing_half_landed,
)  # fmt: skip


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_accepts_and_says_nothing(
    erp_only: Settings, monkeypatch: pytest.MonkeyPatch, kind: str
):
    monkeypatch.setattr(dialects, "CONNECT_SECONDS", 2)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        port = deaf.getsockname()[1]
        scheme = "postgresql" if kind == "postgresql" else "mysql"
        monkeypatch.setenv("AIRFLOW_CONN_ERP", f"{scheme}://u:s3nh4-secreta@127.0.0.1:{port}/erp")
        started = time.monotonic()
        with pytest.raises(
            SourceError,
            match=f"no database answers at 127.0.0.1:{port}; start the database or correct",
        ) as error:
            land.land_source(erp_only, D, "erp", "run")
        assert time.monotonic() - started < 8 and "s3nh4" not in str(error.value)
    assert nothing_half_landed(erp_only)


def freeze(pid: int) -> None:
    """Stop a process, and return when all its threads have stopped."""
    os.kill(pid, signal.SIGSTOP)
    threads = list(Path(f"/proc/{pid}/task").glob("*/stat"))
    while any(stat.read_text().rpartition(")")[2].split()[0] not in "Tt" for stat in threads):
        time.sleep(0.01)


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_stops_answering_is_given_up(
    erp_only: Settings,
    make_source: MakeSource,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
):
    """The server's process is frozen: its own timeout cannot fire, so the reader's must."""
    make_source("erp", kind)
    monkeypatch.setattr(dialects, "SILENCE_SECONDS", 1)
    mapping = get_mapping(erp_only, "erp").model_copy(update={"statement_timeout_seconds": 1})
    with open_snapshot.open_snapshot(mapping) as snapshot:
        if kind == "postgresql":
            [(pid,)] = snapshot.rows("customers", "select pg_backend_pid()")
        else:
            pid = request.getfixturevalue("mariadb_server")._process.pid
        freeze(pid)
        started = time.monotonic()
        try:
            with pytest.raises(
                SourceError,
                match="the database has not answered for 2 s; nothing of this source was landed",
            ):
                snapshot.rows("customers", "select 1")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert time.monotonic() - started < 8


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_stops_in_the_middle_of_rows_is_given_up(
    erp_only: Settings,
    make_source: MakeSource,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
):
    erp = make_source("erp", kind)
    number = "generate_series(1, 9000000)" if kind == "postgresql" else "seq"
    numbers = "from seq_1_to_9000000" if kind == "mariadb" else ""
    with open_snapshot.open_snapshot(get_mapping(erp_only, "erp")) as snapshot:
        monkeypatch.setattr(snapshot._watchdog, "patience", 2)
        if kind == "mariadb":
            monkeypatch.setattr(
                snapshot._connection.connection.driver_connection, "_read_timeout", 2
            )
        rows = snapshot.bulk(
            "customers", f"select {number} as customer_id, repeat('x', 100) as name {numbers}"
        ).chunks
        assert next(rows)
        if kind == "mariadb":
            pid = request.getfixturevalue("mariadb_server")._process.pid
        else:
            [(pid,)] = erp.engine.connect().exec_driver_sql(
                "select pid from pg_stat_activity where query like 'COPY%%'"
            )
        freeze(pid)
        started = time.monotonic()
        try:
            with pytest.raises(
                SourceError,
                match="the database has not answered for 2 s; nothing of this source was landed",
            ):
                for _ in rows:
                    pass
            assert time.monotonic() - started < 8
        finally:
            os.kill(pid, signal.SIGCONT)
