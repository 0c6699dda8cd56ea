"""One company on two SQLite databases, and the command run on it."""

import contextlib
import hashlib
import io
import logging
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from cobranca.cli import main
from cobranca.demo.fill_sources import fill
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts, holdouts
from cobranca.partitions.manifest import read_manifest
from cobranca.settings import Settings

FIRST, SECOND, HOLIDAY, NEXT = (
    date(2026, 11, 18),
    date(2026, 11, 19),
    date(2026, 11, 20),
    date(2026, 11, 23),
)
PAYERS = 120
REFUSED = 3
SECRET = "s3cr3t-pa55word"


class Installation:
    """One company on two SQLite databases, its settings, and the command run on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config, self.data = folder / "config", folder / "data"
        self.erp, self.billing = folder / "erp.db", folder / "billing.db"
        self.environment = {
            "COBRANCA_CONFIG": str(self.config),
            "COBRANCA_DATA": str(self.data),
            "AIRFLOW_CONN_ERP": f"sqlite:///{self.erp}",
            "AIRFLOW_CONN_BILLING": f"sqlite:///{self.billing}",
        }
        self.settings = Settings.from_environment(self.environment)

    def fill(self, business_date: date) -> None:
        fill(f"sqlite:///{self.erp}", f"sqlite:///{self.billing}", business_date, payers=PAYERS)

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("COBRANCA_", "AIRFLOW_"))
        }
        return subprocess.run(
            [sys.executable, "-c", "from cobranca.cli import main; main()", *arguments],
            env=kept | self.environment | environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def here(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """The same command in this process, which has already loaded what a night needs.

        Its log is written to the standard error, as by the real command.
        """
        output, errors = io.StringIO(), io.StringIO()
        log = logging.StreamHandler(errors)
        log.setLevel(logging.WARNING)
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(("COBRANCA_", "AIRFLOW_"))]:
                patch.delenv(name)
            for name, value in (self.environment | environment).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["cobranca", *arguments])
            patch.chdir(self.folder)
            logging.getLogger().addHandler(log)
            try:
                with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
                    main()
                code = 0
            except SystemExit as end:
                code = end.code
            finally:
                logging.getLogger().removeHandler(log)
        return subprocess.CompletedProcess(arguments, code, output.getvalue(), errors.getvalue())

    def night_here(
        self, business_date: date, *options: str, **environment: str
    ) -> subprocess.CompletedProcess:
        return self.here(
            "night", "--business-date", business_date.isoformat(), *options, **environment
        )

    def night(
        self, business_date: date, *options: str, **environment: str
    ) -> subprocess.CompletedProcess:
        return self.command(
            "night", "--business-date", business_date.isoformat(), *options, **environment
        )

    def outputs(self) -> dict[str, str]:
        """Every file that people or later nights read, by its digest."""
        return {
            path.relative_to(self.data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for kind in ("outbound", "queues", "reports", "outbox")
            for path in sorted((self.data / kind).rglob("*"))
            if path.is_file() and ".candidate" not in path.parts
        }

    def rows(
        self, business_date: date, table: str, query: str = "select count(*) from {}"
    ) -> list[tuple]:
        batch = read_manifest(self.settings.folder("outbound", business_date))
        return duckdb.sql(
            query.format(f"read_parquet('{batch.path(table + '.parquet')}')")
        ).fetchall()

    def contacted(self, business_date: date) -> dict[str, str]:
        """Message keys of a date with their states, from the ledger."""
        engine = open_ledger(self.settings.ledger)
        try:
            with engine.connect() as connection:
                query = sa.select(contacts.c.message_key, contacts.c.state).where(
                    contacts.c.business_date == business_date
                )
                return dict(connection.execute(query).all())
        finally:
            engine.dispose()

    def engaged(self, business_date: date) -> list[tuple]:
        """Debts and steps about which something left on a date."""
        query = sa.select(contacts.c.episode_key, contacts.c.step).where(
            contacts.c.business_date == business_date, contacts.c.state == "sent"
        )
        return self.recorded(query)

    def asked_of_refused(self) -> list[tuple]:
        """Source and id of the receivables in messages that the provider refused on night one."""
        asked, refused = (
            self.rows(FIRST, "out_reminders", "select message_key, source, receivable_id from {}"),
            self.refused(),
        )
        return [(source, key) for message, source, key in asked if message in refused]

    def refused(self) -> dict[str, str]:
        """Messages of the first night that the provider refused, and why."""
        query = sa.select(contacts.c.message_key, contacts.c.state_reason)
        return dict(
            self.recorded(
                query.where(contacts.c.business_date == FIRST, contacts.c.state == "rejected")
            )
        )

    def held_out(self) -> list[tuple]:
        """Debts and steps left out on purpose, on any date."""
        return self.recorded(
            sa.select(holdouts.c.episode_key, holdouts.c.step).order_by(holdouts.c.episode_key)
        )

    def recorded(self, query: sa.Select) -> list[tuple]:
        """What the ledger holds."""
        engine = open_ledger(self.settings.ledger)
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(query)]
        finally:
            engine.dispose()
