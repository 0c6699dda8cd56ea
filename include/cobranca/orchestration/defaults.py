"""What all tasks share: who owns them, which failures are tried again, by when a run is late, and what is written down then."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, ExceptionRetryPolicy, RetryAction, RetryRule

from cobranca.errors import (
    BuildFailed,
    CobrancaError,
    ConfigError,
    DeliveryHalted,
    DeliveryRefused,
    GateFailed,
    LedgerError,
    PartitionError,
    ProviderSilent,
    SourceError,
)
from cobranca.orchestration.dates import TIME_ZONE, business_date
from cobranca.settings import Settings

log = logging.getLogger(__name__)

# A second try cannot mend these; a person has to.
HOPELESS = [ConfigError, GateFailed, BuildFailed, PartitionError, DeliveryHalted, DeliveryRefused]
# These pass by themselves: a source that restarts, a network that drops.
PASSING = [SourceError, LedgerError, ProviderSilent, "sqlalchemy.exc.OperationalError", OSError]

RETRY_POLICY = ExceptionRetryPolicy(
    [
        RetryRule(HOPELESS, RetryAction.FAIL, reason="a second try cannot mend this; read the message"),
        RetryRule(PASSING, RetryAction.RETRY, reason="the other side may come back"),
    ]
)

# How long a run may take from the moment it is queued. Landing begins at 02:00, the build after it and the queues after
# the build: together they end by 07:00, half an hour before the agents' queues are due. Feedback begins at 01:30.
FEEDBACK_WITHIN = timedelta(hours=2, minutes=30)
LANDING_WITHIN = timedelta(hours=2)
BUILD_WITHIN = timedelta(hours=2, minutes=30)
QUEUES_WITHIN = timedelta(minutes=30)


def late_after(interval: timedelta) -> DeadlineAlert:
    """Have a run noticed that did not succeed within ``interval`` of being queued; see ``plugins/late_nights.py``."""
    # By name: only Airflow's own processes have the plugins on their path.
    return DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, interval, AsyncCallback("late_nights.record_late_run"))


def record_failure(context) -> None:
    """Log one readable sentence and append it to ``<data>/failures/<business date>.jsonl``.

    Only the messages of our own errors are written: those of drivers may hold addresses and credentials.
    Never raises, so that it cannot hide the failure it reports.
    """
    try:
        failure = describe(context)
        log.error("%(dag)s.%(task)s failed on try %(try_number)s for %(business_date)s: %(message)s", failure)
        append(failure)
    except Exception:
        log.exception("the failure could not be recorded")


def append(failure: dict) -> None:
    """Add one record to ``<data>/failures/<business date>.jsonl``.

    Raises:
        ConfigError: a setting is wrong.
        OSError: the file cannot be written.
    """
    folder = Settings.from_environment().data / "failures"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{failure['business_date']}.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(failure, ensure_ascii=False) + "\n")


def describe(context) -> dict:
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


def describe_late(run: Mapping, due: datetime) -> dict:
    """A run that has not succeeded by ``due`` as a record of the same form, of the whole run and not of one task.

    ``run`` is the run as Airflow's REST API gives it.
    """
    here = ZoneInfo(TIME_ZONE)
    queued = datetime.fromisoformat(run["queued_at"].replace("Z", "+00:00")).astimezone(here)
    return {
        "at": _now(),
        "business_date": _day(run["partition_key"], run["conf"]),
        "dag": run["dag_id"],
        "task": None,
        "map_index": -1,
        "run": run["dag_run_id"],
        "try_number": None,
        "error": "Late",
        "message": f"late: queued at {queued:%d/%m %H:%M}, it should have succeeded by {due.astimezone(here):%d/%m %H:%M} "
        f"São Paulo time and is {run['state']}; see its tasks in Airflow",
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _day(partition_key: str | None, conf: Mapping | None) -> str:
    try:
        return business_date(partition_key, conf).isoformat()
    except ConfigError:
        return "undated"


def readable(error: object) -> str:
    if isinstance(error, CobrancaError):
        return str(error)
    return f"{type(error).__name__}; its text is in the task's log"


DEFAULT_ARGS = {
    "owner": "cobranca",
    "retries": 3,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=15),
    "retry_policy": RETRY_POLICY,
    "execution_timeout": timedelta(hours=2),
    "on_failure_callback": record_failure,
    "on_retry_callback": record_failure,
}
