"""Retry of a failing call and polling of a condition, each within its time limit."""

import itertools

import pytest

from cobranca import retry as module
from cobranca.retry import retry, wait_until


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the module, moved by ``sleep`` only."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(module.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def failing(times: int, error: type[Exception] = OSError):
    calls = itertools.count()

    def work() -> int:
        if (call := next(calls)) < times:
            raise error(f"failure {call}")
        return call

    return work


def test_work_is_retried_until_it_succeeds(clock: list[float]):
    assert retry(failing(3), OSError, seconds=10, pause=2) == 3
    assert clock == [6.0]


def test_the_last_error_is_raised_after_the_time_limit(clock: list[float]):
    with pytest.raises(OSError, match="failure 3"):
        retry(failing(99), OSError, seconds=5, pause=2)
    assert clock == [6.0]


def test_an_error_of_another_kind_is_raised_at_once(clock: list[float]):
    with pytest.raises(ValueError, match="failure 0"):
        retry(failing(1, ValueError), (OSError, KeyError), seconds=5, pause=2)
    assert clock == [0.0]


def test_polling_ends_when_the_check_is_true_or_at_the_time_limit(clock: list[float]):
    answers = iter([0, "", "yes"])
    assert wait_until(lambda: next(answers), seconds=5, pause=2)
    assert clock == [4.0]
    assert not wait_until(lambda: False, seconds=5, pause=2)
    assert clock == [10.0]
