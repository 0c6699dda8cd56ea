"""Prepare an installation once, before its components start.

``python -m cobranca.orchestration.bootstrap`` checks the secrets, migrates Airflow's database and
the ledger, and creates the pools.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cobranca.errors import CobrancaError, ConfigError

PLACEHOLDER = "change-me"
SECRETS = (
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "COBRANCA_ADMIN_PASSWORD",
)
JWT_BYTES = 64


def check_secrets(environ: Mapping[str, str]) -> None:
    """Refuse to start with a secret that is absent, too short or still the example's.

    Raises:
        ConfigError: names the variable, never its value.
    """
    for name in SECRETS:
        value = environ.get(name) or ""
        if not value or PLACEHOLDER in value:
            raise ConfigError(
                f"{name} is not set or still holds the example's text; see .env.example for how "
                "to make one."
            )
    for name in sorted(name for name in environ if name.startswith("AIRFLOW_CONN_")):
        if PLACEHOLDER in environ[name]:
            raise ConfigError(
                f"{name} still holds the example's text; put the real user, password and host "
                "there."
            )
    if len(environ["AIRFLOW__API_AUTH__JWT_SECRET"].encode()) < JWT_BYTES:
        raise ConfigError(
            f"AIRFLOW__API_AUTH__JWT_SECRET has fewer than {JWT_BYTES} bytes; make one with: "
            "openssl rand -hex 64."
        )


def write_admin(environ: Mapping[str, str]) -> None:
    """Write the password of the user ``admin`` where Airflow's simple login reads it."""
    path = Path(environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        json.dump({"admin": environ["COBRANCA_ADMIN_PASSWORD"]}, handle)


def make_pools() -> None:
    """Create or update Airflow's pools."""
    from airflow.models.pool import Pool

    from cobranca.orchestration.pools import POOLS

    for name, (slots, description) in POOLS.items():
        Pool.create_or_update_pool(
            name, slots=slots, description=description, include_deferred=False
        )


def main() -> None:
    """Check the secrets, migrate Airflow's database and the ledger, create the pools."""
    from cobranca.ledger import open_ledger
    from cobranca.settings import Settings

    try:
        check_secrets(os.environ)
        settings = Settings.from_environment()
        settings.data.mkdir(parents=True, exist_ok=True)
        write_admin(os.environ)
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)
        make_pools()
        open_ledger(settings.ledger).dispose()
    except CobrancaError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    print("ready: databases migrated, pools created")


if __name__ == "__main__":
    main()
