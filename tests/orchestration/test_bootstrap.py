"""What an installation checks before its components start."""

import pytest

from cobranca.errors import ConfigError
from cobranca.orchestration.bootstrap import SECRETS, check_secrets


def _secrets() -> dict[str, str]:
    return dict.fromkeys(SECRETS, "x" * 128)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "value", ["", "change-me", "postgresql://cobranca:change-me@postgres/airflow"]
)
def test_an_installation_does_not_start_with_the_examples_secrets(name, value):
    with pytest.raises(ConfigError, match=name):
        check_secrets(_secrets() | {name: value})


def test_an_installation_does_not_start_with_a_short_key_or_an_example_connection():
    check_secrets(_secrets())
    check_secrets(_secrets() | {"AIRFLOW__API_AUTH__JWT_SECRET": "x" * 64})
    with pytest.raises(ConfigError, match="64 bytes"):
        check_secrets(_secrets() | {"AIRFLOW__API_AUTH__JWT_SECRET": "x" * 63})
    with pytest.raises(ConfigError, match="64 bytes"):
        check_secrets(_secrets() | {"AIRFLOW__API_AUTH__JWT_SECRET": "short"})
    with pytest.raises(ConfigError, match="AIRFLOW_CONN_ERP"):
        check_secrets(
            _secrets() | {"AIRFLOW_CONN_ERP": "postgresql://cobranca:change-me@postgres/demo_erp"}
        )
