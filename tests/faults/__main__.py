"""Random nights with injected faults: ``python -m tests.faults --seeds 200`` prints a summary."""

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.creditor_files import copy_config

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=10, help="random nights on each kind of ledger"
    )
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument(
        "--ledger",
        choices=("sqlite", "postgresql"),
        action="append",
        help="only this kind; may be repeated",
    )
    arguments = parser.parse_args()
    from cobranca.local.postgres import PrivatePostgres

    # A SIGTERM must end the server of the ledger too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = 0
    for kind in arguments.ledger or ("sqlite", "postgresql"):
        seeds = range(arguments.first, arguments.first + arguments.seeds)
        if kind == "sqlite":
            failed += matrix(kind, seeds, None)
        else:
            with PrivatePostgres() as server:
                failed += matrix(kind, seeds, server)
    sys.exit(bool(failed))


def matrix(kind: str, seeds: range, server) -> int:
    """Run the seeds and print the faults injected, the end states and the faults found.

    Returns how many nights failed.
    """
    injected, states, faults, failed, started = (
        Counter(),
        Counter(),
        Counter(),
        [],
        time.monotonic(),
    )
    ambiguity = 0
    for number, seed in enumerate(seeds):
        if number and number % 10 == 0:
            print(
                f"{number} nights, {sum(injected.values())} faults injected, {len(failed)} nights "
                "failed",
                flush=True,
            )
        outcome = run_seed(seed, server)
        injected += outcome.injected
        states += outcome.report.states
        faults.update(outcome.report.faults)
        ambiguity += outcome.ambiguity
        if outcome.wrong:
            failed.append(seed)
            print(f"seed {seed}: {'; '.join(outcome.wrong)}", flush=True)
    print(f"\nledger on {kind}: {len(seeds)} nights in {time.monotonic() - started:.0f} s")
    print(
        "  injected   "
        + ", ".join(f"{name} {number}" for name, number in sorted(injected.items()) if number)
    )
    print(
        "  end states " + ", ".join(f"{name} {number}" for name, number in sorted(states.items()))
    )
    print(f"  unknown    {states['unknown']}, at most {ambiguity} expected")
    print("  faults     " + ", ".join(f"{name} {number}" for name, number in faults.items()))
    print(f"  nights that failed: {failed or 'none'}", flush=True)
    return len(failed)


def run_seed(seed: int, server):
    """One random night in a folder of its own; ``server`` holds the ledger, or SQLite does."""
    from cobranca.settings import Settings
    from faults.random_nights import random_night

    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        copy_config(folder / "config")
        url = (
            server.create_database(f"ledger_{seed}")
            if server
            else f"sqlite:///{folder / 'data' / 'ledger.db'}"
        )
        settings = Settings(folder / "config", folder / "data", "", url, "sendgrid")
        try:
            return random_night(seed, settings, url, folder, server.crash if server else None)
        finally:
            if server:
                server.drop_database(f"ledger_{seed}")


if __name__ == "__main__":
    main()
