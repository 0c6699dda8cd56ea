"""Ledger calls are retried while the database restarts, up to ``retry_seconds``."""

import pytest
import sqlalchemy as sa

from cobranca.ledger import restart_retry
from cobranca.ledger.restart_retry import retries_restart


class RestartingClient:
    """A client whose first calls fail with ``errors``."""

    retry_seconds = 30.0

    def __init__(self, errors: list[Exception]):
        self.errors = errors

    @retries_restart
    def call(self, value: int, *, more: int = 0) -> int:
        """One transaction."""
        if self.errors:
            raise self.errors.pop(0)
        return value + more


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(restart_retry, "PAUSE_SECONDS", 0)


def database_error(kind: type[sa.exc.DBAPIError]) -> sa.exc.DBAPIError:
    return kind("select 1", {}, Exception("the database system is shutting down"))


@pytest.mark.parametrize(
    "kind", [sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError]
)
def test_a_call_is_retried_while_the_database_restarts(kind: type[sa.exc.DBAPIError]):
    assert RestartingClient([database_error(kind), database_error(kind)]).call(1, more=2) == 3


def test_the_error_is_raised_after_the_retry_seconds():
    ledger = RestartingClient([database_error(sa.exc.OperationalError)] * 3)
    ledger.retry_seconds = -1
    with pytest.raises(sa.exc.OperationalError):
        ledger.call(1)
    assert len(ledger.errors) == 2


def test_an_error_of_another_kind_is_not_retried():
    ledger = RestartingClient(
        [database_error(sa.exc.IntegrityError), database_error(sa.exc.IntegrityError)]
    )
    with pytest.raises(sa.exc.IntegrityError):
        ledger.call(1)
    assert len(ledger.errors) == 1


def test_the_decorated_method_keeps_its_name_and_docstring():
    assert (RestartingClient.call.__name__, RestartingClient.call.__doc__) == (
        "call",
        "One transaction.",
    )
