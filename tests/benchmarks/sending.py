"""Plan, render and send many messages to a stand-in on loopback, next to the bare SDK.

``python -m tests.benchmarks.sending [SIZE ...]``: the bare SDK posts the same bodies. The ledger is
on a PostgreSQL of its own (which does not wait for its disk). The pre-send check asks a real
source. 8 threads send, shared by as many processes as the machine has processors. The stand-in has
every mail on disk before it answers, the bare SDK's too.

Each stage is a process of its own; memory is the highest sum of all its processes. Processor time
includes that of PostgreSQL and of the stand-in, since they share the machine. Nothing passes or
fails.
"""

import argparse
import json
import os
import selectors
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import wraps
from pathlib import Path

from tests.creditor_files import copy_config

from cobranca.schema import PRINCIPAL
from cobranca.settings import PROJECT_ROOT, Settings

sys.path.insert(0, str(PROJECT_ROOT / "tests"))
NIGHT = date(2026, 11, 18)
THREADS = 8
KEY = "SG.benchmark"
BODIES = 1000
# Enough to tell what a message costs; in one process, so that nothing else is in the figures.
PARTS_OF = 3000
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-Message-Id: x\r\nConnection: "
STAGES = ("fill", "bodies", "bare", "send", "parts")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sending", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000], help="numbers of messages")
    parser.add_argument(
        "--processes", type=int, help="sending processes (default: as the product chooses)"
    )
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--provider", help=argparse.SUPPRESS)
    parser.add_argument("--ledger", help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
    elif arguments.stage:
        settings = {"delivery_processes": arguments.processes} if arguments.processes else {}
        run_stage(
            arguments.stage,
            arguments.folder,
            arguments.sizes[0],
            arguments.provider,
            arguments.ledger,
            settings,
        )
    else:
        measure(arguments.sizes, arguments.processes)


def measure(sizes: list[int], processes: int | None) -> None:
    from cobranca.local.postgres import PrivatePostgres

    with tempfile.TemporaryDirectory() as mails, PrivatePostgres() as postgres:
        command = [sys.executable, "-m", "tests.benchmarks.sending", "--serve", mails]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            machine = Machine(
                provider=server.stdout.readline().strip(),
                stand_in=server.pid,
                postgres=int((postgres.data / "postmaster.pid").read_text().split()[0]),
                processes=processes,
            )
            for number, size in enumerate(sizes):
                with tempfile.TemporaryDirectory() as folder:
                    machine.folder = Path(folder)
                    report(
                        machine,
                        size,
                        lambda name, number=number: postgres.create_database(f"{name}_{number}"),
                    )
        finally:
            server.terminate()


@dataclass
class Machine:
    """The servers of a stage, and the processes whose time counts."""

    provider: str
    stand_in: int
    postgres: int
    processes: int | None
    folder: Path = Path()


@dataclass
class Figures:
    """The figures of one stage: wall seconds, processor seconds, peak MiB.

    Wall seconds are those that the stage itself reports, without the start of Python.
    """

    seconds: float
    own: float
    stand_in: float
    postgres: float
    mebibytes: float


def report(machine: Machine, size: int, create_ledger: Callable[[str], str]) -> None:
    print(f"\n{size:,} messages, {THREADS} threads, ledger on PostgreSQL")
    for stage in ("fill", "bodies"):
        timed(machine, stage, size, f"sqlite:///{machine.folder / 'none.db'}")
    rates = {}
    for stage, number in (("bare", min(size, 10_000)), ("send", size)):
        found = timed(machine, stage, number, create_ledger(stage))
        rates[stage] = number / found.seconds
        each = {
            name: getattr(found, name) / number * 1000 for name in ("own", "stand_in", "postgres")
        }
        print(
            f"  {stage:<5}{found.seconds:>7.1f} s{rates[stage]:>7,.0f} messages/s, "
            f"{found.mebibytes:.0f} MiB; processor "
            f"{each['own']:.2f} + stand-in {each['stand_in']:.2f} + PostgreSQL "
            f"{each['postgres']:.2f} ms each",
            flush=True,
        )
    print(f"  plan + render + send : bare SDK = {rates['send'] / rates['bare']:.2f}", flush=True)
    timed(machine, "parts", min(size, PARTS_OF), create_ledger("parts"))


def timed(machine: Machine, stage: str, size: int, ledger: str) -> Figures:
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.sending",
        str(size),
        "--stage",
        stage,
        "--folder",
        str(machine.folder),
    ]
    command += ["--provider", machine.provider, "--ledger", ledger]
    command += ["--processes", str(machine.processes)] if machine.processes else []
    before = processor_of(machine.stand_in), processor_of(machine.postgres)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = Peak(process.pid)
    output = process.stdout.read()
    failed, mebibytes = process.wait(), peak.end()
    if failed:
        sys.exit(f"stage {stage} failed")
    after = processor_of(machine.stand_in), processor_of(machine.postgres)
    seconds, own = (float(figure) for figure in output.strip().splitlines()[-1].split())
    return Figures(seconds, own, after[0] - before[0], after[1] - before[1], mebibytes)


def family(pid: int) -> list[int]:
    """A process and all that it started and that still run."""
    children = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        if stat := _stat(path):
            children[int(stat[1])].append(int(path.parent.name))
    found = [pid]
    for member in found:
        found += children[member]
    return found


def processor_of(pid: int) -> float:
    """Seconds that a process and its children, living and gone, have used so far."""
    ticks = 0
    for member in family(pid):
        if stat := _stat(Path(f"/proc/{member}/stat")):
            ticks += sum(int(figure) for figure in stat[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _stat(path: Path) -> list[str] | None:
    """What follows the name, from the state on; ``None`` where the process is gone."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:
        return None


class Peak:
    """Watches the resident memory of a process and its children."""

    def __init__(self, pid: int):
        self._pid, self._highest, self._over = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            pages = 0
            for member in family(self._pid):
                try:
                    pages += int(Path(f"/proc/{member}/statm").read_text().split()[1])
                except OSError:
                    continue
            self._highest = max(self._highest, pages * os.sysconf("SC_PAGE_SIZE"))

    def end(self) -> float:
        self._over.set()
        self._thread.join()
        return self._highest / 2**20


def run_stage(
    stage: str, folder: Path, size: int, provider: str, ledger: str, choices: dict
) -> None:
    settings = Settings(folder / "config", folder / "data", "", ledger, "sendgrid", **choices)
    os.environ["AIRFLOW_CONN_BILLING"] = f"sqlite:///{folder / 'billing.db'}"
    os.environ["AIRFLOW_CONN_SENDGRID"] = json.dumps(
        {"conn_type": "http", "host": provider, "password": KEY}
    )
    stages = {
        "fill": fill,
        "bodies": write_bodies,
        "bare": send_bare,
        "send": send_all,
        "parts": tell_parts,
    }
    seconds = stages[stage](settings, folder, size)
    # With the processes that it started and that have ended.
    print(seconds, sum(os.times()[:4]))


def fill(settings: Settings, folder: Path, size: int) -> float:
    """An approved plan of one overdue receivable a payer, its source and its landing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cobranca.landing.land import land_all
    from cobranca.ledger.payer_accounts import ALIASES
    from cobranca.partitions.manifest import FileEntry, draft_folder, publish
    from faults.billing import create_billing
    from reminders.plans import SCHEMA, item, judge, message

    settings.data.mkdir(parents=True)
    copy_config(settings.config)
    (settings.config / "sources" / "erp.yml").unlink()
    root = settings.folder("outbound", NIGHT)
    draft = draft_folder(root, "plan")
    # Sorted by message, as the plan of a real night is.
    numbers = sorted(
        range(size), key=lambda n: message(n, [{"receivable_key": ""}])[0]["message_key"]
    )
    aliases = pa.schema([(name, pa.string()) for name in ("source", "customer_id", "customer_key")])
    with (
        pq.ParquetWriter(draft / "out_reminders.parquet", SCHEMA) as reminders,
        pq.ParquetWriter(draft / ALIASES, aliases) as accounts,
        sqlite3.connect(folder / "billing.db") as billing,
    ):
        create_billing(billing)
        for start in range(0, size, 5000):
            chunk = numbers[start : start + 5000]
            rows = [row for n in chunk for row in message(n, [item(f"B{n:06d}", source="billing")])]
            reminders.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
            keys, ids = (
                [row["customer_key"] for row in rows],
                [f"A{row['receivable_id']}" for row in rows],
            )
            accounts.write_table(pa.table([["billing"] * len(keys), ids, keys], schema=aliases))
            create_billing(billing, rows)
    # It tells the pre-send check that the source keeps its keys as they were landed, so that they
    # need not be trimmed.
    land_all(settings, NIGHT, "benchmark")
    entries = [FileEntry.of(draft, name, size) for name in ("out_reminders.parquet", ALIASES)]
    judge(settings, publish(root, draft, kind="outbound", business_date=NIGHT, files=entries))
    return 0.0


def write_bodies(settings: Settings, folder: Path, size: int) -> float:
    from cobranca.policy import load_policy
    from cobranca.reminders.channels.sendgrid import compose
    from cobranca.reminders.plan.enter_plan import approved_batch
    from cobranca.reminders.plan.plan_file import open_plan
    from cobranca.reminders.render.email import LetterRenderer

    renderer = LetterRenderer(load_policy(settings.config, NIGHT).creditors[PRINCIPAL], NIGHT)
    with open_plan(settings, approved_batch(settings, NIGHT)) as plan_file:
        chunk = next(plan_file.messages(chunk_size=BODIES))
    bodies = [compose(renderer.render(message)) for message in chunk]
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
    from cobranca.reminders.plan.approvals import approve_volume
    from reminders.plans import noon

    started = time.perf_counter()
    plan(settings, NIGHT)
    # So many messages leave only with a person's word.
    approve_volume(settings, NIGHT, "benchmark")
    planned = time.perf_counter()
    counts = deliver(settings, NIGHT, clock=noon(NIGHT))
    ended = time.perf_counter()
    assert counts.sent == size, counts
    print(
        f"         plan {planned - started:.1f} s, deliver {ended - planned:.1f} s", file=sys.stderr
    )
    return ended - started


def tell_parts(settings: Settings, folder: Path, size: int) -> float:
    """Where the processor time of one process goes, message by message, on a plan of ``size``."""
    from cobranca.ledger.contact_lookups import ContactLookups
    from cobranca.ledger.contact_worker import ContactWorker
    from cobranca.reminders import deliver, plan
    from cobranca.reminders.channels.sendgrid import SendGrid
    from cobranca.reminders.delivery.pre_send_check import PreSendCheck
    from cobranca.reminders.plan import plan_file
    from cobranca.reminders.plan.approvals import approve_volume
    from cobranca.reminders.render.renderer import MessageRenderer
    from reminders.plans import noon

    settings = Settings(
        settings.config, settings.data, "", settings.ledger, "sendgrid", delivery_processes=1
    )
    spent: dict[str, float] = defaultdict(float)
    _count(spent, "pre-send check", PreSendCheck, "__call__")
    _count(spent, "write letters", MessageRenderer, "render")
    _count(spent, "post", SendGrid, "send")
    for client, names in (
        (ContactWorker, ("claim", "advance", "renew", "release")),
        (ContactLookups, ("counts", "missing")),
    ):
        for name in names:
            _count(spent, "ledger", client, name)
    _count(spent, "read the plan", plan_file, "_message")
    with _counted(spent, "plan"):
        plan(settings, NIGHT)
    approve_volume(settings, NIGHT, "benchmark")
    spent.pop("read the plan", None)
    before = time.process_time()
    number = deliver(settings, NIGHT, clock=noon(NIGHT)).sent
    spent["all else"] = time.process_time() - before - sum(spent.values()) + spent["plan"]
    parts = ", ".join(f"{name} {seconds / number * 1000:.2f}" for name, seconds in spent.items())
    print(f"  in one process, {number:,} messages, ms of processor each: {parts}", file=sys.stderr)
    return 0.0


_inside = threading.local()


@contextmanager
def _counted(spent: dict[str, float], part: str) -> Iterator[None]:
    """Processor time of this thread goes to ``part``, unless it goes to another part already."""
    if getattr(_inside, "part", None):
        yield
        return
    _inside.part, before = part, time.thread_time()
    try:
        yield
    finally:
        spent[part] += time.thread_time() - before
        _inside.part = None


def _count(spent: dict[str, float], part: str, owner, name: str) -> None:
    method = getattr(owner, name)

    @wraps(method)
    def counted(*args, **kwargs):
        with _counted(spent, part):
            return method(*args, **kwargs)

    setattr(owner, name, counted)


class _Mail:
    """One connection: what has come of its request, and where its end will be."""

    def __init__(self, client: socket.socket):
        self.client, self.head, self.body_from = client, b"", 0
        self.received = bytearray()
        self.length: int | None = None

    def is_whole(self) -> bool:
        if self.length is None and (end := self.received.find(b"\r\n\r\n")) >= 0:
            self.head = bytes(self.received[:end]).lower()
            _, _, value = self.head.partition(b"content-length:")
            self.body_from, self.length = end + 4, int(value.split(b"\r\n", 1)[0])
        return self.length is not None and len(self.received) >= self.body_from + self.length

    def take(self) -> bytes:
        body = bytes(self.received[self.body_from : self.body_from + self.length])
        self.received.clear()
        self.length = None
        return body

    @property
    def closes(self) -> bool:
        return b"connection: close" in self.head


def serve(folder: Path) -> None:
    """Accept every mail.

    All that came together are written and flushed to disk together, then each is answered.
    """
    server = socket.create_server(("127.0.0.1", 0), backlog=256)
    server.setblocking(False)
    print(f"http://127.0.0.1:{server.getsockname()[1]}", flush=True)
    waiting = selectors.DefaultSelector()
    waiting.register(server, selectors.EVENT_READ)
    log = os.open(folder / "mails", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        whole = [mail for key, _ in waiting.select() if (mail := _receive(waiting, server, key))]
        if not whole:
            continue
        os.writev(log, [part for mail in whole for part in (mail.take(), b"\n")])
        os.fdatasync(log)
        for mail in whole:
            end = b"close" if mail.closes else b"keep-alive"
            mail.client.sendall(
                b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-Message-Id: x\r\nConnection: "
                + end
                + b"\r\n\r\n"
            )
            if mail.closes:
                waiting.unregister(mail.client)
                mail.client.close()
        if os.fstat(log).st_size > 2**28:
            os.ftruncate(log, 0)


def _receive(
    waiting: selectors.BaseSelector, server: socket.socket, key: selectors.SelectorKey
) -> _Mail | None:
    """Take what one connection brings; returns its mail once that is whole."""
    if key.fileobj is server:
        client, _ = server.accept()
        waiting.register(client, selectors.EVENT_READ, _Mail(client))
        return None
    chunk = key.fileobj.recv(2**18)
    if not chunk:
        waiting.unregister(key.fileobj)
        key.fileobj.close()
        return None
    key.data.received += chunk
    return key.data if key.data.is_whole() else None


if __name__ == "__main__":
    main()
