"""The demo company's workspace: its folder, its databases and the settings that point at them."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from cobranca.local.airflow import LocalAirflow, exclusive_home, exit_on_signals
from cobranca.local.postgres import PrivatePostgres
from cobranca.settings import PROJECT_ROOT, Settings

HOME = PROJECT_ROOT / "var" / "demo"
PAYERS = 2000
DATABASES = ("airflow", "ledger", "erp")


class DemoCompany:
    """The databases and the data folder of the demo company, in one ``home``.

    A private PostgreSQL holds ``airflow``, ``ledger`` and ``erp``; the billing system is SQLite.
    """

    def __init__(self, home: Path, server: PrivatePostgres) -> None:
        self.home = home
        self.server = server
        self.urls = {name: server.create_database(name) for name in DATABASES}

    @property
    def environment(self) -> dict[str, str]:
        """Settings and connections of the demo.

        Delivery is always the outbox, although no address of the demo belongs to anyone.
        """
        data = self.home / "data"
        return {
            "COBRANCA_CONFIG": str(PROJECT_ROOT / "include" / "config"),
            "COBRANCA_DATA": str(data),
            "COBRANCA_WAREHOUSE": f"duckdb:///{data / 'warehouse.duckdb'}",
            "COBRANCA_LEDGER": self.urls["ledger"],
            "COBRANCA_DELIVERY": "outbox",
            "COBRANCA_NIGHTS": "by_hand",
            "AIRFLOW_CONN_ERP": self.urls["erp"],
            "AIRFLOW_CONN_BILLING": f"sqlite:///{self.home / 'billing.db'}",
        }

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    def airflow(
        self, environment: Mapping[str, str] | None = None, dags: Path = PROJECT_ROOT / "dags"
    ) -> LocalAirflow:
        """Airflow for this company, not yet started."""
        environment = self.environment | dict(environment or {})
        return LocalAirflow(
            self.home / "airflow", self.urls["airflow"], environment=environment, dags=dags
        )

    def filled_for(self) -> date | None:
        """The date for which the sources were filled last."""
        note = self.home / "filled"
        return date.fromisoformat(note.read_text()) if note.exists() else None

    def note_filled(self, business_date: date) -> None:
        (self.home / "filled").write_text(business_date.isoformat())


@contextlib.contextmanager
def demo_company(home: Path = HOME) -> Iterator[DemoCompany]:
    """Open the demo in ``home`` for this process alone; its PostgreSQL stops with it.

    Raises:
        AirflowFailed: another process uses that home.
        PostgresUnavailable: no PostgreSQL can be run here.
    """
    home = Path(home).absolute()
    with exit_on_signals(), exclusive_home(home):
        end_server(home / "postgres")
        with PrivatePostgres(home / "postgres") as server:
            yield DemoCompany(home, server)


def end_server(folder: Path) -> None:
    """End a PostgreSQL that a killed run left on this folder.

    The lock on the home makes sure that no other process uses it.
    """
    import signal

    import psutil

    with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
        process = psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
        if str(folder / "data") in process.cmdline() and process.pid != os.getpid():
            process.send_signal(signal.SIGINT)
            process.wait(30)
