"""``make mutants``: put one small mistake at a time into a copy of the project, and see it caught.

A mutant is caught where each test that its entry names fails. First the same tests must pass on the
code as it is. The result is a table by area, and every survivor with its harm; a survivor or an
entry that cannot be applied ends in an error.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath
from queue import SimpleQueue

from cobranca.settings import PROJECT_ROOT
from cobranca.text_table import ruled_table
from mutants.mutant import (
    FOLDER,
    Mutant,
    UnfitMutant,
    models_of_examples,
    named_tests,
    read_mutants,
)
from mutants.scratch_copy import Outcome, ScratchCopy

MOST_AT_ONCE = 30


def main() -> int:
    arguments = _arguments()
    try:
        mutants = chosen(read_mutants(), arguments)
    except UnfitMutant as unfit:
        print(unfit, file=sys.stderr)
        return 2
    print(f"{len(mutants)} mutants (seed {arguments.seed})", flush=True)
    if not mutants:
        return 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        outcomes = run(mutants, Path(folder), arguments.workers)
    if outcomes is None:
        return 2
    report(outcomes)
    return 0 if all(outcome.is_caught for outcome in outcomes) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument(
        "only", nargs="*", help="areas, names of mutants, or parts of the path of a file"
    )
    parser.add_argument("--sample", type=float, metavar="PERCENT", help="a random part of them")
    parser.add_argument("--since", metavar="COMMIT", help="those of files changed since, as well")
    parser.add_argument(
        "--most", type=int, metavar="NUMBER", help="a random part above this number"
    )
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    return parser.parse_args()


def chosen(mutants: list[Mutant], arguments: argparse.Namespace) -> list[Mutant]:
    """Those that are asked for: all, the named, or a random part and those of changed files."""
    if arguments.only:
        mutants = [
            mutant
            for mutant in mutants
            if any(
                part in (mutant.area, mutant.name) or part in mutant.file for part in arguments.only
            )
        ]
    chance = random.Random(arguments.seed)
    if arguments.sample is not None:
        number = round(len(mutants) * arguments.sample / 100)
        sample = set(chance.sample(mutants, max(number, min(len(mutants), 1))))
        changed = changed_files(arguments.since) if arguments.since else set()
        mutants = [
            mutant
            for mutant in mutants
            if mutant in sample
            or mutant.file in changed
            or f"{FOLDER}/{mutant.area}.yml" in changed
        ]
    if arguments.most is not None and len(mutants) > arguments.most:
        print(f"{arguments.most} of {len(mutants)} chosen mutants are tried")
        mutants = chance.sample(mutants, arguments.most)
    return mutants


def changed_files(since: str) -> set[str]:
    """Paths that differ from a commit, within the project."""
    listed = ("git", "diff", "--name-only", since)
    done = subprocess.run(listed, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


def run(mutants: list[Mutant], folder: Path, workers: int) -> list[Outcome] | None:
    """Try each mutant in one of ``workers`` copies; None where a test fails on unchanged code."""
    with ThreadPoolExecutor(workers) as pool:
        copies = list(pool.map(ScratchCopy, (folder / str(number) for number in range(workers))))
        if any(mutant.examples for mutant in mutants):
            list(pool.map(ScratchCopy.build_night, copies))
        if not _all_pass(mutants, copies[0], workers):
            return None
        free: SimpleQueue[ScratchCopy] = SimpleQueue()
        for copy in copies:
            free.put(copy)

        def attempt(together: Sequence[Mutant]) -> list[Outcome]:
            copy = free.get()
            try:
                outcomes = copy.try_mutants(together)
                if len(together) > 1:
                    # A survivor of several is tried alone: another one may have hidden it.
                    outcomes = [
                        outcome if outcome.is_caught else copy.try_mutants([outcome.mutant])[0]
                        for outcome in outcomes
                    ]
            finally:
                free.put(copy)
            for outcome in outcomes:
                result = "caught  " if outcome.is_caught else "SURVIVED"
                print(f"{result} {outcome.seconds:6.1f} s  {outcome.mutant}", flush=True)
            return outcomes

        return [outcome for some in pool.map(attempt, batches(mutants)) for outcome in some]


def batches(
    mutants: Iterable[Mutant], models: Mapping[str, str] | None = None
) -> list[list[Mutant]]:
    """Mutants that can be tried at once: each in another model, seen only by its unit tests.

    A unit test of dbt runs one model on given rows, so a mistake in another model does not reach
    it. Every other mutant is alone. ``models`` gives the model of each unit test.
    """
    models = models_of_examples() if models is None else models
    shared: list[list[Mutant]] = []
    alone = []
    for mutant in mutants:
        model = PurePath(mutant.file).stem
        if mutant.tests or any(models[name] != model for name in mutant.examples):
            alone.append([mutant])
            continue
        free = (
            batch
            for batch in shared
            if len(batch) < MOST_AT_ONCE and all(mutant.file != other.file for other in batch)
        )
        batch = next(free, None)
        if batch is None:
            shared.append([mutant])
        else:
            batch.append(mutant)
    return shared + alone


def _all_pass(mutants: list[Mutant], copy: ScratchCopy, workers: int) -> bool:
    """Whether every test named by a mutant passes on the code as it is."""
    tests, examples = named_tests(mutants)
    passed, printed = copy.passing(tests, examples, workers)
    failed = sorted({*tests, *examples} - set(passed))
    if failed:
        print(
            printed, "These fail on the unchanged code, so they prove nothing:", *failed, sep="\n"
        )
    return not failed


def report(outcomes: list[Outcome]) -> None:
    """Print caught and survived by area, then each survivor with its harm."""
    areas: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        areas[outcome.mutant.area].append(outcome)
    rows = [
        (
            area,
            len(of_area),
            sum(o.is_caught for o in of_area),
            sum(not o.is_caught for o in of_area),
        )
        for area, of_area in {**areas, "all": outcomes}.items()
    ]
    print(f"\n{ruled_table(('area', 'mutants', 'caught', 'survived'), rows)}")
    for outcome in outcomes:
        if not outcome.is_caught:
            print(f"\nSURVIVED {outcome.mutant} in {outcome.mutant.file}: {outcome.mutant.harm}")
            print("  passes: " + "\n          ".join(outcome.silent))
            print("  " + "\n  ".join(outcome.output.strip().splitlines()[-3:]))


if __name__ == "__main__":
    sys.exit(main())
