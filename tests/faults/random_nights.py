"""Random nights: inject faults by seed, and compare what is left with the invariants."""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from cobranca.settings import Settings
from faults.checker import Report
from faults.nights import FRESH, SENDING_AT_MOST, Night, sending_processes
from faults.provider import StandInProvider
from faults.worker import POINTS


@dataclass
class Outcome:
    """Result of one seed: the faults injected, the checker's report, and the delivery's counts.

    ``ambiguity`` is how many messages may be unknown because of injected faults.
    """

    injected: Counter
    report: Report
    ambiguity: int
    counts: dict

    @property
    def wrong(self) -> list[str]:
        """Broken invariants in words; empty for a good night."""
        wrong = [f"{name}: {number}" for name, number in self.report.faults.items() if number]
        if self.report.states["unknown"] > self.ambiguity:
            wrong.append(
                f"{self.report.states['unknown']} unknown, but only {self.ambiguity} answers or "
                "workers were ambiguous"
            )
        left = self.report.states.keys() - {"sent", "unknown", "rejected", "cancelled_paid"}
        if left:
            wrong.append(f"left in the states {sorted(left)}")
        counts = {state: self.counts.get(state, 0) for state in self.report.states}
        if counts != dict(self.report.states) or sum(counts.values()) != self.counts.get("planned"):
            wrong.append(f"the counts {counts} are not the states {dict(self.report.states)}")
        return wrong


def random_night(
    seed: int, settings: Settings, ledger_url: str, folder: Path, crash: Callable[[], object] | None
) -> Outcome:
    """Deliver one night with random faults by seed; ``crash`` restarts the ledger's server, if any.

    One or two workers at a time plan and deliver. Meanwhile the provider misbehaves, payments
    arrive in the source or in a bank's return file, and workers are killed or suspended at named
    points or at any moment. A suspended worker resumes after its lease was taken over. At the end a
    last worker delivers to a provider without faults.
    """
    rng = random.Random(seed)
    night = Night(settings, ledger_url, folder, messages=16)
    # Generators of their own, so that these faults do not change the others of a seed.
    bank_rng, planner_rng = random.Random(f"banker {seed}"), random.Random(f"planner {seed}")
    night.add_return_folder()
    script, injected = _script(rng), Counter()
    payments = {rng.randrange(24): rng.randrange(16) for _ in range(rng.randint(1, 3))}
    crash_on = rng.randrange(12) if crash and rng.random() < 0.5 else None
    is_calm = threading.Event()
    threads: list[threading.Thread] = []
    plan_on = (
        {planner_rng.randrange(16): planner_rng.random() < 0.5}
        if planner_rng.random() < 0.7
        else {}
    )

    def behave(number: int, key: str) -> str:
        if number in plan_on:
            injected["planned again"] += 1
            threads.append(threading.Thread(target=night.plan_again, args=(plan_on[number],)))
            threads[-1].start()
        if number in payments:
            customer, cents = payments[number], rng.randint(1, 100_000)
            if bank_rng.random() < 0.5:
                night.drop_return_file(customer, cents=cents, is_slow=bank_rng.random() < 0.5)
                injected["payments in return files"] += 1
            else:
                night.pay(customer, cents)
                injected["payments"] += 1
        if number == crash_on:
            injected["ledger crashes"] += 1
            threads.append(threading.Thread(target=crash))
            threads[-1].start()
        return "ok" if is_calm.is_set() or number >= len(script) else script[number]

    with StandInProvider(folder / "mails.jsonl", behave, late_seconds=1.6) as provider:
        for _ in range(rng.randint(1, 2)):
            _round(rng, night, provider, injected)
        for thread in threads:
            thread.join()
        is_calm.set()
        counts, fresh = {}, FRESH
        for _ in range(3):
            code, counts = night.run(provider.url, fresh=fresh, patience=15)
            if code == 0 and not counts["held"]:
                break
            # On a busy machine the check may take longer than it stays valid: allow more time.
            fresh *= 3
        for thread in threads:
            thread.join()
        injected.update({name: number for name, number in provider.behaved.items() if name != "ok"})
        injected["sending processes lost"] = night.lost_processes()
        lost = (
            injected["killed"]
            + injected["suspended"]
            + injected["failed"]
            + injected["sending processes lost"]
        )
        doubt = provider.ambiguous + SENDING_AT_MOST * lost
        return Outcome(injected, night.report(provider, _stale_after(fresh)), doubt, counts)


def _stale_after(fresh: float) -> float:
    """By how many seconds a mail may follow a payment.

    A check is valid for ``fresh`` seconds, the grace may be as long, and a loaded machine is slow.
    """
    return 2 * fresh + 1


def _script(rng: random.Random) -> list[str]:
    behaviours = ["ok"] * 24 + [
        "slow",
        "accept_then_hang_up",
        "400",
        "413",
        "drop",
        "accept_then_drop",
        "late",
    ]
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
    """Run one or two workers at once, each with its own fault; a worker pool runs alone."""
    if night.settings.ledger.startswith("postgresql") and rng.random() < 0.4:
        _round_of_processes(rng, night, provider, injected)
        return
    started = []
    for _ in range(rng.choice((1, 1, 2))):
        fault = rng.choice(("none", "die_at", "die_at", "stop_at", "killed", "stopped"))
        options = (
            {fault: rng.choice(POINTS), "die_on": rng.randint(1, 4)}
            if fault.endswith("_at")
            else {}
        )
        size = rng.choice((4, 10))
        worker = night.start(
            provider.url, timeout=1.2, fresh=FRESH, patience=6, claim_size=size, **options
        )
        started.append((worker, fault, rng.uniform(0.2, 1.5)))
    for worker, fault, moment in started:
        if fault in ("killed", "stopped"):
            worker.join(moment)
            if worker.is_alive():
                night.suspend(worker) if fault == "stopped" else os.kill(worker.pid, signal.SIGKILL)
    _wait_for_end(night, provider, [worker for worker, _, _ in started], injected)


def _round_of_processes(
    rng: random.Random, night: Night, provider: StandInProvider, injected: Counter
) -> None:
    """Run a pool of two processes: one of them or their parent is killed or suspended."""
    before, after = sum(provider.behaved.values()), rng.randint(0, 10)
    worker = night.start(
        provider.url, timeout=1.2, fresh=FRESH, patience=6, claim_size=4, processes=2
    )
    victims = [*sending_processes(worker, 2), worker.pid]
    until = time.monotonic() + 20
    while (
        worker.is_alive()
        and sum(provider.behaved.values()) - before < after
        and time.monotonic() < until
    ):
        time.sleep(0.005)
    injected["worker pools"] += 1
    if worker.is_alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(victims), rng.choice((signal.SIGKILL, signal.SIGSTOP)))
    _wait_for_end(night, provider, [worker], injected)


def _wait_for_end(
    night: Night, provider: StandInProvider, started: list[BaseProcess], injected: Counter
) -> None:
    suspended = [worker for worker in started if _is_suspended(worker)]
    if suspended:
        injected["suspended"] += len(suspended)
        # Takes longer than the lease, so that this worker takes over their messages.
        night.run(provider.url, timeout=1.2, fresh=FRESH, patience=4)
        for worker in suspended:
            os.kill(worker.pid, signal.SIGCONT)
    for worker in started:
        worker.join(60)
        injected["killed"] += worker.exitcode == -signal.SIGKILL
        injected["failed"] += worker.exitcode not in (0, -signal.SIGKILL)


def _is_suspended(worker: BaseProcess) -> bool:
    """Wait until a worker has ended or is suspended; returns whether it is suspended."""
    while worker.is_alive():
        with contextlib.suppress(OSError, IndexError):
            state = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "T":
                return True
        worker.join(0.05)
    return False
