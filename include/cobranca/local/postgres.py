"""A private PostgreSQL server on a free loopback port, from the machine's binaries or from a wheel.

Nothing outside its own folder is touched: no system service, no system user, no socket in /tmp.
"""

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cobranca.errors import CobrancaError
from cobranca.local.postgres_binaries import binaries
from cobranca.local.server_user import ServerUser
from cobranca.retry import wait_until

if TYPE_CHECKING:
    import psycopg

USER = "cobranca"
HOST = "127.0.0.1"
START_SECONDS = 60
STOP_SECONDS = 30
_BIND_FAILED = "could not create any TCP/IP sockets"


class ServerFailed(CobrancaError):
    """The server did not start or did not stop."""


def free_port() -> int:
    """A TCP port of the loopback address that was free a moment ago.

    Below those that systems give to outgoing connections, one of which could take it before its
    server has started.
    """
    for _ in range(100):
        port = 15_000 + secrets.randbelow(15_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise ServerFailed("no port between 15000 and 30000 is free on this machine.")


class PrivatePostgres:
    """A server that is ours alone; use it as a context manager or call ``start`` and ``stop``.

    Without a folder the cluster is a throw-away: fast, not safe against a power cut, removed at the
    end. With a folder it is kept there (``data``, ``password``, ``server.log``) and started again
    next time; if it already runs there, for another process, this object joins that server and
    leaves it running.
    """

    def __init__(
        self, folder: Path | str | None = None, *, bin_folder: Path | str | None = None
    ) -> None:
        self.is_kept = folder is not None
        self._folder = Path(folder).absolute() if folder is not None else None
        self.port: int | None = None
        self._bin = Path(bin_folder) if bin_folder else None
        self._process: subprocess.Popen[bytes] | None = None
        self._password = ""

    def __enter__(self) -> "PrivatePostgres":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def folder(self) -> Path:
        """The server's own folder; a throw-away server has one only while it runs."""
        if self._folder is None:
            raise ServerFailed("this PostgreSQL is not started.")
        return self._folder

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def url(self, database: str = "postgres", driver: str = "") -> str:
        """``postgresql://user:password@127.0.0.1:port/database``, with the password.

        ``driver`` adds for example ``+psycopg2``.
        """
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{USER}:{self._password}@{HOST}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Create a database unless it exists; returns its URL."""
        from psycopg import errors, sql

        with self._connect() as connection, contextlib.suppress(errors.DuplicateDatabase):
            connection.execute(
                sql.SQL("create database {} template template0").format(sql.Identifier(name))
            )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database; open connections to it are closed."""
        from psycopg import sql

        with self._connect() as connection:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )

    def start(self) -> "PrivatePostgres":
        """Start the server and return when it answers.

        Raises:
            PostgresUnavailable: no binaries, or no user to run them as.
            ServerFailed: it does not come up; the message names its log.
        """
        try:
            self._prepare()
            if not self._join():
                self._launch()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server if this object started it. Safe to call twice.

        The folder of a throw-away server is removed.
        """
        atexit.unregister(self.stop)
        process, self._process = self._process, None
        try:
            if process is not None:
                _end(process, [signal.SIGINT, signal.SIGQUIT] if self.is_kept else [signal.SIGQUIT])
        finally:
            if not self.is_kept and self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def crash(self) -> "PrivatePostgres":
        """End the server without a shutdown, as a power cut would, and restart it on the same port.

        Raises:
            ServerFailed: it does not come back.
        """
        process, self._process = self._process, None
        if process is None:
            raise ServerFailed("this object started no PostgreSQL that could crash.")
        _end(process, [signal.SIGQUIT])
        if not self._try_launch():
            raise ServerFailed(
                f"port {self.port} was taken while PostgreSQL was down; see {self.log}."
            )
        return self

    def _prepare(self) -> None:
        """The folder, its owner, the password and an initialised cluster."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="cobranca-postgres-")).resolve()
        password = self.folder / "password"
        if self.folder.exists() and not password.exists() and any(self.folder.iterdir()):
            raise ServerFailed(
                f"{self.folder} holds other files; give the private PostgreSQL a folder of its own."
            )
        version_file = self.data / "PG_VERSION"
        if self._bin is None:
            kept = version_file.read_text().strip() if version_file.exists() else None
            self._bin = binaries(kept)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._user = ServerUser(("postgres", "nobody"), owner_of=self.data)
        self._user.own(self.folder)
        if not password.exists():
            with open(os.open(password, os.O_WRONLY | os.O_CREAT, 0o600), "w") as handle:
                handle.write(secrets.token_urlsafe(24))
        self._user.own(password)
        self._password = password.read_text()
        self._user.reach(self.folder, self._binary("postgres"))
        if not version_file.exists():
            self._initialise(password)

    def _initialise(self, password: Path) -> None:
        """Make the cluster under another name and rename it.

        So an interrupted start leaves no half cluster.
        """
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        arguments: list[object] = [self._binary("initdb"), "-D", fresh, "-U", USER, "-E", "UTF8"]
        arguments += ["--locale=C", "-A", "scram-sha-256", f"--pwfile={password}"]
        arguments += [] if self.is_kept else ["--no-sync"]
        answer = subprocess.run(
            self._user.command(arguments),
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
            **self._user.options(),
        )
        if answer.returncode != 0:
            raise ServerFailed(
                f"initdb in {self.folder} failed: {answer.stderr.strip().splitlines()[-1:]}"
            )
        fresh.rename(self.data)

    def _join(self) -> bool:
        """Use the server that already runs on a kept folder, if there is one."""
        port = _running_port(self.data)
        if port is None:
            return False
        self.port = port
        wait_until(
            lambda: _running_port(self.data) != port or self._answers(),
            seconds=START_SECONDS,
            pause=0.1,
        )
        if self._answers():
            return True
        self.port = None
        return False

    def _launch(self) -> None:
        for _ in range(5):  # another program may take the free port first
            self.port = free_port()
            if self._try_launch():
                return
        raise ServerFailed(f"PostgreSQL found no free port on {HOST}; see {self.log}.")

    def _try_launch(self) -> bool:
        arguments: list[object] = [self._binary("postgres"), "-D", self.data]
        for name, value in _server_settings(self.port, self.is_kept).items():
            arguments += ["-c", f"{name}={value}"]
        start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            process = self._process = subprocess.Popen(
                self._user.command(arguments),
                stdout=log,
                stderr=log,
                env=_environment(),
                **self._user.options(),
            )
        atexit.register(self.stop)
        if not wait_until(
            lambda: process.poll() is not None or self._answers(),
            seconds=START_SECONDS,
            pause=0.05,
        ):
            raise ServerFailed(
                f"PostgreSQL did not answer within {START_SECONDS} s; see {self.log}."
            )
        if process.poll() is None:
            return True
        self._process = None
        with self.log.open("rb") as log:
            log.seek(start)
            lines = log.read().decode(errors="replace").splitlines()
        if any(_BIND_FAILED in line for line in lines):
            return False
        reason = [line for line in lines if "FATAL" in line or "error" in line.lower()][-1:]
        raise ServerFailed(
            f"PostgreSQL did not start: {' '.join(reason) or 'no reason given'} (log: {self.log})."
        )

    def _answers(self) -> bool:
        """Whether the server on our port is up and is the one of our folder."""
        import psycopg

        try:
            with self._connect() as connection:
                [(place,)] = connection.execute("show data_directory").fetchall()
        except psycopg.OperationalError:
            return False
        return Path(place) == self.data

    def _binary(self, name: str) -> Path:
        return (self._bin or binaries()) / name

    def _connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        import psycopg

        return psycopg.connect(
            host=HOST,
            port=self.port,
            user=USER,
            password=self._password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=10,
        )


def _server_settings(port: int | None, is_kept: bool) -> dict[str, object]:
    """PostgreSQL's settings; a throw-away server never waits for its disk."""
    settings: dict[str, object] = {
        "listen_addresses": HOST,
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 200,
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "off",
        "jit": "off",
    }
    if not is_kept:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return settings


def _environment() -> dict[str, str]:
    """The server's environment: no PG* variable of the caller reaches it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR")
    }
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _running_port(data: Path) -> int | None:
    """The port of the server that runs on ``data``; ``None`` for a stale or absent lock file.

    A lock left by a crash may name a process id that another program has by now. Such a lock is
    removed, since PostgreSQL would refuse to start because of it.
    """
    lock = data / "postmaster.pid"
    try:
        lines = lock.read_text().splitlines()
        pid, port = int(lines[0]), int(lines[3])
    except (OSError, ValueError, IndexError):
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    with contextlib.suppress(OSError):
        if str(data) not in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace"):
            lock.unlink()
            return None
    return port


def _end(process: subprocess.Popen[bytes], signals: list[signal.Signals]) -> None:
    """Send these signals and at last SIGKILL, until the server has ended.

    Raises:
        ServerFailed: it is still there.
    """
    for number in [*signals, signal.SIGKILL]:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue
    raise ServerFailed(f"the server process {process.pid} did not end.")
