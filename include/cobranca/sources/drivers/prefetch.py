"""Prefetch chunks in a daemon thread, so that a silent server cannot block the landing.

A library that waits for its server in C cannot be interrupted. Its thread is a daemon: when the
server has fallen silent, it is left behind with its connection, and goes with the process.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")

# How many items may wait to be taken.
DEPTH = 3
# Seconds for what is nearly done, before it is made to fail.
ENDING = 0.2


class ServerTimeout(Exception):
    """What was waited for did not come in time."""


@contextmanager
def closing_iterator(items: Iterator[T]) -> Iterator[Iterator[T]]:
    """Close a generator at the end; any other iterator has nothing to close."""
    try:
        yield items
    finally:
        if isinstance(items, Generator):
            items.close()


def with_timeout(seconds: float, work: Callable[[], T]) -> T:
    """The result of some work, if it comes in time.

    Raises:
        ServerTimeout: it did not.
    """
    answer: Future[T] = Future()
    _start(lambda: _answer(answer, work))
    try:
        return answer.result(seconds)
    except NotDone:
        if answer.done():  # the work itself ran out of some time
            raise
    raise ServerTimeout


class Prefetcher(Generic[T]):
    """The next items of a generator, made while the caller works on an earlier one.

    Each must come within ``seconds`` of being waited for. ``stop`` makes the thread that makes them
    fail when the caller wants no more.
    """

    def __init__(self, items: Iterator[T], seconds: float, stop: Callable[[], None]):
        self._items, self._seconds, self._stop = items, seconds, stop
        self._made: queue.SimpleQueue[Future[T | None]] = queue.SimpleQueue()
        self._room = threading.Semaphore(DEPTH)
        self._last: list[Callable[[], None]] = []
        self._unwanted = False
        self._maker: threading.Thread | None = None

    def afterwards(self, work: Callable[[], U]) -> Callable[[], U]:
        """Have one more thing done after the last item, while the caller still works.

        To be called before the first item is taken.

        Returns:
            What waits for its result.
        """
        answer: Future[U] = Future()
        self._last.append(lambda: _answer(answer, work))
        return answer.result

    def __iter__(self) -> Iterator[T]:
        """The items, in order.

        Raises:
            ServerTimeout: an item did not come in time.
        """
        self._maker = _start(self._make)
        while True:
            try:
                item = self._made.get(timeout=self._seconds).result()
            except queue.Empty:
                break
            if item is None:
                return
            self._room.release()
            yield item
        raise ServerTimeout

    def close(self, seconds: float) -> bool:
        """Want no more; waits so long for the maker to end, and says whether it did."""
        self._unwanted = True
        self._room.release()
        if self._maker is None:
            return True
        self._maker.join(min(seconds, ENDING))  # it may be at its end already
        if not self._maker.is_alive():
            return True
        _start(self._stop)
        self._maker.join(seconds)
        return not self._maker.is_alive()

    def _make(self) -> None:
        with closing_iterator(self._items):
            self._make_until_unwanted()

    def _make_until_unwanted(self) -> None:
        item: object = self
        while item is not None:
            self._room.acquire()
            if self._unwanted:
                return
            made: Future[T | None] = Future()
            _answer(made, lambda: next(self._items, None))
            self._made.put(made)
            if made.exception() is not None:
                return
            item = made.result()
            del made
        for work in self._last:
            work()


def _answer(answer: Future[T], work: Callable[[], T]) -> None:
    try:
        answer.set_result(work())
    except BaseException as error:
        answer.set_exception(error)


def _start(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name="read-ahead", daemon=True)
    thread.start()
    return thread
