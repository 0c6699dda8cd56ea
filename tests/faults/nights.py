"""Nights to break: a plan from a real billing database, workers in processes of their own, and what goes wrong by seed."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import sqlalchemy as sa

from cobranca.errors import LedgerError, PartitionError
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts
from cobranca.reminders import plan as enter_plan
from cobranca.reminders.sender import AHEAD
from cobranca.settings import Settings
from faults import worker
from faults.billing import add_return_files, create_billing, pay
from faults.checker import Planned, Report, check
from faults.provider import StandInProvider
from faults.worker import POINTS
from reminders.plans import TONIGHT, item, message, publish_plan
from return_files import Told, return_file

# Workers are forked from a process that has everything imported and no threads.
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["faults.worker", "duckdb", "sendgrid", "alembic.command", "cobranca.landing", "cobranca.sources.clean", "cobranca.policy"]
)
CANARY_KEY = "SG.canary-api-key-7f3a"
THREADS = 4
# What one dead or sleeping worker leaves in doubt at most.
IN_DOUBT = AHEAD * THREADS
LEASE = 1.5
# How long a worker waits for an answer where nothing is late on purpose: a busy machine is no fault of the provider's.
PATIENT = 20
FRESH = 3.0


class Night:
    """Plans of messages from a real billing database, and workers that deliver them."""

    def __init__(self, settings: Settings, ledger_url: str, folder: Path, messages: int = 24):
        self.settings = Settings(settings.config, settings.data, settings.warehouse, ledger_url, "sendgrid")
        self.folder = folder
        self.source = folder / "billing.db"
        self.planned: list[Planned] = []
        self.paid_at: dict[str, float] = {}
        self.workers = 0
        self.publish(TONIGHT, messages)
        self.keys = [planned.message_key for planned in self.planned]

    def publish(self, night: date, messages: int) -> None:
        """Approve a plan with the same debts at the same step, as if nothing had ever been sent."""
        plan = self._plan(night, messages)
        publish_plan(self.settings, plan, night=night)
        with contextlib.closing(sqlite3.connect(self.source)) as billing:
            if night == TONIGHT:
                create_billing(billing, [row for rows in plan for row in rows])
        for rows in plan:
            head = rows[0]
            contact = head["episode_key"], head["step"], head["channel"]
            self.planned.append(Planned(head["message_key"], contact, tuple(row["receivable_id"] for row in rows)))

    @staticmethod
    def _plan(night: date, messages: int, reason: str = "primeiro aviso") -> list[list[dict]]:
        days = (night - TONIGHT).days + 1
        return [
            message(n, [item(f"B{n:05d}", source="billing", days=days, night=night)], night=night, reason=reason)
            for n in range(messages)
        ]

    def plan_again(self, is_new: bool) -> None:
        """The planner once more, beside whoever delivers: the same batch, or a newer one that says the same."""
        if is_new:
            publish_plan(self.settings, self._plan(TONIGHT, len(self.keys), reason="de novo"))
        # Its ledger may crash, and its batch be judged at this moment: then its task would be tried again.
        with contextlib.suppress(sa.exc.OperationalError, LedgerError, PartitionError):
            enter_plan(self.settings, TONIGHT)

    def pay(self, number: int, cents: int = 100_000) -> None:
        receivable = f"B{number:05d}"
        with contextlib.closing(sqlite3.connect(self.source, timeout=30)) as billing:
            pay(billing, receivable, cents, f"P{number}")
        self.paid_at.setdefault(receivable, time.time())

    def hear_from_the_bank(self) -> None:
        """From now on payments are told by return files too; one of another receivable has been there all the time."""
        self.returned = self.folder / "retorno"
        self.returned.mkdir()
        add_return_files(self.settings, self.returned)
        (self.returned / "landed.ret").write_bytes(return_file("bradesco400", "237", Told("another's")))

    def pay_at_the_bank(self, *numbers: int, cents: int = 100_000, is_slow: bool = False) -> None:
        """A return file comes; of a slow one there is only half for a moment."""
        receivables = [f"B{number:05d}" for number in numbers]
        content = return_file("bradesco400", "237", *(Told(one, paid=cents, our_number=one) for one in receivables))
        path = self.returned / f"{numbers[0]}.ret"
        with path.with_suffix(".ret" if is_slow else ".part").open("wb") as file:
            for part in (content[:700], content[700:]):
                file.write(part)
                file.flush()
        os.replace(file.name, path)
        for receivable in receivables:
            self.paid_at.setdefault(receivable, time.time())

    def start(self, provider_url: str, **wish) -> BaseProcess:
        self.workers += 1
        wish = {
            "config": str(self.settings.config),
            "data": str(self.settings.data),
            "ledger": self.settings.ledger,
            "night": TONIGHT.isoformat(),
            "log": str(self.log),
            "result": str(self.result),
            "lease": LEASE,
            "timeout": PATIENT,
            "environment": {
                "AIRFLOW_CONN_BILLING": f"sqlite:///{self.source}",
                "AIRFLOW_CONN_SENDGRID": json.dumps({"conn_type": "http", "host": provider_url, "password": CANARY_KEY}),
            },
            **wish,
        }
        process = PROCESSES.Process(target=worker.run, args=(wish,))
        process.start()
        return process

    @property
    def log(self) -> Path:
        """What the newest worker wrote to its error output."""
        return self.folder / f"worker{self.workers}.log"

    @property
    def result(self) -> Path:
        return self.folder / f"worker{self.workers}.json"

    def run(self, provider_url: str, **wish) -> tuple[int, dict]:
        process = self.start(provider_url, **wish)
        process.join(timeout=120)
        return process.exitcode, self.told() if process.exitcode == 0 else {}

    def put_to_sleep(self, worker: BaseProcess) -> None:
        """Stop a worker; on SQLite not while it writes, for nobody else could then use the ledger at all."""
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

    def told(self) -> dict:
        """The counts that the newest worker returned."""
        return json.loads(self.result.read_text())

    def lost_processes(self) -> int:
        """How many sending processes their workers have missed."""
        logs = (self.folder / f"worker{number}.log" for number in range(1, self.workers + 1))
        return sum(log.read_text().count(") is gone") for log in logs if log.exists())

    def states(self) -> dict[str, str]:
        engine = open_ledger(self.settings.ledger)
        with engine.connect() as connection:
            found = dict(connection.execute(sa.select(contacts.c.message_key, contacts.c.state)).all())
        engine.dispose()
        return found

    def report(self, provider: StandInProvider, staleness: float = 60, nights: tuple[date, ...] = (TONIGHT,)) -> Report:
        accepted = [(mail["custom_args"]["message_key"], mail["accepted_at"]) for mail in provider.accepted()]
        return check(self.settings.ledger, nights, self.planned, accepted, self.paid_at, staleness)

    def check(self, provider: StandInProvider, staleness: float = 60) -> Report:
        report = self.report(provider, staleness)
        assert not any(report.faults.values()), (report.faults, report.states)
        assert sum(report.states.values()) == len(self.keys), report.states
        return report


@dataclass
class Outcome:
    """What one seed injected and what came of it."""

    injected: Counter
    report: Report
    ambiguity: int
    counts: dict

    @property
    def wrong(self) -> list[str]:
        """Empty when everything held."""
        wrong = [f"{name}: {number}" for name, number in self.report.faults.items() if number]
        if self.report.states["unknown"] > self.ambiguity:
            wrong.append(f"{self.report.states['unknown']} unknown, but only {self.ambiguity} answers or workers were in doubt")
        left = self.report.states.keys() - {"sent", "unknown", "rejected", "cancelled_paid"}
        if left:
            wrong.append(f"left in the states {sorted(left)}")
        told = {state: self.counts.get(state, 0) for state in self.report.states}
        if told != dict(self.report.states) or sum(told.values()) != self.counts.get("planned"):
            wrong.append(f"the counts {told} are not the states {dict(self.report.states)}")
        return wrong


def random_night(seed: int, settings: Settings, ledger_url: str, folder: Path, crash: Callable[[], object] | None) -> Outcome:
    """One night on which everything may go wrong, by seed; ``crash`` restarts the ledger's server where it has one.

    One or two workers at a time plan and deliver while the provider misbehaves, payments arrive in the source or in a bank's
    return file, and workers are killed or put to sleep at named points or at any moment (a sleeper wakes up after its lease was
    taken over). Then a last worker meets a provider that is well again.
    """
    rng = random.Random(seed)
    night, banker = Night(settings, ledger_url, folder, messages=16), random.Random(f"banker {seed}")
    night.hear_from_the_bank()
    script, injected = _script(rng), Counter()
    payments = {rng.randrange(24): rng.randrange(16) for _ in range(rng.randint(1, 3))}
    crash_on = rng.randrange(12) if crash and rng.random() < 0.5 else None
    calm = threading.Event()
    crashing: list[threading.Thread] = []
    planner = random.Random(f"planner {seed}")
    plan_on = {planner.randrange(16): planner.random() < 0.5} if planner.random() < 0.7 else {}

    def behave(number: int, key: str) -> str:
        if number in plan_on:
            injected["planned again"] += 1
            crashing.append(threading.Thread(target=night.plan_again, args=(plan_on[number],)))
            crashing[-1].start()
        if number in payments:
            customer, cents = payments[number], rng.randint(1, 100_000)
            if banker.random() < 0.5:
                night.pay_at_the_bank(customer, cents=cents, is_slow=banker.random() < 0.5)
                injected["payments in return files"] += 1
            else:
                night.pay(customer, cents)
                injected["payments"] += 1
        if number == crash_on:
            injected["ledger crashes"] += 1
            crashing.append(threading.Thread(target=crash))
            crashing[-1].start()
        return "ok" if calm.is_set() or number >= len(script) else script[number]

    with StandInProvider(folder / "mails.jsonl", behave, late_seconds=1.6) as provider:
        for _ in range(rng.randint(1, 2)):
            _round(rng, night, provider, injected)
        for thread in crashing:
            thread.join()
        calm.set()
        counts, fresh = {}, FRESH
        for _ in range(3):
            code, counts = night.run(provider.url, fresh=fresh, patience=15)
            if code == 0 and not counts["held"]:
                break
            # A machine that is too busy to ask the sources in this time is given more of it.
            fresh *= 3
        for thread in crashing:
            thread.join()
        injected.update({name: number for name, number in provider.behaved.items() if name != "ok"})
        injected["sending processes lost"] = night.lost_processes()
        lost = injected["killed"] + injected["asleep"] + injected["broke off"] + injected["sending processes lost"]
        doubt = provider.ambiguous + IN_DOUBT * lost
        return Outcome(injected, night.report(provider, _stale_after(fresh)), doubt, counts)


def sending_processes(worker: BaseProcess, number: int = 1, seconds: float = 60) -> list[int]:
    """The processes that a worker has started, once there are so many of them."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and worker.is_alive():
        with contextlib.suppress(OSError):
            found = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
            if len(found) >= number:
                return [int(pid) for pid in found]
        time.sleep(0.01)
    return []


def _stale_after(fresh: float) -> float:
    """A look is fresh for so many seconds, a letter may leave as long again after it, and a loaded machine is slow."""
    return 2 * fresh + 1


def _script(rng: random.Random) -> list[str]:
    behaviours = ["ok"] * 24 + ["slow", "accept_then_hang_up", "400", "413", "drop", "accept_then_drop", "late"]
    behaviours += ["accept_then_late", "500", "accept_then_500", "accept_then_cut", "302", "200"]
    script = [rng.choice(behaviours) for _ in range(60)]
    if rng.random() < 0.3:
        start = rng.randrange(12)
        script[start : start + 6] = ["429"] * 6
    if rng.random() < 0.2:
        start = rng.randrange(4, 16)
        script[start : start + 5] = ["401"] * 5
    return script


def _round(rng: random.Random, night: Night, provider: StandInProvider, injected: Counter) -> None:
    """One or two workers at once, each with its own misfortune; one that watches over sending processes is alone."""
    if night.settings.ledger.startswith("postgresql") and rng.random() < 0.4:
        return _round_of_processes(rng, night, provider, injected)
    started = []
    for _ in range(rng.choice((1, 1, 2))):
        misfortune = rng.choice(("none", "die_at", "die_at", "stop_at", "killed", "stopped"))
        wish = {misfortune: rng.choice(POINTS), "die_on": rng.randint(1, 4)} if misfortune.endswith("_at") else {}
        size = rng.choice((4, 10))
        worker = night.start(provider.url, timeout=1.2, fresh=FRESH, patience=6, claim_size=size, **wish)
        started.append((worker, misfortune, rng.uniform(0.2, 1.5)))
    for worker, misfortune, moment in started:
        if misfortune in ("killed", "stopped"):
            worker.join(moment)
            if worker.is_alive():
                night.put_to_sleep(worker) if misfortune == "stopped" else os.kill(worker.pid, signal.SIGKILL)
    _see_the_end(night, provider, [worker for worker, _, _ in started], injected)


def _round_of_processes(rng: random.Random, night: Night, provider: StandInProvider, injected: Counter) -> None:
    """Two sending processes and the worker that watches over them: any of the three is killed or put to sleep."""
    asked, after = sum(provider.behaved.values()), rng.randint(0, 10)
    worker = night.start(provider.url, timeout=1.2, fresh=FRESH, patience=6, claim_size=4, processes=2)
    victims = [*sending_processes(worker, 2), worker.pid]
    until = time.monotonic() + 20
    while worker.is_alive() and sum(provider.behaved.values()) - asked < after and time.monotonic() < until:
        time.sleep(0.005)
    injected["watched over"] += 1
    if worker.is_alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(victims), rng.choice((signal.SIGKILL, signal.SIGSTOP)))
    _see_the_end(night, provider, [worker], injected)


def _see_the_end(night: Night, provider: StandInProvider, started: list[BaseProcess], injected: Counter) -> None:
    sleepers = [worker for worker in started if _ended_or_asleep(worker)]
    if sleepers:
        injected["asleep"] += len(sleepers)
        # Longer than the lease, so that another takes over what they hold.
        night.run(provider.url, timeout=1.2, fresh=FRESH, patience=4)
        for worker in sleepers:
            os.kill(worker.pid, signal.SIGCONT)
    for worker in started:
        worker.join(60)
        injected["killed"] += worker.exitcode == -signal.SIGKILL
        injected["broke off"] += worker.exitcode not in (0, -signal.SIGKILL)


def _ended_or_asleep(worker: BaseProcess) -> bool:
    """Wait for either; whether it sleeps."""
    while worker.is_alive():
        with contextlib.suppress(OSError, IndexError):
            state = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "T":
                return True
        worker.join(0.05)
    return False
