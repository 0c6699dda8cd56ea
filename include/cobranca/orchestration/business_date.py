"""Turn a DAG run into a business date. No other module does."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from airflow.sdk import CronPartitionTimetable, PartitionedAtRuntime, get_current_context

from cobranca.errors import ConfigError
from cobranca.orchestration.airflow_connections import use_airflow_connections
from cobranca.settings import Settings, parse_business_date
from cobranca.time_zone import TIME_ZONE_NAME

NIGHTS = ("by_clock", "by_hand")
Conf = Mapping[str, Any]


@dataclass(frozen=True)
class NightRun:
    """What every stage function needs. ``run_key`` is the same for each try of one DAG run."""

    settings: Settings
    business_date: date
    run_key: str


def nightly_at(hour: int, minute: int) -> CronPartitionTimetable | PartitionedAtRuntime:
    """Schedule a run each calendar day at that time in São Paulo; its partition key is that day.

    With ``COBRANCA_NIGHTS=by_hand`` there is no clock: a night begins when an operator gives its
    date. These DAGs have no start date, or Airflow would run the latest past night as soon as it
    is installed.

    Raises:
        ConfigError: ``COBRANCA_NIGHTS`` is neither of the two.
    """
    nights = os.environ.get("COBRANCA_NIGHTS") or NIGHTS[0]
    if nights not in NIGHTS:
        raise ConfigError(f"COBRANCA_NIGHTS={nights}; use one of: {', '.join(NIGHTS)}.")
    if nights == "by_hand":
        return PartitionedAtRuntime()
    return CronPartitionTimetable(
        f"{minute} {hour} * * *", timezone=TIME_ZONE_NAME, key_format="%Y-%m-%d"
    )


def business_date(partition_key: str | None, conf: Conf | None = None) -> date:
    """The date of a run: its partition key, else ``business_date`` of its configuration.

    A run that has only the configuration (Airflow's command line can give no key) starts no other
    DAG.

    Raises:
        ConfigError: there is neither, or it is no date.
    """
    text = partition_key or (conf or {}).get("business_date")
    if not text:
        raise ConfigError(
            "this run has no business date; trigger it with a partition key such as 2026-11-18."
        )
    return parse_business_date(text)


def current_run() -> NightRun:
    """The night of the running task.

    Also makes Airflow's connections known to the stage functions.

    Raises:
        ConfigError: the run has no business date, or a setting is wrong.
    """
    use_airflow_connections()
    run = get_current_context()["dag_run"]
    return NightRun(
        settings=Settings.from_environment(),
        business_date=business_date(run.partition_key, run.conf),
        run_key=run.run_id,
    )
