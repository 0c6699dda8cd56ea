"""Nights for fault injection: a plan about a real billing database, and worker processes."""

import contextlib
import json
import os
import signal
import sqlite3
import time
from datetime import UTC, date, datetime
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import sqlalchemy as sa

from cobranca.errors import LedgerError, PartitionError
from cobranca.ledger import open_ledger
from cobranca.ledger.provider_events import record_consent
from cobranca.ledger.tables import contacts
from cobranca.reminders import plan as enter_plan
from cobranca.reminders.delivery import worker_process
from cobranca.reminders.delivery.sender import SENDING_PER_THREAD
from cobranca.settings import Settings
from faults import worker
from faults.billing import add_return_files, create_billing, pay
from faults.checker import Planned, Report, StopTimes, check
from faults.provider import StandInProvider
from reminders.plans import TONIGHT, item, message, publish_plan
from return_files import ReturnRecord, return_file

# Workers are forked from a process that has everything imported and no threads.
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "faults.worker",
        "duckdb",
        "sendgrid",
        "alembic.command",
        "cobranca.landing.land",
        "cobranca.sources.cleaning.cleaner",
        "cobranca.policy",
    ]
)
CANARY_KEY = "SG.canary-api-key-7f3a"
THREADS = 4
# How many messages a dead or suspended worker leaves unknown at most.
SENDING_AT_MOST = SENDING_PER_THREAD * THREADS
LEASE = 1.5
# The timeout of a worker in a test without late answers, so that a busy machine causes none.
LONG_TIMEOUT = 20
FRESH = 3.0


class Night:
    """Plans of messages about a real billing database, and workers that deliver them."""

    def __init__(self, settings: Settings, ledger_url: str, folder: Path, messages: int = 24):
        self.settings = Settings(
            settings.config, settings.data, settings.warehouse, ledger_url, "sendgrid"
        )
        self.folder = folder
        self.source = folder / "billing.db"
        self.planned: list[Planned] = []
        self.stops = StopTimes()
        self.workers = 0
        self.publish(TONIGHT, messages)
        self.keys = [planned.message_key for planned in self.planned]

    def publish(self, night: date, messages: int) -> None:
        """Approve a plan with the same debts at the same step, as if nothing had been sent."""
        plan = self._plan(night, messages)
        publish_plan(self.settings, plan, night=night)
        with contextlib.closing(sqlite3.connect(self.source)) as billing:
            if night == TONIGHT:
                create_billing(billing, [row for rows in plan for row in rows])
        for rows in plan:
            head = rows[0]
            contact = head["episode_key"], head["step"], head["channel"]
            self.planned.append(
                Planned(
                    head["message_key"],
                    head["customer_key"],
                    contact,
                    tuple(row["receivable_id"] for row in rows),
                )
            )

    @staticmethod
    def _plan(night: date, messages: int, reason: str = "primeiro aviso") -> list[list[dict]]:
        days = (night - TONIGHT).days + 1
        return [
            message(
                n,
                [item(f"B{n:05d}", source="billing", days=days, night=night)],
                night=night,
                reason=reason,
            )
            for n in range(messages)
        ]

    def plan_again(self, is_new: bool) -> None:
        """Run the planner during a delivery: of the same batch, or of a new equal one."""
        if is_new:
            publish_plan(self.settings, self._plan(TONIGHT, len(self.keys), reason="de novo"))
        # The ledger may crash, and the verdict of the batch may be missing at this moment. The DAG
        # would retry the task.
        with contextlib.suppress(sa.exc.OperationalError, LedgerError, PartitionError):
            enter_plan(self.settings, TONIGHT)

    def pay(self, number: int, cents: int = 100_000) -> None:
        receivable = f"B{number:05d}"
        with contextlib.closing(sqlite3.connect(self.source, timeout=30)) as billing:
            pay(billing, receivable, cents, f"P{number}")
        self.stops.paid_at.setdefault(receivable, time.time())

    def opt_out(self, number: int) -> None:
        """Record that a payer follows the unsubscribe link of an earlier letter."""
        customer_key, now = self.planned[number].customer_key, datetime.now(UTC)
        engine = open_ledger(self.settings.ledger)
        record_consent(engine, customer_key, "email", is_opted_in=False, origin="link", at=now)
        engine.dispose()
        self.stops.opted_out_at.setdefault(customer_key, time.time())

    def add_return_folder(self) -> None:
        """Read payments from return files too; a file about another receivable exists."""
        self.return_folder = self.folder / "retorno"
        self.return_folder.mkdir()
        add_return_files(self.settings, self.return_folder)
        (self.return_folder / "landed.ret").write_bytes(
            return_file("bradesco400", "237", ReturnRecord("other"))
        )

    def drop_return_file(self, *numbers: int, cents: int = 100_000, is_slow: bool = False) -> None:
        """Write a return file; a slow one is incomplete for a moment."""
        receivables = [f"B{number:05d}" for number in numbers]
        content = return_file(
            "bradesco400",
            "237",
            *(ReturnRecord(one, paid=cents, our_number=one) for one in receivables),
        )
        path = self.return_folder / f"{numbers[0]}.ret"
        with path.with_suffix(".ret" if is_slow else ".part").open("wb") as file:
            for part in (content[:700], content[700:]):
                file.write(part)
                file.flush()
        os.replace(file.name, path)
        for receivable in receivables:
            self.stops.paid_at.setdefault(receivable, time.time())

    def start(self, provider_url: str, **options) -> BaseProcess:
        self.workers += 1
        options = {
            "config": str(self.settings.config),
            "data": str(self.settings.data),
            "ledger": self.settings.ledger,
            "night": TONIGHT.isoformat(),
            "log": str(self.log),
            "result": str(self.result),
            "lease": LEASE,
            "timeout": LONG_TIMEOUT,
            "environment": {
                "AIRFLOW_CONN_BILLING": f"sqlite:///{self.source}",
                "AIRFLOW_CONN_SENDGRID": json.dumps(
                    {"conn_type": "http", "host": provider_url, "password": CANARY_KEY}
                ),
            },
            **options,
        }
        process = PROCESSES.Process(target=worker.run, args=(options,))
        process.start()
        return process

    @property
    def log(self) -> Path:
        """Error output of the newest worker."""
        return self.folder / f"worker{self.workers}.log"

    @property
    def result(self) -> Path:
        return self.folder / f"worker{self.workers}.json"

    def run(self, provider_url: str, **options) -> tuple[int, dict]:
        process = self.start(provider_url, **options)
        process.join(timeout=120)
        return process.exitcode, self.counts() if process.exitcode == 0 else {}

    def suspend(self, worker: BaseProcess) -> None:
        """Suspend a worker; on SQLite not during a write, which would lock the ledger for all."""
        while worker.is_alive():
            os.kill(worker.pid, signal.SIGSTOP)
            if self._is_writable():
                return
            os.kill(worker.pid, signal.SIGCONT)
            time.sleep(0.01)

    def _is_writable(self) -> bool:
        path = Path(self.settings.ledger.removeprefix("sqlite:///"))
        if not self.settings.ledger.startswith("sqlite") or not path.exists():
            return True
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as ledger:
            try:
                ledger.execute("begin immediate")
            except sqlite3.OperationalError:
                return False
            return True

    def counts(self) -> dict:
        """Counts returned by the newest worker."""
        return json.loads(self.result.read_text())

    def lost_processes(self) -> int:
        """Count the sending processes that worker pools have lost."""
        logs = (self.folder / f"worker{number}.log" for number in range(1, self.workers + 1))
        return sum(log.read_text().count(") is gone") for log in logs if log.exists())

    def states(self) -> dict[str, str]:
        engine = open_ledger(self.settings.ledger)
        with engine.connect() as connection:
            found = dict(
                connection.execute(sa.select(contacts.c.message_key, contacts.c.state)).all()
            )
        engine.dispose()
        return found

    def report(
        self,
        provider: StandInProvider,
        staleness: float = 60,
        nights: tuple[date, ...] = (TONIGHT,),
    ) -> Report:
        accepted = [
            (mail["custom_args"]["message_key"], mail["accepted_at"])
            for mail in provider.accepted()
        ]
        return check(
            self.settings.ledger,
            nights,
            self.planned,
            accepted,
            self.stops,
            staleness,
        )

    def check(self, provider: StandInProvider, staleness: float = 60) -> Report:
        report = self.report(provider, staleness)
        assert not any(report.faults.values()), (report.faults, report.states)
        assert sum(report.states.values()) == len(self.keys), report.states
        return report


def sending_processes(worker: BaseProcess, number: int = 1, seconds: float = 60) -> list[int]:
    """Wait until a worker has started ``number`` processes; returns their ids.

    A process counts once it runs its own program: one suspended before that would keep its parent
    waiting for ever.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until and worker.is_alive():
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
            found = [
                int(pid)
                for pid in children
                if worker_process.__name__.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
            ]
            if len(found) >= number:
                return found
        time.sleep(0.01)
    return []
