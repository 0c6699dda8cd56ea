"""Which failures of a task are tried again."""

import pytest
import sqlalchemy as sa

from cobranca.errors import (
    BuildFailed,
    ConfigError,
    DeliveryHalted,
    DeliveryRefused,
    GateFailed,
    LedgerError,
    PartitionError,
    ProviderSilent,
    SourceError,
)
from cobranca.orchestration.default_args import RETRY_POLICY


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (ConfigError("x"), "fail"),
        (GateFailed("x"), "fail"),
        (BuildFailed("x"), "fail"),
        (PartitionError("x"), "fail"),
        (DeliveryHalted("x"), "fail"),
        (DeliveryRefused("x"), "fail"),
        (SourceError("x"), "retry"),
        (LedgerError("x"), "retry"),
        (ProviderSilent("x"), "retry"),
        (sa.exc.OperationalError("select 1", {}, Exception()), "retry"),
        (ConnectionResetError(), "retry"),
        (TimeoutError(), "retry"),
        (ValueError(), "default"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_only_what_may_pass_is_tried_again(error, action):
    decision = RETRY_POLICY.evaluate(error, try_number=1, max_tries=3)
    assert decision.action.value == action
    assert decision.retry_delay is None, "the task's own delay, which grows, is kept"
