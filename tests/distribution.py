"""How the tests are shared among the workers: what uses one costly night goes together, and the longest goes first."""

from xdist.scheduler import LoadScopeScheduling

# Folders whose files read the same nights, each built once by the worker that tests them all.
TOGETHER = ("tests/warehouse", "tests/decisions", "tests/reports", "tests/privacy")
# In this order, so that no worker is left alone with one of them at the end. The other files follow as they come.
LONGEST = (
    "tests/nights/test_airflow_chain.py",
    "tests/nights/test_command_nights.py",
    "tests/faults/test_nobody_twice.py",
    "tests/warehouse",
    "tests/faults/test_processes.py",
    "tests/privacy",
    "tests/quality/test_plan.py",
    "tests/reports",
    "tests/decisions",
    "tests/presets/test_presets.py",
    "tests/sources/test_bad_sources.py",
    "tests/sources/test_incremental.py",
    "tests/local/test_servers.py",
    "tests/ledger/test_ledger.py",
    "tests/sources/test_bulk.py",
    "tests/local/test_launcher.py",
)


def unit_of(nodeid: str) -> str:
    """The folder or the file of a test: what one worker does as a whole."""
    file = nodeid.partition("::")[0]
    folder = file.rpartition("/")[0]
    return folder if folder in TOGETHER else file


def place_of(nodeid: str) -> int:
    unit = unit_of(nodeid)
    return LONGEST.index(unit) if unit in LONGEST else len(LONGEST)


class ByNight(LoadScopeScheduling):
    """Shares out whole units, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
