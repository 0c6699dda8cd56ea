"""The lock between nights and an erasure, which needs the data folder to itself.

An erasure starts only while no night is worked on, and nights wait for it. The lock is the
operating system's, so it vanishes with a process that dies, however it dies.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from cobranca.errors import CobrancaError
from cobranca.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

# Whether this very context holds the exclusive lock.
_alone = ContextVar("alone", default=False)


class AtWork(CobrancaError):
    """A night is being worked on at this moment."""


def waits_for_erasures(
    function: Callable[Concatenate[Settings, P], R],
) -> Callable[Concatenate[Settings, P], R]:
    """Have a function that reads or writes people's data wait for an erasure.

    Its first argument is the settings.
    """

    @wraps(function)
    def waiting(settings: Settings, /, *args: P.args, **kwargs: P.kwargs) -> R:
        # An erasure that has something written anew does not wait for itself.
        if _alone.get():
            return function(settings, *args, **kwargs)
        with _locked(settings, fcntl.LOCK_SH):
            return function(settings, *args, **kwargs)

    return waiting


@contextmanager
def exclusive_lock(settings: Settings) -> Iterator[None]:
    """Keep every night waiting.

    Raises:
        AtWork: one is being worked on; nothing is changed.
    """
    try:
        with _locked(settings, fcntl.LOCK_EX | fcntl.LOCK_NB):
            before = _alone.set(True)
            try:
                yield
            finally:
                _alone.reset(before)
    except BlockingIOError:
        raise AtWork(
            f"a night is being worked on in {settings.data} at this moment; nothing was erased. "
            "Run this again when it has ended."
        ) from None


@contextmanager
def _locked(settings: Settings, how: int) -> Iterator[None]:
    settings.data.mkdir(parents=True, exist_ok=True)
    with (settings.data / ".erasing").open("ab") as handle:
        fcntl.flock(handle, how)
        yield
