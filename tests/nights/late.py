"""Two small DAGs with a deadline, one of which misses it, under the real scheduler."""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil
import psycopg

from cobranca.local.airflow import LocalAirflow

NIGHT = date(2026, 11, 24)
DAG = """
from datetime import timedelta
from airflow.sdk import PartitionedAtRuntime, dag, task
from cobranca.orchestration.default_args import deadline_after

@dag(schedule=PartitionedAtRuntime(), deadline=deadline_after(timedelta(seconds={allowed})))
def {name}():
    @task
    def work() -> None:
        import time
        time.sleep({takes})
    work()

{name}()
"""
# Each deadline of a DAG's runs with the state of what is called when it is missed.
DEADLINES = """
select c.state, d.missed
from deadline as d
join callback as c on c.id = d.callback_id
join dag_run as r on r.id = d.dagrun_id
where r.dag_id = %s
"""


@dataclass
class LateRun:
    """What became of one run that was late and still runs, and of one that ended in time."""

    run: str
    records: list[dict]
    notices: list[str]
    awaited: list[tuple]
    log: str


def write_dags(folder: Path) -> None:
    """``slow`` is late after a second, ``prompt`` never."""
    (folder / "slow.py").write_text(DAG.format(name="slow", allowed=1, takes=600))
    (folder / "prompt.py").write_text(DAG.format(name="prompt", allowed=3600, takes=0))


def watch(airflow: LocalAirflow, data: Path, metadata_url: str) -> LateRun:
    """Run both; the late one is left running."""
    airflow.api.run("prompt", NIGHT, timeout=120)
    run = airflow.api.trigger("slow", NIGHT)
    records = wait_for(lambda: _lines(data / "failures" / f"{NIGHT}.jsonl"))
    with psycopg.connect(metadata_url, autocommit=True) as connection:
        notices = wait_for(lambda: _ended(connection))
        awaited = connection.execute(DEADLINES, ["prompt"]).fetchall()
    return LateRun(
        run, records, notices, awaited, (airflow.logs / "triggerer.log").read_text(errors="replace")
    )


def wait_for(found: Callable, seconds: float = 120):
    """What is found as soon as it is anything; the last answer when the time is over."""
    end = time.monotonic() + seconds
    while not (answer := found()) and time.monotonic() < end:
        time.sleep(0.2)
    return answer


def working_in(folder: Path) -> list[psutil.Process]:
    """Living processes whose working directory is this folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _lines(path: Path) -> list[dict]:
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if path.exists()
        else []
    )


def _ended(connection: psycopg.Connection) -> list[str]:
    """The state of each callback of the late run, once all ended."""
    states = [state for state, _ in connection.execute(DEADLINES, ["slow"])]
    return states if states and set(states) <= {"success", "failed"} else []
