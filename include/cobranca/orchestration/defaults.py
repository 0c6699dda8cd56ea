"""What all tasks share: who owns them, which failures are tried again, and what is written down when one fails."""

import json
import logging
from datetime import UTC, datetime, timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from cobranca.errors import BuildFailed, CobrancaError, ConfigError, GateFailed, PartitionError, SourceError
from cobranca.orchestration.dates import business_date
from cobranca.settings import Settings

log = logging.getLogger(__name__)

# A second try cannot mend these; a person has to.
HOPELESS = [ConfigError, GateFailed, BuildFailed, PartitionError]
# These pass by themselves: a source that restarts, a network that drops.
PASSING = [SourceError, "sqlalchemy.exc.OperationalError", OSError]

RETRY_POLICY = ExceptionRetryPolicy(
    [
        RetryRule(HOPELESS, RetryAction.FAIL, reason="a second try cannot mend this; read the message"),
        RetryRule(PASSING, RetryAction.RETRY, reason="the other side may come back"),
    ]
)


def record_failure(context) -> None:
    """Log one readable sentence and append it to ``<data>/failures/<business date>.jsonl``.

    Only the messages of our own errors are written: those of drivers may hold addresses and credentials.
    Never raises, so that it cannot hide the failure it reports.
    """
    try:
        failure = describe(context)
        log.error("%(dag)s.%(task)s failed on try %(try_number)s for %(business_date)s: %(message)s", failure)
        folder = Settings.from_environment().data / "failures"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{failure['business_date']}.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(failure, ensure_ascii=False) + "\n")
    except Exception:
        log.exception("the failure could not be recorded")


def describe(context) -> dict:
    """The failure as a small record: which task, which night, which try, what to read."""
    task, error = context["ti"], context.get("exception")
    try:
        day = business_date(context.get("partition_key"), context["dag_run"].conf).isoformat()
    except ConfigError:
        day = "undated"
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "business_date": day,
        "dag": task.dag_id,
        "task": task.task_id,
        "map_index": task.map_index,
        "run": task.run_id,
        "try_number": task.try_number,
        "error": type(error).__name__,
        "message": readable(error),
    }


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
