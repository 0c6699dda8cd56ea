"""A scratch copy of the project, in which mutants are applied and their tests are run."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cobranca.settings import PROJECT_ROOT
from mutants.mutant import Mutant, named_tests

LONGEST_SECONDS = 600
MOST_EXAMPLES_AT_ONCE = 40
# What tests draw at random is the same for each mutant, so that a result can be repeated.
SEED = "1"


@dataclass(frozen=True)
class Outcome:
    """The result of one mutant: caught only if each test named by it failed."""

    mutant: Mutant
    silent: tuple[str, ...]
    """The tests that should have failed and passed."""
    seconds: float
    output: str = ""

    @property
    def is_caught(self) -> bool:
        return not self.silent


class ScratchCopy:
    """The project's files in a folder of their own; the environment of Python is shared."""

    def __init__(self, folder: Path):
        self.root, self.data = folder / "project", folder / "data"
        self._log = folder / "failed.txt"
        listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        files = subprocess.run(listed, cwd=PROJECT_ROOT, capture_output=True, check=True, text=True)
        for name in filter(None, files.stdout.split("\0")):
            if (PROJECT_ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT_ROOT / name, self.root / name)

    def build_night(self) -> None:
        """Build the warehouse of the unit tests of dbt."""
        self._python("mutants.examples", str(self.data), "build", check=True)

    def try_mutants(self, mutants: Sequence[Mutant]) -> list[Outcome]:
        """Apply mutants of different files, run the tests of each, take them back."""
        began = time.monotonic()
        texts = {mutant.file: self._read(mutant.file) for mutant in mutants}
        for mutant in mutants:
            changed = mutant.applied_to(texts[mutant.file])
            (self.root / mutant.file).write_text(changed, encoding="utf-8")
        try:
            passed, output = self.passing(*named_tests(mutants))
        finally:
            for file, text in texts.items():
                (self.root / file).write_text(text, encoding="utf-8")
        seconds = (time.monotonic() - began) / len(mutants)
        return [
            Outcome(
                mutant,
                tuple(name for name in (*mutant.tests, *mutant.examples) if name in passed),
                seconds,
                output,
            )
            for mutant in mutants
        ]

    def _read(self, file: str) -> str:
        return (self.root / file).read_text(encoding="utf-8")

    def passing(
        self, tests: Iterable[str], examples: Iterable[str], workers: int = 0
    ) -> tuple[tuple[str, ...], str]:
        """Those of the tests and unit tests of dbt that do not fail, and what was printed."""
        tests, examples, printed = tuple(tests), tuple(examples), ""
        passed: list[str] = []
        if tests:
            failed, printed = self._failed_tests(tests, workers)
            passed += [test for test in tests if not any(_is_of(name, test) for name in failed)]
        for start in range(0, len(examples), MOST_EXAMPLES_AT_ONCE):
            some = examples[start : start + MOST_EXAMPLES_AT_ONCE]
            failures = self._python("mutants.examples", str(self.data), *some)
            printed += failures
            passed += [name for name in some if f"unit_test {name}:" not in failures]
        return tuple(passed), printed

    def _failed_tests(self, tests: tuple[str, ...], workers: int) -> tuple[set[str], str]:
        self._log.write_text("", encoding="utf-8")
        printed = self._python(
            *("pytest", "-q", "-p", "mutants.failed_tests", "-p", "no:cacheprovider"),
            *("-n", str(workers), "--tb=line", "--seed", SEED, *tests),
            # One failure is enough for one test, and often no server has started by then.
            *(("--exitfirst",) if len(tests) == 1 else ()),
        )
        return set(self._log.read_text(encoding="utf-8").splitlines()), printed

    def _python(self, module: str, *arguments: str, check: bool = False) -> str:
        """Run a module on the copy's code; what it prints."""
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join((str(self.root / "include"), str(self.root / "tests"))),
            # a file changed twice within a second would keep its compiled form
            "PYTHONDONTWRITEBYTECODE": "1",
            "MUTANTS_FAILED_TESTS": str(self._log),
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", module, *arguments],
                cwd=self.root,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=LONGEST_SECONDS,
                check=check,
            )
        except subprocess.TimeoutExpired as slow:
            return f"{slow}"
        return done.stdout


def _is_of(failed: str, test: str) -> bool:
    """Whether a failed test is the named one, one of its parameters, or of the named file."""
    return failed == test or failed.startswith((f"{test}[", f"{test}::", f"{test}/"))
