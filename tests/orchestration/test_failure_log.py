"""The record of a failed task: readable, and without secrets."""

import json
from types import SimpleNamespace

import pytest

from cobranca.errors import SourceError
from cobranca.orchestration import failure_log
from cobranca.orchestration.failure_log import record_failure


def _context(error: Exception) -> dict:
    task = SimpleNamespace(
        dag_id="land_receivables", task_id="land", map_index=1, run_id="run-1", try_number=2
    )
    return {
        "ti": task,
        "exception": error,
        "partition_key": "2026-11-18",
        "dag_run": SimpleNamespace(conf={}),
    }


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SourceError("erp does not answer"), "erp does not answer"),
        (
            RuntimeError("password=secret cpf 111.444.777-35"),
            "RuntimeError; its text is in the task's log",
        ),
    ],
)
def test_a_failure_is_recorded_in_a_sentence_without_secrets(
    monkeypatch, tmp_path, caplog, watch_log, error, message
):
    watch_log(failure_log)
    monkeypatch.setenv("COBRANCA_DATA", str(tmp_path))
    record_failure(_context(error))
    (record,) = (
        json.loads(line)
        for line in (tmp_path / "failures" / "2026-11-18.jsonl").read_text().splitlines()
    )
    assert (record["dag"], record["task"], record["try_number"], record["message"]) == (
        "land_receivables",
        "land",
        2,
        message,
    )
    assert message in caplog.text
    assert "secret" not in caplog.text + json.dumps(record)


def test_recording_never_hides_the_failure_it_reports(monkeypatch, tmp_path):
    (tmp_path / "failures").write_text("a file where the folder should be")
    monkeypatch.setenv("COBRANCA_DATA", str(tmp_path))
    record_failure(_context(SourceError("x")))
    record_failure({})
