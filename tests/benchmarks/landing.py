"""``python -m tests.benchmarks.landing``: how fast a large table lands, and in how much memory.

One million receivables of twelve columns, from a throw-away PostgreSQL and a throw-away MariaDB, to
the finished Parquet of a landing: cleaned, in order, its totals compared with the source's own,
each file with its digest. The same run also measures the engine's own command-line client reading
the table and discarding it (the floor), the landing's first stages by themselves (one of them: the
table as it is, to Parquet), and ``pandas.read_sql``. Then ten million for the memory.

Every measurement is a process of its own, so that its peak memory is its own; importing is not
timed. Nothing here passes or fails; a person reads the table.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url
from tests.creditor_files import copy_config

from cobranca.settings import PROJECT_ROOT, Settings
from cobranca.sources.cleaning import bounds

sys.path.insert(0, str(PROJECT_ROOT / "tests"))
DAY = date(2026, 11, 18)
ENGINES = ("postgresql", "mariadb")
CUSTOMERS = 1_000
SOURCE = """
source: erp
connection: erp
entities:
  customers: {{query: "select customer_id, name from customers"}}
  receivables: {{query: "select {key} as receivable_id, customer_id, document_number, installment,
    issue_date, due_date, amount, currency, status, disputed, fine_rate, updated_at
    from receivables"}}
  payments: {{query: "select payment_id, receivable_id, paid_on, amount from payments"}}
"""
# Keys that come in no order at all, so that the landing has to sort them on disk.
SCATTERED = {"postgresql": "reverse(receivable_id::text)", "mariadb": "reverse(receivable_id)"}
TABLES = """
    create table customers (customer_id varchar(20) primary key, name varchar(100));
    create table receivables (
        receivable_id bigint, customer_id varchar(20), document_number varchar(30),
        installment varchar(10), issue_date date, due_date date, amount decimal(15, 2),
        currency varchar(3), status varchar(10), disputed {flag},
        fine_rate decimal(9, 6), updated_at {time}, primary key (receivable_id));
    create table payments (
        payment_id bigint primary key, receivable_id bigint, paid_on date, amount decimal(15, 2));
"""
ROWS = {
    "postgresql": """
        select n, 'C' || n % {customers}, 'NF-' || n, n % 12 + 1 || '/12',
            date '2024-01-01' + n % 900, date '2024-01-01' + n % 900 + 30 + n % 60,
            (n::bigint * 7919 % 10000000 + 1) / 100.0, 'BRL',
            case when n % 50 = 0 then 'cancelled' else 'open' end, n % 500 = 0, 0.02,
            timestamp '2024-01-01 00:00:00' + n * interval '1 second'
        from generate_series(1, {rows}) n
    """,
    "mariadb": """
        select seq, concat('C', seq % {customers}), concat('NF-', seq), concat(seq % 12 + 1, '/12'),
            '2024-01-01' + interval seq % 900 day,
            '2024-01-01' + interval seq % 900 + 30 + seq % 60 day,
            (seq * 7919 % 10000000 + 1) / 100, 'BRL',
            case when seq % 50 = 0 then 'cancelled' else 'open' end,
            seq % 500 = 0, 0.02, '2024-01-01 00:00:00' + interval seq second
        from seq_1_to_{rows}
    """,
}


@dataclass(frozen=True)
class Measured:
    """Wall-clock seconds of the work itself, and the process's peak memory."""

    seconds: float
    peak_mib: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.landing", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the comparison")
    parser.add_argument(
        "--memory-rows",
        type=int,
        default=10_000_000,
        help="rows of the memory measurement (0: none)",
    )
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--child", choices=sorted(WORK), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        run_child(arguments.child, arguments.folder)
        return
    for engine in arguments.engines:
        with server_of(engine) as server:
            compare(engine, server.create_database("one"), arguments.rows)
            server.drop_database("one")
            if arguments.memory_rows:
                remember(engine, server.create_database("many"), arguments.memory_rows)


def server_of(engine: str):
    from servers import PrivateMariadb, PrivatePostgres

    return PrivatePostgres() if engine == "postgresql" else PrivateMariadb()


def compare(engine: str, url: str, rows: int) -> None:
    fill(engine, url, rows)
    print(
        f"\n{engine}: {rows:,} receivables x 12 columns\n  "
        f"{'':<34}{'seconds':>9}{'rows/s':>12}{'x floor':>9}{'peak MiB':>10}"
    )
    client(engine, url)  # the first read of a table is not measured
    floor = min((client(engine, url) for _ in range(2)), key=lambda measured: measured.seconds)
    show("command-line client, thrown away", floor, rows, floor)
    show("rows in bulk, thrown away", measure("read", engine, url), rows, floor)
    stored = measure("store", engine, url)
    show("rows in bulk, to Parquet", stored, rows, floor)
    show("rows in bulk, cleaned", measure("clean", engine, url), rows, floor)
    landed = measure("land", engine, url)
    show("landing, keys in order", landed, rows, floor)
    show("landing, keys in no order", measure("land", engine, url, SCATTERED[engine]), rows, floor)
    frame = measure("pandas", engine, url)
    show("pandas.read_sql", frame, rows, floor)
    faster = [f"{frame.seconds / measured.seconds:.1f}" for measured in (stored, landed)]
    print(
        f"  the table to Parquet is {faster[0]} times as fast as pandas.read_sql, the landing "
        f"{faster[1]} times"
    )


def remember(engine: str, url: str, rows: int) -> None:
    fill(engine, url, rows)
    print(
        f"\n{engine}: {rows:,} receivables x 12 columns\n  "
        f"{'':<34}{'seconds':>9}{'rows/s':>12}{'':>9}{'peak MiB':>10}"
    )
    show("landing, keys in order", measure("land", engine, url), rows)
    show("landing, keys in no order", measure("land", engine, url, SCATTERED[engine]), rows)


def show(what: str, measured: Measured, rows: int, floor: Measured | None = None) -> None:
    ratio = f"{measured.seconds / floor.seconds:>9.2f}" if floor else " " * 9
    print(
        "  "
        f"{what:<34}{measured.seconds:>9.1f}{rows / measured.seconds:>12,.0f}"
        f"{ratio}{measured.peak_mib:>10.0f}",
        flush=True,
    )


def fill(engine: str, url: str, rows: int) -> None:
    """Create the three tables and let the server make up their rows."""
    kinds = {"flag": "boolean", "time": "timestamp" if engine == "postgresql" else "datetime"}
    database = create_engine(driver_url(url))
    statements = [part for part in TABLES.format(**kinds).split(";") if part.strip()]
    numbers = (
        f"generate_series(0, {CUSTOMERS - 1}) seq"
        if engine == "postgresql"
        else f"seq_0_to_{CUSTOMERS - 1}"
    )
    statements.append(
        f"insert into customers select concat('C', seq), concat('Cliente ', seq) from {numbers}"
    )
    statements.append(
        "insert into receivables " + ROWS[engine].format(rows=rows, customers=CUSTOMERS)
    )
    with database.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(
            "vacuum analyze" if engine == "postgresql" else "analyze table receivables"
        )
    database.dispose()


def driver_url(url: str) -> URL:
    return make_url(url.replace("postgresql://", "postgresql+psycopg://"))


def client(engine: str, url: str) -> Measured:
    """``psql`` or ``mariadb`` reading the table with no more buffering than its default."""
    place = make_url(url)
    environment = dict(os.environ, PGPASSWORD=place.password, MYSQL_PWD=place.password)
    query = "select * from receivables"
    if engine == "postgresql":
        command = [
            "psql",
            "-X",
            "-A",
            "-t",
            "-h",
            place.host,
            "-p",
            str(place.port),
            "-U",
            place.username,
            "-c",
            query,
        ]
    else:
        command = [
            "mariadb",
            "--no-defaults",
            "--quick",
            "-h",
            place.host,
            "-P",
            str(place.port),
            "-u",
            place.username,
            "-e",
            query,
        ]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, place.database], env=environment, stdout=subprocess.DEVNULL
    )
    peak = ended(process)
    return Measured(time.perf_counter() - started, peak)


def measure(work: str, engine: str, url: str, key: str = "receivable_id") -> Measured:
    """Run one piece of work in a process of its own; it prints its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "config" / "sources"
        copy_config(sources.parent)
        for source in sources.iterdir():
            source.unlink()
        (sources / "erp.yml").write_text(SOURCE.format(key=key))
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.landing", "--child", work, "--folder", folder],
            env=dict(os.environ, AIRFLOW_CONN_ERP=url), stdout=subprocess.PIPE, text=True,
            cwd=PROJECT_ROOT,
        )  # fmt: skip
        seconds = process.stdout.read()
        return Measured(float(seconds), ended(process))


def ended(process: subprocess.Popen) -> float:
    """Wait for a process; its peak memory in MiB."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        sys.exit(f"{process.args[0]} failed")
    return usage.ru_maxrss / 1024


def run_child(work: str, folder: Path) -> None:
    job = WORK[work](folder)
    started = time.perf_counter()
    job()
    print(time.perf_counter() - started)


def land(folder: Path) -> Callable[[], object]:
    from cobranca.landing import land

    settings = prepared(folder)
    return lambda: land.land_all(settings, DAY, "run")


def read(folder: Path) -> Callable[[], object]:
    settings = prepared(folder)
    return lambda: sum(len(chunk) for _, chunk in rows_of(settings))


def store(folder: Path) -> Callable[[], object]:
    from cobranca.landing.parquet_file import ParquetFile

    def work() -> None:
        with ExitStack() as stack:
            file = None
            for _, chunk in rows_of(settings):
                file = file or stack.enter_context(
                    ParquetFile(folder / "rows.parquet", chunk.table.schema)
                )
                file.write(chunk.table)

    settings = prepared(folder)
    return work


def clean(folder: Path) -> Callable[[], object]:
    from cobranca.sources.cleaning.cleaner import Cleaner

    def work() -> None:
        cleaner = None
        for columns, chunk in rows_of(settings):
            cleaner = cleaner or Cleaner("erp", "receivables", columns)
            cleaner.clean(chunk)

    settings = prepared(folder)
    return work


def rows_of(settings: Settings) -> Iterator[tuple]:
    """The receivables chunk by chunk, with the names of their columns."""
    from cobranca.sources.mapping.load import get_mapping
    from cobranca.sources.open_snapshot import open_snapshot

    mapping = get_mapping(settings, "erp")
    with open_snapshot(mapping) as snapshot:
        stream = snapshot.bulk("receivables", mapping.entities.receivables.query)
        for chunk in stream.chunks:
            yield stream.columns, chunk


def prepared(folder: Path) -> Settings:
    """Settings, with everything imported and read that a process does once."""
    import adbc_driver_postgresql  # noqa: F401
    import duckdb  # noqa: F401
    import pandas  # noqa: F401  # pyarrow imports it for its first value
    import psycopg  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pymysql  # noqa: F401

    from cobranca.landing import finalize, incremental, land  # noqa: F401
    from cobranca.redaction import erasure_registry, parquet_redaction  # noqa: F401
    from cobranca.sources import schema_drift  # noqa: F401
    from cobranca.sources.drivers import arrow_mysql, arrow_postgresql, database  # noqa: F401

    ledger = f"sqlite:///{folder}/ledger.db"
    settings = Settings(
        config=folder / "config", data=folder, warehouse="", ledger=ledger, delivery="outbox"
    )
    bounds.arrival_bounds(settings, DAY)
    return settings


def pandas(folder: Path) -> Callable[[], object]:
    import pandas as pd

    database = create_engine(driver_url(os.environ["AIRFLOW_CONN_ERP"]))
    return lambda: pd.read_sql("select * from receivables", database)


WORK = {"read": read, "store": store, "clean": clean, "land": land, "pandas": pandas}

if __name__ == "__main__":
    main()
