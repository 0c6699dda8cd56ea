"""Default arguments of all tasks, the retry policy and the deadlines of runs."""

from datetime import timedelta

from airflow.sdk import (  # type: ignore[attr-defined]  # its stub leaves out deadlines
    AsyncCallback,
    DeadlineAlert,
    DeadlineReference,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
)

from cobranca.errors import (
    BuildFailed,
    ConfigError,
    DeliveryHalted,
    DeliveryRefused,
    GateFailed,
    LedgerError,
    PartitionError,
    ProviderSilent,
    SourceError,
)
from cobranca.orchestration.failure_log import record_failure

ErrorSpec = type[BaseException] | str

# A second try cannot correct these; a person has to.
NO_RETRY: list[ErrorSpec] = [
    ConfigError,
    GateFailed,
    BuildFailed,
    PartitionError,
    DeliveryHalted,
    DeliveryRefused,
]
# These pass by themselves: a source that restarts, a network that drops.
RETRYABLE: list[ErrorSpec] = [
    SourceError,
    LedgerError,
    ProviderSilent,
    "sqlalchemy.exc.OperationalError",
    OSError,
]

RETRY_POLICY = ExceptionRetryPolicy(
    [
        RetryRule(
            NO_RETRY, RetryAction.FAIL, reason="a second try cannot mend this; read the message"
        ),
        RetryRule(RETRYABLE, RetryAction.RETRY, reason="the other side may come back"),
    ]
)

# How long a run may take from the moment it is queued. Landing begins at 02:00, the build after it
# and the queues after the build: together they end by 07:00, half an hour before the agents' queues
# are due. Feedback begins at 01:30.
FEEDBACK_WITHIN = timedelta(hours=2, minutes=30)
LANDING_WITHIN = timedelta(hours=2)
BUILD_WITHIN = timedelta(hours=2, minutes=30)
QUEUES_WITHIN = timedelta(minutes=30)


def deadline_after(interval: timedelta) -> DeadlineAlert:
    """Report a run that has not succeeded within ``interval`` of being queued.

    The report is made by ``plugins/deadline_alerts.py``.
    """
    # By name: only Airflow's own processes have the plugins on their path.
    return DeadlineAlert(
        DeadlineReference.DAGRUN_QUEUED_AT,
        interval,
        AsyncCallback("deadline_alerts.record_late_run"),
    )


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
