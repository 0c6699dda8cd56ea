"""An erasure has the data folder to itself: it starts only while nothing of a night is being done, and nights wait for it.

The lock is the operating system's, so it vanishes with a process that dies, however it dies.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

from cobranca.errors import CobrancaError
from cobranca.settings import Settings

P, R = ParamSpec("P"), TypeVar("R")

_alone = ContextVar("alone", default=False)


class AtWork(CobrancaError):
    """Something of a night is being done at this moment."""


def waits_for_erasures(function: Callable[P, R]) -> Callable[P, R]:
    """For whatever reads or writes people's data of a night; its first argument is the settings."""

    @wraps(function)
    def waiting(settings: Settings, *args, **kwargs) -> R:
        # An erasure that has something written anew does not wait for itself.
        if _alone.get():
            return function(settings, *args, **kwargs)
        with _locked(settings, fcntl.LOCK_SH):
            return function(settings, *args, **kwargs)

    return waiting


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
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
            f"a night is being worked on in {settings.data} at this moment; nothing was erased. Run this again when it has ended."
        ) from None


@contextmanager
def _locked(settings: Settings, how: int) -> Iterator[None]:
    settings.data.mkdir(parents=True, exist_ok=True)
    with (settings.data / ".erasing").open("ab") as handle:
        fcntl.flock(handle, how)
        yield
