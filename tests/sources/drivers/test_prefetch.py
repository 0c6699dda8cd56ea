"""Read-ahead of rows: in order, few at a time, and never ended by silence or an error."""

import threading
from collections.abc import Iterator

import pytest

from cobranca.sources.drivers.prefetch import DEPTH, Prefetcher, ServerTimeout, with_timeout

PATIENCE = 30.0
SHORT = 0.2


def nothing() -> None:
    """There is no connection to cut."""


@pytest.fixture
def woken() -> Iterator[threading.Event]:
    """What a server that has fallen silent waits for; set at the end of a test."""
    event = threading.Event()
    yield event
    event.set()


def test_items_come_in_their_order_and_what_follows_them_is_done():
    ahead = Prefetcher(iter(range(20)), PATIENCE, nothing)
    total = ahead.afterwards(lambda: 190)
    assert list(ahead) == list(range(20)) and total() == 190
    assert ahead.close(PATIENCE)


def test_an_error_of_the_generator_reaches_the_reader():
    def rows() -> Iterator[int]:
        yield 1
        raise OSError("cut")

    ahead = iter(Prefetcher(rows(), PATIENCE, nothing))
    assert next(ahead) == 1
    with pytest.raises(OSError, match="cut"):
        next(ahead)


def test_a_generator_that_falls_silent_is_an_error(woken: threading.Event):
    def rows() -> Iterator[int]:
        yield 1
        woken.wait()

    ahead = iter(Prefetcher(rows(), SHORT, nothing))
    assert next(ahead) == 1
    with pytest.raises(ServerTimeout):
        next(ahead)


def test_few_items_are_made_ahead():
    made: list[int] = []

    def rows() -> Iterator[int]:
        for number in range(10 * DEPTH):
            made.append(number)
            yield number

    ahead = Prefetcher(rows(), PATIENCE, nothing)
    taken = iter(ahead)
    assert next(taken) == 0
    assert not ahead.close(0) or len(made) <= DEPTH + 2
    assert len(made) <= DEPTH + 2


def test_what_is_unwanted_is_stopped(woken: threading.Event):
    def rows() -> Iterator[int]:
        yield 1
        woken.wait()

    ahead = Prefetcher(rows(), PATIENCE, woken.set)
    assert next(iter(ahead)) == 1
    assert ahead.close(PATIENCE)


def test_work_ends_in_time_or_is_given_up(woken: threading.Event):
    assert with_timeout(PATIENCE, lambda: 7) == 7
    with pytest.raises(ServerTimeout):
        with_timeout(SHORT, woken.wait)
