"""A late run is noticed by the real scheduler and triggerer; one that ends in time is not."""

import contextlib
import json
import time
from datetime import date
from pathlib import Path

import psutil
import psycopg
import pytest

from cobranca.local.airflow import LocalAirflow, processes_of

NIGHT = date(2026, 11, 18)
DAG = """
from datetime import timedelta
from airflow.sdk import PartitionedAtRuntime, dag, task
from cobranca.orchestration.defaults import late_after

@dag(schedule=PartitionedAtRuntime(), deadline=late_after(timedelta(seconds={allowed})))
def {name}():
    @task
    def work() -> None:
        import time
        time.sleep({takes})
    work()

{name}()
"""


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _wait_for(seconds: float, found):
    end = time.monotonic() + seconds
    while not (answer := found()) and time.monotonic() < end:
        time.sleep(0.3)
    return answer


@pytest.mark.slow
def test_a_late_run_is_recorded_and_one_in_time_is_not(tmp_path, postgres_server):
    dags, data, home = tmp_path / "dags", tmp_path / "data", tmp_path / "airflow"
    dags.mkdir()
    (dags / "slow.py").write_text(DAG.format(name="slow", allowed=1, takes=60))
    (dags / "prompt.py").write_text(DAG.format(name="prompt", allowed=3600, takes=0))
    metadata = postgres_server.create_database("late_run")
    with LocalAirflow(home, metadata, dags=dags, environment={"COBRANCA_DATA": str(data)}) as airflow:
        airflow.api.run("prompt", NIGHT, timeout=60)
        run = airflow.api.trigger("slow", NIGHT)
        records = _wait_for(40, lambda: _lines(data / "failures" / "2026-11-18.jsonl"))
        with psycopg.connect(metadata) as connection:
            states = _wait_for(10, lambda: _ended(connection))
            still_awaited = connection.execute("select count(*) from deadline where not missed").fetchone()[0]
    (record,) = records
    assert (record["dag"], record["run"], record["task"], record["error"]) == ("slow", run, None, "Late")
    assert record["business_date"] == "2026-11-18"
    assert record["message"].startswith("late: queued at ")
    assert states == ["success"], "the notice itself went well"
    assert still_awaited == 0, "nothing is awaited of a run that ended in time"
    assert "slow for 2026-11-18 is late" in (home / "logs" / "triggerer.log").read_text(errors="replace")
    assert processes_of(home) == [] == _working_in(home), "the slow task was still running; it is gone as well"


def _working_in(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _ended(connection: psycopg.Connection) -> list[str]:
    """The state of each deadline's callback, once all ended."""
    states = [row[0] for row in connection.execute("select c.state from callback c join deadline d on d.callback_id = c.id")]
    connection.rollback()
    return states if states and set(states) <= {"success", "failed"} else []
