"""Real database servers for the tests: throw-away, on a free loopback port, also for root."""

import atexit
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import OperationalError

from cobranca.local.postgres import HOST, PrivatePostgres, ServerFailed, free_port
from cobranca.local.postgres_binaries import PostgresUnavailable
from cobranca.local.server_user import ServerUser

__all__ = [
    "MariadbUnavailable",
    "PostgresUnavailable",
    "PrivateMariadb",
    "PrivatePostgres",
    "ServerFailed",
    "processes_naming",
    "unavailable",
]

USER = "cobranca"
START_SECONDS = 60


class MariadbUnavailable(Exception):
    """This machine has no MariaDB server binaries."""


def unavailable(reason: str) -> None:
    """Skip when the machine lacks a part; in CI, which promises to have it, fail."""
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"CI must have every part, but: {reason}", pytrace=False)
    pytest.skip(reason)


def processes_naming(text: str) -> list[str]:
    """Command lines of running processes that hold this text."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


def mariadb_binaries() -> tuple[Path, Path]:
    """The installer of the system tables and the server.

    Raises:
        MariadbUnavailable: one of them is absent.
    """
    places = os.pathsep.join(
        [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/usr/libexec"]
    )
    installer = shutil.which("mariadb-install-db", path=places)
    server = shutil.which("mariadbd", path=places)
    if not installer or not server:
        raise MariadbUnavailable(
            "no MariaDB server (mariadb-install-db, mariadbd); install the package "
            "'mariadb-server'."
        )
    return Path(installer), Path(server)


class PrivateMariadb:
    """A throw-away MariaDB server; use it as a context manager."""

    def __init__(self) -> None:
        self.port: int | None = None
        self.folder: Path | None = None
        self._password = secrets.token_urlsafe(24)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PrivateMariadb":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, database: str = "") -> str:
        """``mysql+pymysql://user:password@127.0.0.1:port/database``."""
        url = URL.create(
            "mysql+pymysql",
            USER,
            self._password,
            HOST,
            self.port,
            database or None,
            {"charset": "utf8mb4"},
        )
        return url.render_as_string(hide_password=False)

    def create_database(self, name: str) -> str:
        """Create a database unless it exists; returns its URL."""
        self._execute(f"create database if not exists `{name}` character set utf8mb4")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self._execute(f"drop database if exists `{name}`")

    def start(self) -> "PrivateMariadb":
        """Start the server and return when it answers.

        Raises:
            MariadbUnavailable: no binaries.
            ServerFailed: it does not come up.
        """
        installer, server = mariadb_binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="cobranca-mariadb-"))
        atexit.register(self.stop)
        try:
            self._user = ServerUser(("mysql", "nobody"))
            self._user.own(self.folder)
            self._install(installer)
            for _ in range(5):  # another program may take the free port first
                self.port = free_port()
                if self._launch(server):
                    return self
            raise ServerFailed(f"MariaDB did not start: {self._last_words()}")
        except BaseException:
            self.stop()
            raise

    def kill(self) -> None:
        """``kill -9``: what a server has not written by now is lost."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)

    def start_again(self) -> None:
        """Start a killed server on its port.

        Raises:
            ServerFailed: it does not come back.
        """
        if not self._launch(mariadb_binaries()[1]):
            raise ServerFailed(f"port {self.port} was taken while MariaDB was down.")

    def stop(self) -> None:
        """Kill the server and remove its folder. Safe to call twice."""
        atexit.unregister(self.stop)
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGKILL)  # nothing of a throw-away is worth flushing
            process.wait(30)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def _install(self, installer: Path) -> None:
        answer = subprocess.run(
            [
                installer,
                "--no-defaults",
                f"--datadir={self.folder / 'data'}",
                f"--tmpdir={self.folder}",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
                "--innodb-log-file-size=8M",
            ],
            capture_output=True,
            text=True,
            check=False,
            **self._user.options(),
        )
        if answer.returncode != 0:
            raise ServerFailed(
                f"mariadb-install-db failed: {(answer.stderr or answer.stdout).strip()[-500:]}"
            )
        init = self.folder / "init.sql"
        init.touch(mode=0o600)
        init.write_text(
            f"create user '{USER}'@'%' identified by '{self._password}';\n"
            f"grant all on *.* to '{USER}'@'%' with grant option;\n"
            "drop user if exists 'root'@'localhost';\n"
        )
        self._user.own(init)

    def _launch(self, server: Path) -> bool:
        folder = self.folder
        init = folder / "init.sql"
        with (folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    server,
                    "--no-defaults",
                    f"--datadir={folder / 'data'}",
                    f"--tmpdir={folder}",
                    f"--port={self.port}",
                    f"--bind-address={HOST}",
                    f"--socket={folder / 'sock'}",
                    f"--pid-file={folder / 'pid'}",
                    *([f"--init-file={init}"] if init.exists() else []),
                    "--skip-name-resolve",
                    "--innodb-log-file-size=8M",
                    "--innodb-flush-log-at-trx-commit=2",
                    "--innodb-buffer-pool-size=64M",
                    "--character-set-server=utf8mb4",
                ],
                stdout=log,
                stderr=log,
                **self._user.options(),
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                if "Address already in use" in self._last_words():
                    return False
                raise ServerFailed(f"MariaDB did not start: {self._last_words()}")
            if self._answers():
                init.unlink(missing_ok=True)
                return True
            time.sleep(0.1)
        raise ServerFailed(f"MariaDB did not answer within {START_SECONDS} s: {self._last_words()}")

    def _answers(self) -> bool:
        try:
            return Path(self._execute("select @@datadir").scalar()) == self.folder / "data"
        except OperationalError:
            return False

    def _execute(self, statement: str):
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                result = connection.execute(text(statement))
                return result.freeze()() if result.returns_rows else None
        finally:
            engine.dispose()

    def _last_words(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")[-800:]
