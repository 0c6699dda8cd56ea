"""Locks between runs of one business date.

A second start, or a retry while the first try still lives, waits. The sources of one run may be
read side by side; the same source is read by one at a time, and publishing has the date to itself.
The locks are the operating system's, so they vanish with a process that dies, however it dies.
"""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def reading(root: Path, run_key: str, source: str) -> Iterator[None]:
    """Hold the right to read one source into the draft of one run.

    Waits for another run that reads it or publishes that draft.
    """
    with ExitStack() as stack:
        stack.enter_context(_locked(_of(root, run_key), fcntl.LOCK_SH))
        stack.enter_context(_locked(_of(root, run_key, source), fcntl.LOCK_EX))
        yield


@contextmanager
def publishing(root: Path, run_key: str) -> Iterator[None]:
    """Hold the right to publish the draft of one run.

    Waits for another run that publishes this date or still writes into that draft.
    """
    with ExitStack() as stack:
        stack.enter_context(_locked(root / ".turn", fcntl.LOCK_EX))
        stack.enter_context(_locked(_of(root, run_key), fcntl.LOCK_EX))
        yield


def _of(root: Path, run_key: str, source: str = "") -> Path:
    key = hashlib.sha256(run_key.encode()).hexdigest()[:12]
    return root / f".turn-{key}{'-' if source else ''}{source}"


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as handle:
        fcntl.flock(handle, how)
        yield
