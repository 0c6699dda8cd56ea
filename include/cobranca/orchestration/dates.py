"""Which night a task works for: the one place that turns a DAG run into a business date."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from airflow.sdk import CronPartitionTimetable, PartitionedAtRuntime, get_current_context

from cobranca.errors import ConfigError
from cobranca.orchestration.connections import use_airflow_connections
from cobranca.settings import Settings, parse_business_date

TIME_ZONE = "America/Sao_Paulo"
NIGHTS = ("by_clock", "by_hand")


@dataclass(frozen=True)
class Night:
    """What every stage function needs. ``run_key`` is the same for each try of one DAG run."""

    settings: Settings
    business_date: date
    run_key: str


def every_night_at(hour: int, minute: int) -> CronPartitionTimetable | PartitionedAtRuntime:
    """A run each calendar day at that time in São Paulo; its partition key is that day.

    With ``COBRANCA_NIGHTS=by_hand`` there is no clock: a night begins when somebody gives its date. A DAG of these has
    no start date, or Airflow would run the latest past night as soon as it is installed.

    Raises:
        ConfigError: ``COBRANCA_NIGHTS`` is neither of the two.
    """
    nights = os.environ.get("COBRANCA_NIGHTS") or NIGHTS[0]
    if nights not in NIGHTS:
        raise ConfigError(f"COBRANCA_NIGHTS={nights}; use one of: {', '.join(NIGHTS)}.")
    if nights == "by_hand":
        return PartitionedAtRuntime()
    return CronPartitionTimetable(f"{minute} {hour} * * *", timezone=TIME_ZONE, key_format="%Y-%m-%d")


def business_date(partition_key: str | None, conf: Mapping | None = None) -> date:
    """The date of a run: its partition key, else ``business_date`` of its configuration.

    A run that has only the configuration (Airflow's command line can give no key) wakes no other DAG.

    Raises:
        ConfigError: there is neither, or it is no date.
    """
    text = partition_key or (conf or {}).get("business_date")
    if not text:
        raise ConfigError("this run has no business date; trigger it with a partition key such as 2026-11-18.")
    return parse_business_date(text)


def tonight() -> Night:
    """The night of the running task; also makes Airflow's connections known to the stage functions.

    Raises:
        ConfigError: the run has no business date, or a setting is wrong.
    """
    use_airflow_connections()
    run = get_current_context()["dag_run"]
    return Night(
        settings=Settings.from_environment(),
        business_date=business_date(run.partition_key, run.conf),
        run_key=run.run_id,
    )
