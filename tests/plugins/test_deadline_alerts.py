"""The record of a late run: one readable sentence, never an exception, nothing heavy."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from cobranca.settings import PROJECT_ROOT

PLUGINS = PROJECT_ROOT / "plugins"


@pytest.fixture
def deadline_alerts(monkeypatch):
    """The module as Airflow finds it: by name, with the plugins folder on its path."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    import deadline_alerts

    return deadline_alerts


def _context(**changes) -> dict:
    run = {
        "dag_id": "build_warehouse",
        "dag_run_id": "run-1",
        "queued_at": "2026-11-18T05:40:00.123456Z",
        "state": "running",
        "partition_key": "2026-11-18",
        "conf": {"token": "secret"},
        "note": "secret",
    }
    return {
        "dag_run": run | changes,
        "deadline": {"id": "1", "deadline_time": datetime(2026, 11, 18, 8, 10, tzinfo=UTC)},
    }


def _records(folder, day="2026-11-18") -> list[dict]:
    return [
        json.loads(line)
        for line in (folder / "failures" / f"{day}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def test_a_late_run_is_recorded_in_a_sentence_without_secrets(
    deadline_alerts, monkeypatch, tmp_path, caplog, watch_log
):
    monkeypatch.setenv("COBRANCA_DATA", str(tmp_path))
    watch_log(deadline_alerts)
    asyncio.run(deadline_alerts.record_late_run(_context()))
    (record,) = _records(tmp_path)
    assert (record["dag"], record["run"], record["task"], record["error"]) == (
        "build_warehouse",
        "run-1",
        None,
        "Late",
    )
    assert record["message"] == (
        "late: queued at 18/11 02:40, it should have succeeded by 18/11 05:10 São Paulo time and "
        "is running; "
        "see its tasks in Airflow"
    )
    (line,) = caplog.records
    assert (line.levelname, line.getMessage()) == (
        "ERROR",
        f"build_warehouse for 2026-11-18 is {record['message']}",
    )
    assert "secret" not in caplog.text + json.dumps(record)


def test_a_late_run_has_the_same_fields_as_a_failed_task(deadline_alerts, monkeypatch, tmp_path):
    from types import SimpleNamespace

    from cobranca.errors import SourceError
    from cobranca.orchestration.failure_log import record_failure

    monkeypatch.setenv("COBRANCA_DATA", str(tmp_path))
    task = SimpleNamespace(
        dag_id="build_warehouse", task_id="load", map_index=-1, run_id="run-1", try_number=1
    )
    run = SimpleNamespace(conf={})
    record_failure(
        {"ti": task, "exception": SourceError("x"), "partition_key": "2026-11-18", "dag_run": run}
    )
    asyncio.run(deadline_alerts.record_late_run(_context()))
    failed, late = _records(tmp_path)
    assert list(failed) == list(late)


@pytest.mark.parametrize(
    ("changes", "day"),
    [
        ({"partition_key": "2026-11-18", "conf": None}, "2026-11-18"),
        ({"partition_key": None, "conf": {"business_date": "2026-11-19"}}, "2026-11-19"),
        ({"partition_key": None, "conf": None}, "undated"),
        ({"partition_key": "../elsewhere"}, "undated"),
    ],
)
def test_the_date_is_that_of_the_run(deadline_alerts, monkeypatch, tmp_path, changes, day):
    monkeypatch.setenv("COBRANCA_DATA", str(tmp_path))
    asyncio.run(deadline_alerts.record_late_run(_context(**changes)))
    assert [path.name for path in (tmp_path / "failures").iterdir()] == [f"{day}.jsonl"]
    assert _records(tmp_path, day)[0]["business_date"] == day


def test_it_never_raises(deadline_alerts, monkeypatch, tmp_path, caplog):
    (tmp_path / "failures").write_text("a file where the folder should be")
    monkeypatch.setenv("COBRANCA_DATA", str(tmp_path))
    asyncio.run(deadline_alerts.record_late_run(_context()))
    assert "is late: queued at" in caplog.text, "what cannot be written is at least logged"
    asyncio.run(deadline_alerts.record_late_run({}))
    monkeypatch.setenv("COBRANCA_DATA", "s3://bucket")
    asyncio.run(deadline_alerts.record_late_run(_context()))
    assert caplog.text.count("the late run could not be recorded") == 3


def test_every_component_can_load_the_plugins_at_no_cost():
    program = (
        f"import sys; sys.path.insert(0, {str(PLUGINS)!r}); import deadline_alerts; "
        "print(*sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True
    )
    assert "deadline_alerts" in answer.stdout.split()
    assert not {"airflow", "cobranca", "sqlalchemy", "pandas"} & set(answer.stdout.split())


def test_the_image_and_the_launcher_give_airflow_the_plugins(tmp_path):
    from cobranca.local.airflow import LocalAirflow

    environment = LocalAirflow(tmp_path, "postgresql://user@127.0.0.1/none").environment()
    assert environment["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(PLUGINS)
    image = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "AIRFLOW__CORE__PLUGINS_FOLDER=/opt/cobranca/plugins" in image
    assert "COPY . /opt/cobranca" in image
    assert "!plugins" in (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
