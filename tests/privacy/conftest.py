"""One night of a small company, run once; tests read it or change a copy."""

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from cobranca import night
from cobranca.privacy import erase
from cobranca.settings import Settings
from creditor_files import copy_config
from privacy import company

FIRST, SECOND = date(2026, 11, 18), date(2026, 11, 19)


def settings_in(folder: Path) -> Settings:
    data = folder / "data"
    return Settings(
        config=folder / "config",
        data=data,
        warehouse=f"duckdb:///{data / 'warehouse.duckdb'}",
        ledger=f"sqlite:///{data / 'ledger.db'}",
        delivery="outbox",
    )


@pytest.fixture(scope="session")
def first_night(tmp_path_factory) -> Iterator[Path]:
    """A whole first night: one canary was written to, the other stands in the call queue."""
    folder = tmp_path_factory.mktemp("canaries")
    copy_config(folder / "config")
    for path in (folder / "config" / "sources").glob("*.yml"):
        path.unlink()
    (folder / "config" / "sources" / "crm.yml").write_text(company.SOURCE, encoding="utf-8")
    company.fill(folder / "crm.db", FIRST - timedelta(days=1))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW_CONN_CRM", f"sqlite:///{folder / 'crm.db'}")
        night.run(settings_in(folder), FIRST)
    return folder


@pytest.fixture(scope="session")
def found(first_night) -> dict[str, list[str]]:
    """The files of that night that name a person of the company, by what they hold."""
    more = ["(21) 97654-0456", "(11) 97654-0123", *(email for *_, email in company.OTHERS)]
    needles = [*company.WRITTEN.needles, *company.CALLED.needles, *more]
    return company.found_in(settings_in(first_night).data, needles)


@pytest.fixture(scope="session")
def erased(first_night, tmp_path_factory) -> Settings:
    """The same night after its first canary was erased; only looked at."""
    folder = tmp_path_factory.mktemp("erased") / "copy"
    shutil.copytree(first_night, folder)
    erase.apply_erasure(
        settings_in(folder), "crm:1", by="maria", reason="pedido do titular", business_date=FIRST
    )
    return settings_in(folder)


@pytest.fixture
def place(first_night, tmp_path, monkeypatch) -> Path:
    """A copy of it, free to be changed."""
    shutil.copytree(first_night, tmp_path / "copy")
    monkeypatch.setenv("AIRFLOW_CONN_CRM", f"sqlite:///{tmp_path / 'copy' / 'crm.db'}")
    return tmp_path / "copy"
