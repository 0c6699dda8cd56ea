"""Messages in flight: counted until their answers are taken, and answers until recorded."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from cobranca.reminders.channels import Outcome
from cobranca.reminders.delivery.in_flight import FreshLetter, InFlight

SENT = Outcome("sent", provider_message_id="1")


def fresh(key: str) -> FreshLetter:
    return FreshLetter(SimpleNamespace(message_key=key), fresh_until=float(key[1:]))


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_a_message_is_in_flight_until_its_answer_is_taken(pool):
    allowed = threading.Event()
    flight = InFlight(pool, lambda letter: allowed.wait(30) and SENT)
    flight.start(fresh("M1"))
    flight.start(fresh("M2"))
    assert (len(flight), flight.take_answers()) == (2, [])
    allowed.set()
    answers = []
    while len(answers) < 2:
        flight.wait(30)
        answers += flight.take_answers()
    assert sorted(answers) == [("M1", SENT), ("M2", SENT)] and len(flight) == 0


def test_all_answers_that_are_there_are_taken_at_once(pool):
    letters, sent = [fresh(f"M{number}") for number in range(3)], []
    flight = InFlight(pool, lambda letter: sent.append(letter) or SENT)
    for letter in letters:
        flight.start(letter)
    pool.shutdown()
    assert sorted(flight.take_answers()) == [(f"M{number}", SENT) for number in range(3)]
    assert sorted(sent, key=lambda letter: letter.fresh_until) == letters


def test_the_oldest_unrecorded_answer_waits_until_answers_are_recorded(pool):
    flight = InFlight(pool, lambda letter: SENT)
    assert not flight.has_waited(0)
    flight.start(fresh("M1"))
    flight.wait(30)
    flight.take_answers()
    time.sleep(0.01)
    assert flight.has_waited(0.005) and not flight.has_waited(60)
    flight.mark_recorded()
    assert not flight.has_waited(0)


def test_an_error_in_a_thread_is_raised_where_the_answer_is_taken(pool):
    flight = InFlight(pool, lambda letter: 1 / 0)
    flight.start(fresh("M1"))
    flight.wait(30)
    with pytest.raises(ZeroDivisionError):
        flight.take_answers()


def test_a_wait_without_an_answer_ends(pool):
    allowed = threading.Event()
    flight = InFlight(pool, lambda letter: allowed.wait(30) and SENT)
    flight.start(fresh("M1"))
    flight.wait(0.01)
    assert (len(flight), flight.take_answers()) == (1, [])
    allowed.set()
