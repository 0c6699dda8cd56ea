"""What all tasks share: the date, the retries, the record of a failure, Airflow's connections."""

import json
from datetime import date
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from cobranca.errors import BuildFailed, ConfigError, GateFailed, PartitionError, SourceError


@pytest.mark.parametrize(
    ("key", "conf", "day"),
    [
        ("2026-11-18", None, date(2026, 11, 18)),
        ("2026-11-18", {"business_date": "2026-01-01"}, date(2026, 11, 18)),
        (None, {"business_date": "2026-11-19"}, date(2026, 11, 19)),
    ],
)
def test_the_partition_key_is_the_business_date(key, conf, day):
    from cobranca.orchestration.dates import business_date

    assert business_date(key, conf) == day


@pytest.mark.parametrize(("key", "told"), [(None, "partition key"), ("", "partition key"), ("18/11/2026", "YYYY-MM-DD")])
def test_a_run_without_a_date_says_how_to_give_one(key, told):
    from cobranca.orchestration.dates import business_date

    with pytest.raises(ConfigError, match=told):
        business_date(key, {})


def test_nights_by_hand_have_no_clock(monkeypatch):
    from airflow.sdk import CronPartitionTimetable, PartitionedAtRuntime

    from cobranca.orchestration.dates import every_night_at

    monkeypatch.delenv("COBRANCA_NIGHTS", raising=False)
    assert isinstance(every_night_at(2, 0), CronPartitionTimetable)
    monkeypatch.setenv("COBRANCA_NIGHTS", "by_hand")
    assert isinstance(every_night_at(2, 0), PartitionedAtRuntime)
    monkeypatch.setenv("COBRANCA_NIGHTS", "sometimes")
    with pytest.raises(ConfigError, match="by_clock, by_hand"):
        every_night_at(2, 0)


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (ConfigError("x"), "fail"),
        (GateFailed("x"), "fail"),
        (BuildFailed("x"), "fail"),
        (PartitionError("x"), "fail"),
        (SourceError("x"), "retry"),
        (sa.exc.OperationalError("select 1", {}, Exception()), "retry"),
        (ConnectionResetError(), "retry"),
        (TimeoutError(), "retry"),
        (ValueError(), "default"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_only_what_may_pass_is_tried_again(error, action):
    from cobranca.orchestration.defaults import RETRY_POLICY

    decision = RETRY_POLICY.evaluate(error, try_number=1, max_tries=3)
    assert decision.action.value == action
    assert decision.retry_delay is None, "the task's own delay, which grows, is kept"


def _context(error: Exception) -> dict:
    task = SimpleNamespace(dag_id="land_receivables", task_id="land", map_index=1, run_id="run-1", try_number=2)
    return {"ti": task, "exception": error, "partition_key": "2026-11-18", "dag_run": SimpleNamespace(conf={})}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SourceError("erp does not answer"), "erp does not answer"),
        (RuntimeError("password=secret cpf 111.444.777-35"), "RuntimeError; its text is in the task's log"),
    ],
)
def test_a_failure_is_recorded_in_a_sentence_without_secrets(monkeypatch, tmp_path, caplog, watch_log, error, message):
    from cobranca.orchestration import defaults

    watch_log(defaults)
    monkeypatch.setenv("COBRANCA_DATA", str(tmp_path))
    defaults.record_failure(_context(error))
    (record,) = (json.loads(line) for line in (tmp_path / "failures" / "2026-11-18.jsonl").read_text().splitlines())
    assert (record["dag"], record["task"], record["try_number"], record["message"]) == ("land_receivables", "land", 2, message)
    assert message in caplog.text
    assert "secret" not in caplog.text + json.dumps(record)


def test_recording_never_hides_the_failure_it_reports(monkeypatch, tmp_path):
    from cobranca.orchestration.defaults import record_failure

    (tmp_path / "failures").write_text("a file where the folder should be")
    monkeypatch.setenv("COBRANCA_DATA", str(tmp_path))
    record_failure(_context(SourceError("x")))
    record_failure({})


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("postgresql://ana:p%40ss@db:5433/erp", "postgresql+psycopg://ana:p%40ss@db:5433/erp"),
        ("mysql://ana:x@db:3306/billing", "mysql+pymysql://ana:x@db:3306/billing"),
        ("sqlite:////data/billing.db", "sqlite:////data/billing.db"),
    ],
)
def test_connections_of_airflow_become_urls(monkeypatch, uri, url):
    from airflow.sdk import BaseHook, Connection

    from cobranca.orchestration.connections import from_airflow

    monkeypatch.setattr(BaseHook, "get_connection", lambda conn_id: Connection.from_uri(uri, conn_id=conn_id))
    assert from_airflow("some").url().render_as_string(hide_password=False) == url


def test_a_connection_that_airflow_does_not_know_is_none(monkeypatch):
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    from cobranca.orchestration.connections import from_airflow

    def unknown(conn_id):
        raise AirflowNotFoundException(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", unknown)
    assert from_airflow("nobody") is None
