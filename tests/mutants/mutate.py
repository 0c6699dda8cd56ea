"""``make mutate``: let mutmut change every expression of the modules that must not be wrong.

The catalogue of this folder holds mistakes that a person thought of; here a tool thinks of them. A
mutant is caught where one of the tests of its area fails. A survivor is a hole in the tests, or it
changes nothing that anyone can notice: ``equivalents.yml`` names those with their reason. Prints
the score of each module and every other survivor; a module below 90 % ends in an error.

mutmut changes the bodies of functions that have no decorator, or only that of a static or a class
method. Constants, such as regular expressions, are left to the catalogue.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from cobranca.settings import PROJECT_ROOT
from cobranca.text_table import ruled_table
from mutants.scratch_copy import ScratchCopy

SCRATCH = PROJECT_ROOT / "var" / "mutmut"
EQUIVALENTS = Path(__file__).with_name("equivalents.yml")
LOWEST_SHARE = 0.9
SAME_EACH_TIME = ("--seed", "1")
# A test that takes this long waits for what a mutant took away.
LONGEST_TEST = ("--timeout", "60")
# Parts of pytest that only cost time here.
WITHOUT = ("cacheprovider", "unraisableexception", "threadexception", "doctest", "junitxml")
# What developers read is left out, as a rule and not one by one: the words of an exception, which
# tests pin by their beginning, and lines of the log.
LEFT_OUT = (r"\braise \w+\(", r"\blog\.(debug|info|warning|error|exception)\(")
# What a run of a mutant's tests ends with: a test failed, pytest stopped, the time was over (by the
# clock, by mutmut's watch); all passed, or there is no test of the function.
CAUGHT, SURVIVED = (1, 3, -24, 24, 36, 152), (0, 5, 33)


@dataclass(frozen=True)
class Area:
    """Modules that are mutated together, and the tests that must notice."""

    modules: tuple[str, ...]
    """Paths or patterns in the package."""
    tests: tuple[str, ...]
    chosen: str = ""
    """Which of the tests, as the option -k of pytest says it; all by default."""
    without: tuple[str, ...] = ()
    """What is not mutated of the modules."""


DATABASES = ("ledger/column_types.py", "ledger/engine.py", "ledger/feedback.py")
PROCESSES = ("reminders/delivery/worker_pool.py", "reminders/delivery/worker_process.py")
AREAS = {
    "money": Area(("money.py",), ("tests/test_money.py",)),
    "boletos": Area(("payments/boleto.py",), ("tests/payments/test_boleto.py",)),
    "pix": Area(("payments/pix.py",), ("tests/payments/test_pix.py",)),
    "qr": Area(("payments/qr.py",), ("tests/payments/test_qr.py",)),
    "cnab": Area(
        ("payments/cnab.py", "payments/cnab_layout.py"),
        ("tests/payments/test_cnab.py", "tests/payments/test_cnab_layout.py"),
    ),
    "queues": Area(
        (
            "queues/answer_rules.py",
            "queues/cell_parsing.py",
            "queues/import_outcomes.py",
            "queues/parse_outcomes.py",
            "queues/returned_files.py",
        ),
        (
            "tests/queues/test_answer_rules.py",
            "tests/queues/test_cell_parsing.py",
            "tests/queues/test_import_outcomes.py",
            "tests/queues/test_parse_outcomes.py",
            "tests/queues/test_returned_files.py",
        ),
        chosen="not postgresql",
    ),
    # A server is started anew for each mutant: only where the rules are those of PostgreSQL.
    "databases": Area(
        DATABASES,
        (
            "tests/ledger/test_column_types.py",
            "tests/ledger/test_engine.py",
            "tests/ledger/test_feedback.py",
            "tests/ledger/test_contact_planning.py",
            "tests/ledger/test_payer_accounts.py",
        ),
    ),
    "ledger": Area(
        ("ledger/*.py",),
        ("tests/ledger",),
        chosen="not postgresql and not grants",
        without=("ledger/migrations/*", *DATABASES),
    ),
    "delivery": Area(
        ("reminders/delivery/*.py",),
        ("tests/reminders/delivery", "tests/reminders/test_courtesies.py"),
        chosen="not worker_pool and not worker_supervision and not backfill",
        without=PROCESSES,
    ),
    "processes": Area(
        PROCESSES,
        (
            "tests/reminders/delivery/test_worker_pool.py",
            "tests/reminders/delivery/test_worker_process.py",
            "tests/reminders/delivery/test_worker_supervision.py",
        ),
        # The others send a night in processes of their own, which mutmut does not see.
        chosen="worker_process or worker_supervision or need_one or a_task or share_the",
    ),
}


@dataclass(frozen=True)
class Mutant:
    """One change of the tool, and whether a test noticed it."""

    module: str
    function: str
    change: str
    """The lines that go, an arrow, and the lines that come."""
    is_caught: bool

    @property
    def identity(self) -> tuple[str, str, str]:
        """What finds it again after lines moved."""
        return self.module, self.function, self.change


def main() -> int:
    arguments = _arguments()
    equivalents = read_equivalents()
    mutants: list[Mutant] = []
    for name in arguments.areas or AREAS:
        began = time.monotonic()
        mutants += mutate(name, AREAS[name], arguments.workers)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    return 0 if report(mutants, equivalents) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("areas", nargs="*", choices=[*AREAS, []], help="all of them by default")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    return parser.parse_args()


def read_equivalents() -> set[tuple[str, str, str]]:
    """The changes that no test can notice; each entry of the file has a reason."""
    entries = yaml.safe_load(EQUIVALENTS.read_text(encoding="utf-8"))
    return {
        (module, function, change)
        for module, functions in entries.items()
        for function, groups in functions.items()
        for group in groups
        if group["reason"]
        for change in group["changes"]
    }


def mutate(name: str, area: Area, workers: int) -> list[Mutant]:
    """Run mutmut on a copy of the project; every mutant of the area with its result."""
    shutil.rmtree(SCRATCH / name, ignore_errors=True)
    root = ScratchCopy(SCRATCH / name).root
    # mutmut names a module by its path, of which it takes only the folder src away.
    (root / "src").mkdir()
    (root / "include" / "cobranca").rename(root / "src" / "cobranca")
    # Python remembers a folder that is not there when it starts, and then never looks into it.
    for folder in ("src", "tests"):
        (root / "mutants" / folder).mkdir(parents=True)
    with (root / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(_settings(area))
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(root / "mutants" / name) for name in ("src", "tests")),
        # Each mutant is a run of pytest: what it would load a thousand times stays out.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": "_hypothesis_pytestplugin,pytest_timeout,mutants.quick_examples",
    }
    command = (sys.executable, "-m", "mutmut", "run", "--max-children", str(workers))
    with (root / "output.txt").open("w", encoding="utf-8") as output:
        done = subprocess.run(
            command, check=False, cwd=root, env=environment, stdout=output, stderr=output
        )
    found = list(_results(root))
    if done.returncode or not found:
        print((root / "output.txt").read_text(encoding="utf-8")[-3000:])
        raise SystemExit(f"mutmut ended with {done.returncode}; its output is in {root}")
    return found


def _settings(area: Area) -> str:
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/cobranca/{module}" for module in area.modules],
        "do_not_mutate": [f"src/cobranca/{module}" for module in area.without],
        "also_copy": ["include", "dags", "dbt", "docs", "plugins"],
        "do_not_mutate_patterns": LEFT_OUT,
        "pytest_add_cli_args": [
            *(f"-pno:{plugin}" for plugin in WITHOUT),
            *SAME_EACH_TIME,
            *LONGEST_TEST,
            *(("-k", area.chosen) if area.chosen else ()),
        ],
        "pytest_add_cli_args_test_selection": area.tests,
        # what one test left in a cache of the code would hide a mutant from the next
        "process_isolation": "forkserver",
        # a busy machine is no endless loop
        "timeout_constant": 10.0,
        "timeout_multiplier": 6.0,
    }
    lines = (f"{key} = {json.dumps(value)}" for key, value in settings.items())
    return "\n".join(("", "[tool.mutmut]", *lines, ""))


def _results(root: Path) -> Iterator[Mutant]:
    """What mutmut left in its folder, module by module."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.utils.format_utils import orig_function_and_class_names_from_key

    before = Path.cwd()
    os.chdir(root)
    try:
        for path in sorted(Path("mutants", "src").rglob("*.py.meta")):
            source = path.relative_to("mutants").with_suffix("")
            codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
            for key, code in codes.items():
                if code not in (*CAUGHT, *SURVIVED):
                    raise SystemExit(f"{key} ended with {code}: mutmut could not run its tests")
                function, of_class = orig_function_and_class_names_from_key(key)
                yield Mutant(
                    module=str(source.relative_to("src/cobranca")),
                    function=f"{of_class}.{function}" if of_class else function,
                    change=_change(get_diff_for_mutant(key, path=source)),
                    is_caught=code in CAUGHT,
                )
    finally:
        os.chdir(before)


def _change(diff: str) -> str:
    """``x < 1 → x <= 1``: the lines that differ, without their indent."""
    lines = diff.splitlines()[3:]
    gone, come = (
        " ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    return f"{gone} → {come}"


def report(mutants: list[Mutant], equivalents: set[tuple[str, str, str]]) -> bool:
    """Print the score by module, then each survivor; whether every module is good enough."""
    rows, are_good = [], True
    for module in sorted({mutant.module for mutant in mutants}):
        of_module = [mutant for mutant in mutants if mutant.module == module]
        caught = sum(mutant.is_caught for mutant in of_module)
        equal = sum(mutant.identity in equivalents for mutant in of_module if not mutant.is_caught)
        possible = len(of_module) - equal
        share = caught / possible if possible else 1.0
        are_good &= share >= LOWEST_SHARE
        rows.append((module, len(of_module), caught, equal, possible - caught, f"{share:.0%}"))
    for mutant in mutants:
        if not mutant.is_caught and mutant.identity not in equivalents:
            print(f"\nSURVIVED {mutant.module} {mutant.function}\n  {mutant.change}")
    survivors = {mutant.identity for mutant in mutants if not mutant.is_caught}
    mutated = {mutant.module for mutant in mutants}
    for module, function, change in sorted(equivalents - survivors):
        if module in mutated:
            print(f"\nNO LONGER A SURVIVOR, take it from equivalents.yml: {module} {function}")
            print(f"  {change}")
    header = ("module", "mutants", "caught", "equivalent", "survived", "share")
    print(f"\n{ruled_table(header, rows)}")
    return are_good


if __name__ == "__main__":
    sys.exit(main())
