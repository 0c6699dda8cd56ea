"""Record failed and late tasks of a date as lines of ``failures/<date>.jsonl``."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

from cobranca.errors import CobrancaError, ConfigError
from cobranca.orchestration.business_date import Conf, business_date
from cobranca.settings import Settings
from cobranca.time_zone import TIME_ZONE

log = logging.getLogger(__name__)

# Airflow gives a callback of a task its template context, one of a deadline plain JSON.
Context = Mapping[str, Any]


class FailureRecord(TypedDict):
    """One line of the file. A late run has neither task nor try."""

    at: str
    business_date: str
    dag: str
    task: str | None
    map_index: int
    run: str
    try_number: int | None
    error: str
    message: str


def record_failure(context: Context) -> None:
    """Log one readable sentence and append it to ``<data>/failures/<business date>.jsonl``.

    Only the messages of our own errors are written: those of drivers may hold addresses and
    credentials. Never raises, so that it cannot hide the failure it reports.
    """
    try:
        failure = describe(context)
        log.error(
            "%(dag)s.%(task)s failed on try %(try_number)s for %(business_date)s: %(message)s",
            failure,
        )
        append(failure)
    except Exception:
        log.exception("the failure could not be recorded")


def append(failure: FailureRecord) -> None:
    """Add one record to ``<data>/failures/<business date>.jsonl``.

    Raises:
        ConfigError: a setting is wrong.
        OSError: the file cannot be written.
    """
    folder = Settings.from_environment().data / "failures"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{failure['business_date']}.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(failure, ensure_ascii=False) + "\n")


def describe(context: Context) -> FailureRecord:
    """The failure as a small record: which task, which night, which try, what to read."""
    task, error = context["ti"], context.get("exception")
    return {
        "at": _now(),
        "business_date": _day(context.get("partition_key"), context["dag_run"].conf),
        "dag": task.dag_id,
        "task": task.task_id,
        "map_index": task.map_index,
        "run": task.run_id,
        "try_number": task.try_number,
        "error": type(error).__name__,
        "message": readable(error),
    }


def describe_late(run: Mapping[str, Any], due: datetime) -> FailureRecord:
    """A run that has not succeeded by ``due``, as a record of the same form.

    ``run`` is the run as Airflow's REST API gives it. The record is of the whole run and not of one
    task.
    """
    queued = datetime.fromisoformat(run["queued_at"]).astimezone(TIME_ZONE)
    moment = "%d/%m %H:%M"
    return {
        "at": _now(),
        "business_date": _day(run["partition_key"], run["conf"]),
        "dag": run["dag_id"],
        "task": None,
        "map_index": -1,
        "run": run["dag_run_id"],
        "try_number": None,
        "error": "Late",
        "message": (
            f"late: queued at {queued:{moment}}, it should have succeeded by "
            f"{due.astimezone(TIME_ZONE):{moment}} São Paulo time and is {run['state']}; "
            "see its tasks in Airflow"
        ),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _day(partition_key: str | None, conf: Conf | None) -> str:
    try:
        return business_date(partition_key, conf).isoformat()
    except ConfigError:
        return "undated"


def readable(error: object) -> str:
    """The message of an error of our own; of any other only its type."""
    if isinstance(error, CobrancaError):
        return str(error)
    return f"{type(error).__name__}; its text is in the task's log"
