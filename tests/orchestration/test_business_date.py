"""The business date of a run, and the timetable that gives it."""

from datetime import date

import pytest
from airflow.sdk import CronPartitionTimetable, PartitionedAtRuntime

from cobranca.errors import ConfigError
from cobranca.orchestration.business_date import business_date, nightly_at


@pytest.mark.parametrize(
    ("key", "conf", "day"),
    [
        ("2026-11-18", None, date(2026, 11, 18)),
        ("2026-11-18", {"business_date": "2026-01-01"}, date(2026, 11, 18)),
        (None, {"business_date": "2026-11-19"}, date(2026, 11, 19)),
    ],
)
def test_the_partition_key_is_the_business_date(key, conf, day):
    assert business_date(key, conf) == day


@pytest.mark.parametrize(
    ("key", "message"),
    [(None, "partition key"), ("", "partition key"), ("18/11/2026", "YYYY-MM-DD")],
)
def test_a_run_without_a_date_says_how_to_give_one(key, message):
    with pytest.raises(ConfigError, match=message):
        business_date(key, {})


def test_nights_by_hand_have_no_clock(monkeypatch):
    monkeypatch.delenv("COBRANCA_NIGHTS", raising=False)
    assert isinstance(nightly_at(2, 0), CronPartitionTimetable)
    monkeypatch.setenv("COBRANCA_NIGHTS", "by_hand")
    assert isinstance(nightly_at(2, 0), PartitionedAtRuntime)
    monkeypatch.setenv("COBRANCA_NIGHTS", "sometimes")
    with pytest.raises(ConfigError, match="by_clock, by_hand"):
        nightly_at(2, 0)
