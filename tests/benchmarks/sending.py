"""Planning, rendering and sending many messages to a stand-in on loopback, beside the bare SDK posting the same bodies.

``python -m tests.benchmarks.sending [SIZE]``: the ledger is on a PostgreSQL of its own, the last look asks a real source,
8 threads send. Each stage is a process of its own, so that its peak memory is its own. Nothing here passes or fails.
"""

import argparse
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path

from cobranca.settings import PROJECT_ROOT, Settings

sys.path.insert(0, str(PROJECT_ROOT / "tests"))
NIGHT = date(2026, 11, 18)
THREADS = 8
KEY = "SG.benchmark"
BODIES = 1000
STAGES = ("fill", "bodies", "bare", "send")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sending", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000], help="numbers of messages")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--provider", help=argparse.SUPPRESS)
    parser.add_argument("--ledger", help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
    elif arguments.stage:
        run_stage(arguments.stage, arguments.folder, arguments.sizes[0], arguments.provider, arguments.ledger)
    else:
        measure(arguments.sizes)


def measure(sizes: list[int]) -> None:
    from cobranca.local.postgres import PrivatePostgres

    server = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.sending", "--serve"], stdout=subprocess.PIPE, text=True)
    provider = server.stdout.readline().strip()
    try:
        with PrivatePostgres() as postgres:
            for number, size in enumerate(sizes):
                with tempfile.TemporaryDirectory() as folder:
                    report(size, provider, postgres.create_database(f"ledger_{number}"), Path(folder))
    finally:
        server.terminate()


def report(size: int, provider: str, ledger: str, folder: Path) -> None:
    print(f"\n{size:,} messages, {THREADS} threads, ledger on PostgreSQL")
    timed("fill", folder, size, provider, ledger)
    timed("bodies", folder, size, provider, ledger)
    rates, peaks = {}, {}
    for stage, number in (("bare", min(size, 10_000)), ("send", size)):
        seconds, processor, peaks[stage] = timed(stage, folder, number, provider, ledger)
        rates[stage] = number / seconds
        cost = f"{processor / number * 1000:.2f} ms of processor each"
        print(f"  {stage:<6}{seconds:>8.1f} s {rates[stage]:>8,.0f} messages/s, {cost}, {peaks[stage]:.0f} MiB", flush=True)
    print(f"  plan + render + send : bare SDK = {rates['send'] / rates['bare']:.2f}")


def timed(stage: str, folder: Path, size: int, provider: str, ledger: str) -> tuple[float, float, float]:
    """Wall and processor seconds as the stage itself measures them (without the start of Python) and its peak MiB."""
    command = [sys.executable, "-m", "tests.benchmarks.sending", str(size), "--stage", stage, "--folder", str(folder)]
    process = subprocess.Popen([*command, "--provider", provider, "--ledger", ledger], stdout=subprocess.PIPE, text=True)
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"stage {stage} failed")
    seconds, processor = (float(figure) for figure in told.strip().splitlines()[-1].split())
    return seconds, processor, usage.ru_maxrss / 1024


def run_stage(stage: str, folder: Path, size: int, provider: str, ledger: str) -> None:
    settings = Settings(PROJECT_ROOT / "include" / "config", folder / "data", "", ledger, "sendgrid")
    os.environ["AIRFLOW_CONN_BILLING"] = f"sqlite:///{folder / 'billing.db'}"
    os.environ["AIRFLOW_CONN_SENDGRID"] = json.dumps({"conn_type": "http", "host": provider, "password": KEY})
    seconds = {"fill": fill, "bodies": write_bodies, "bare": send_bare, "send": send_all}[stage](settings, folder, size)
    print(seconds, time.process_time())


def fill(settings: Settings, folder: Path, size: int) -> float:
    """An approved plan of one overdue receivable a payer, and the source that it was made from."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cobranca.manifest import FileEntry, draft_folder, publish
    from faults.billing import create_billing
    from reminders.plans import SCHEMA, item, judge, message

    settings.data.mkdir(parents=True)
    root = settings.folder("outbound", NIGHT)
    draft = draft_folder(root, "plan")
    # Sorted by message, as the plan of a real night is.
    numbers = sorted(range(size), key=lambda n: message(n, [{"receivable_key": ""}])[0]["message_key"])
    with pq.ParquetWriter(draft / "out_reminders.parquet", SCHEMA) as writer, sqlite3.connect(folder / "billing.db") as billing:
        create_billing(billing)
        for start in range(0, size, 5000):
            chunk = numbers[start : start + 5000]
            rows = [row for n in chunk for row in message(n, [item(f"B{n:06d}", source="billing")])]
            writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
            create_billing(billing, rows)
    entry = FileEntry.of(draft, "out_reminders.parquet", size)
    judge(settings, publish(root, draft, kind="outbound", business_date=NIGHT, files=[entry]))
    return 0.0


def write_bodies(settings: Settings, folder: Path, size: int) -> float:
    from cobranca.policy import load_policy
    from cobranca.reminders.channels.sendgrid_mail import compose
    from cobranca.reminders.letters import LetterWriter
    from cobranca.reminders.messages import open_plan
    from cobranca.reminders.planning import approved_batch

    writer = LetterWriter(load_policy(settings.config, NIGHT).creditor, NIGHT)
    with open_plan(settings, approved_batch(settings, NIGHT)) as plan_file:
        chunk = next(plan_file.messages(chunk_size=BODIES))
    bodies = [compose(writer.write(message)) for message in chunk]
    (folder / "bodies.json").write_text(json.dumps(bodies))
    return 0.0


def send_bare(settings: Settings, folder: Path, size: int) -> float:
    """The SDK as it comes, its answers only counted."""
    from sendgrid import SendGridAPIClient

    from cobranca.connections import get_connection

    bodies = json.loads((folder / "bodies.json").read_text())
    host = get_connection("sendgrid").host
    left, accepted, lock = iter(range(size)), [], threading.Lock()

    def post() -> None:
        api = SendGridAPIClient(api_key=KEY, host=host)
        while True:
            with lock:
                number = next(left, None)
            if number is None:
                return
            if api.send(bodies[number % len(bodies)]).status_code == 202:
                accepted.append(number)

    threads = [threading.Thread(target=post) for _ in range(THREADS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(accepted) == size
    return time.perf_counter() - started


def send_all(settings: Settings, folder: Path, size: int) -> float:
    """The night's own planning and delivery."""
    from cobranca.reminders import deliver, plan
    from reminders.plans import noon

    started = time.perf_counter()
    plan(settings, NIGHT)
    planned = time.perf_counter()
    counts = deliver(settings, NIGHT, clock=noon(NIGHT))
    ended = time.perf_counter()
    assert counts.sent == size, counts
    print(f"         plan {planned - started:.1f} s, deliver {ended - planned:.1f} s", file=sys.stderr)
    return ended - started


def serve() -> None:
    """Accept every mail as fast as it can be read; a connection may stay open."""
    server = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(f"http://127.0.0.1:{server.getsockname()[1]}", flush=True)
    while True:
        client, _ = server.accept()
        threading.Thread(target=answer, args=(client,), daemon=True).start()


def answer(client: socket.socket) -> None:
    with client, client.makefile("rb") as stream:
        while line := stream.readline():
            length, closes = 0, False
            while line != b"\r\n":
                name, _, value = line.lower().partition(b":")
                length = int(value) if name == b"content-length" else length
                closes = closes or (name == b"connection" and value.strip() == b"close")
                line = stream.readline()
            stream.read(length)
            end = b"close" if closes else b"keep-alive"
            client.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-Message-Id: x\r\nConnection: " + end + b"\r\n\r\n")
            if closes:
                return


if __name__ == "__main__":
    main()
