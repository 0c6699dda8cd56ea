"""The stages of a night: their order, where they stop, and names that do not exist."""

from datetime import date

import pytest

from cobranca import night
from cobranca.errors import ConfigError, GateFailed

DAY = date(2026, 11, 18)


@pytest.fixture
def stages(monkeypatch) -> dict:
    """Stages that only report, under the names of the real ones."""
    stand_ins = {name: lambda _settings, day, name=name: f"{name} {day}" for name in night.STAGES}
    monkeypatch.setattr(night, "STAGES", stand_ins)
    return stand_ins


def test_stages_run_in_order_and_each_is_reported(stages, settings):
    reported = []
    night.run(settings, DAY, tell=lambda stage, result: reported.append((stage, result)))
    assert reported == [(name, f"{name} {DAY}") for name in stages]
    assert list(stages) == ["feedback", "land", "build", "gate", "reminders", "queues", "reports"]


def test_a_night_stops_after_the_stage_that_was_named(stages, settings):
    reported = []
    night.run(settings, DAY, until="build", tell=lambda stage, _result: reported.append(stage))
    assert reported == ["feedback", "land", "build"]


def test_a_failed_stage_ends_the_night(stages, settings):
    def fail(_settings, _day):
        raise GateFailed("no")

    stages["gate"] = fail
    reported = []
    with pytest.raises(GateFailed):
        night.run(settings, DAY, tell=lambda stage, _result: reported.append(stage))
    assert reported == ["feedback", "land", "build"]


def test_an_unknown_stage_is_refused_with_the_names_there_are(settings):
    with pytest.raises(ConfigError, match="'dinner'; use one of: feedback, land"):
        night.run(settings, DAY, until="dinner")
