"""Share the tests among workers: tests that use one costly night together, the longest first."""

from xdist.scheduler import LoadScopeScheduling

# Folders whose files read the same nights, each built once by the worker that tests them all.
TOGETHER = (
    "tests/nights",
    "tests/demo",
    "tests/warehouse",
    "tests/decisions",
    "tests/reports",
    "tests/privacy",
)
# Of such a folder, but with a night of its own.
ALONE = ("tests/nights/test_airflow_chain.py",)
# Folders that read another folder's nights.
READS_NIGHTS_OF = {"tests/explain": "tests/warehouse"}
# In this order, so that no worker is left alone with one of them at the end. The other files follow
# in the order of collection.
LONGEST = (
    "tests/nights/test_airflow_chain.py",
    "tests/nights",
    "tests/faults/test_at_most_once.py",
    "tests/warehouse",
    "tests/reminders/delivery/test_worker_pool.py",
    "tests/privacy",
    "tests/quality/suites/test_plan_suite.py",
    "tests/reports",
    "tests/decisions",
    "tests/presets/test_presets.py",
    "tests/landing/test_faulty_sources.py",
    "tests/landing/test_incremental.py",
    "tests/local/test_postgres.py",
    "tests/ledger/test_states.py",
    "tests/sources/drivers/test_arrow_reader.py",
    "tests/local/test_airflow.py",
)


def unit_of(nodeid: str) -> str:
    """The folder or the file of a test: what one worker does as a whole."""
    file = nodeid.partition("::")[0]
    folder = file.rpartition("/")[0]
    folder = READS_NIGHTS_OF.get(folder, folder)
    return folder if folder in TOGETHER and file not in ALONE else file


def place_of(nodeid: str) -> int:
    unit = unit_of(nodeid)
    return LONGEST.index(unit) if unit in LONGEST else len(LONGEST)


class ByNight(LoadScopeScheduling):
    """Give out whole units, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
