"""Retry ledger transactions while the database restarts."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from cobranca.retry import retry

PAUSE_SECONDS = 0.2
_RESTARTING = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError)

P = ParamSpec("P")
R = TypeVar("R")
Client = TypeVar("Client", bound="LedgerClient")


class LedgerClient:
    """Base class of the ledger's clients, one for each kind of caller.

    ``retry_seconds`` is how long a method is retried while the database restarts.
    """

    def __init__(self, engine: sa.Engine, retry_seconds: float = 30):
        self.engine = engine
        self.retry_seconds = retry_seconds


def retries_restart(
    method: Callable[Concatenate[Client, P], R],
) -> Callable[Concatenate[Client, P], R]:
    """Decorator: retry a method while the database restarts, for the client's ``retry_seconds``.

    The method must be one idempotent transaction. It is also retried if the server ended it because
    this process slept within it.
    """

    @wraps(method)
    def retried(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> R:
        work = partial(method, client, *args, **kwargs)
        return retry(work, _RESTARTING, seconds=client.retry_seconds, pause=PAUSE_SECONDS)

    return retried
