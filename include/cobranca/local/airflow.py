"""Run Airflow on one machine: start, watch and end every component from this process.

``LocalAirflow`` is a context manager. No process of it stays, whether it is left by its end, an
exception, Ctrl-C, SIGTERM or a closed terminal. After a ``kill -9`` the next start on the same home
ends what was left.
"""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from cobranca.local.airflow_api import AirflowApi, AirflowFailed
from cobranca.local.postgres import HOST, free_port
from cobranca.retry import wait_until
from cobranca.settings import PROJECT_ROOT

if TYPE_CHECKING:
    import psutil

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
# These must have reported themselves alive before a run is triggered.
HEALTHY = ("metadatabase", "scheduler", "dag_processor")
# Marks every process of ours, also those that leave their parent's group.
MARK = "COBRANCA_LOCAL_AIRFLOW"
USER = "admin"
START_SECONDS = 180
STOP_SECONDS = 10
# Settings that are the same for every home.
_SETTINGS = {
    "AIRFLOW__API_AUTH__JWT_EXPIRATION_TIME": str(24 * 3600),
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__PARALLELISM": "2",
    # A changed file is read at once; the others need no second look.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "60",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
    # A task that ends between two looks of its supervisor is noticed after this many seconds.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "DO_NOT_TRACK": "1",
    "PYTHONUNBUFFERED": "1",
    "SCARF_ANALYTICS": "false",
    # Airflow's processes give themselves names; without this the name is written over the mark by
    # which they are found.
    "SPT_NOENV": "1",
}


class LocalAirflow:
    """One private Airflow in ``home``, with its metadata in PostgreSQL at ``metadata_url``.

    ``environment`` is added to what tasks see of the caller's own: settings and ``AIRFLOW_CONN_*``.
    The log of each component is ``home/logs/<component>.log``.
    """

    def __init__(
        self,
        home: Path,
        metadata_url: str,
        *,
        environment: Mapping[str, str] | None = None,
        dags: Path = PROJECT_ROOT / "dags",
        plugins: Path = PROJECT_ROOT / "plugins",
    ) -> None:
        self.home = Path(home).absolute()
        self.port = 0
        self._metadata_url = metadata_url
        self._given = dict(environment or {})
        self._dags, self._plugins = Path(dags).absolute(), Path(plugins).absolute()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._api: AirflowApi | None = None

    def __enter__(self) -> "LocalAirflow":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def api(self) -> AirflowApi:
        """The REST API of the started Airflow."""
        if self._api is None:
            raise AirflowFailed("this Airflow is not started.")
        return self._api

    @property
    def password(self) -> str:
        """The password of the user ``admin``, made once for this home."""
        return _secrets_of(self.home)["password"]

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    def start(self) -> "LocalAirflow":
        """Start every component; return when all are healthy and every DAG file was read.

        Raises:
            AirflowFailed: one does not come up; the message names its log.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        end_leftovers(self.home)
        try:
            self._migrate()
            self._launch()
            self._wait_until_healthy()
            self._make_pools()
            self._wait_for_dags()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End every process of this Airflow. Safe to call twice; a signal does not interrupt it."""
        with _signals_ignored():
            if self._api is not None:
                self._api.close()
            for name in reversed(self._processes):
                # After SIGTERM a triggerer waits for a child that has gone; deferred tasks are kept
                # in the database.
                _signal(
                    self._processes[name], signal.SIGKILL if name == "triggerer" else signal.SIGTERM
                )
            deadline = time.monotonic() + STOP_SECONDS
            for process in self._processes.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.1, deadline - time.monotonic()))
            end_leftovers(self.home)
            for process in self._processes.values():
                process.wait()
            self._processes.clear()

    def environment(self) -> dict[str, str]:
        """The environment of every component and, through them, of every task."""
        known = _secrets_of(self.home)
        inherited = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith("AIRFLOW__") and k != "PYTHONDONTWRITEBYTECODE"
        }
        return {
            **inherited,
            **_SETTINGS,
            MARK: str(self.home),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__SECRET_KEY": known["api_secret"],
            "AIRFLOW__API_AUTH__JWT_SECRET": known["jwt_secret"],
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": known["fernet_key"],
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self._plugins),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self._metadata_url.replace(
                "postgresql://", "postgresql+psycopg2://", 1
            ),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.logs / "tasks"),
            **self._given,
        }

    def _migrate(self) -> None:
        """Migrate the metadata database; skipped when it is known to be up to date."""
        from importlib.metadata import version

        note, wanted = self.home / "migrated.json", version("apache-airflow-core")
        known = json.loads(note.read_text()) if note.exists() else {}
        if (
            known.get("airflow") == wanted
            and known.get("revision")
            and known["revision"] == self._revision()
        ):
            return
        log = self.logs / "migrate.log"
        with log.open("wb") as handle:
            done = subprocess.run(
                self._command("db", "migrate"),
                env=self.environment(),
                stdout=handle,
                stderr=handle,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        if done.returncode != 0:
            raise AirflowFailed(
                f"Airflow's metadata database could not be prepared: {_last_line(log)} (log: "
                f"{log})."
            )
        note.write_text(json.dumps({"airflow": wanted, "revision": self._revision()}))

    def _revision(self) -> str | None:
        import psycopg

        with psycopg.connect(self._metadata_url) as connection:
            if connection.execute("select to_regclass('alembic_version')").fetchone() == (None,):
                return None
            row = connection.execute("select version_num from alembic_version").fetchone()
            return row[0] if row else None

    def _launch(self) -> None:
        self.port = free_port()
        _write_private(self.home / "passwords.json", json.dumps({USER: self.password}))
        environment = self.environment()
        data = Path(environment.get("COBRANCA_DATA") or PROJECT_ROOT / "var" / "data")
        self._api = AirflowApi(
            self.url, USER, self.password, data=data, logs=self.logs, check=self.check_alive
        )
        for name in COMPONENTS:
            extra = ("--skip-serve-logs",) if name in ("scheduler", "triggerer") else ()
            with (self.logs / f"{name}.log").open("wb") as log:
                self._processes[name] = subprocess.Popen(
                    self._command(name, *extra),
                    env=environment,
                    cwd=self.home,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def _command(self, *arguments: str) -> list[str]:
        module = "cobranca.local.preload" if arguments[0] == "scheduler" else "airflow"
        return [sys.executable, "-m", module, *arguments]

    def _wait_until_healthy(self) -> None:
        if not wait_until(lambda: not self._not_ready(), seconds=START_SECONDS, pause=0.25):
            ill = ", ".join(self._not_ready())
            raise AirflowFailed(f"not healthy after {START_SECONDS} s: {ill}. Logs: {self.logs}.")

    def _not_ready(self) -> list[str]:
        """The components that are not healthy, or the login that does not work yet.

        The login is tried last: only our own server knows our password.
        """
        self.check_alive()
        health = self.api.health()
        ill = [name for name in HEALTHY if health.get(name) != "healthy"]
        return ill or ([] if self.api.log_in() else ["login"])

    def _make_pools(self) -> None:
        from cobranca.orchestration.pools import POOLS

        for name, (slots, description) in POOLS.items():
            body = {"name": name, "slots": slots, "description": description}
            self.api.call("POST", "/api/v2/pools", body, refused=(409,))

    def _wait_for_dags(self) -> None:
        """Wait until every DAG file was read by this start.

        Raises:
            AirflowFailed: a file cannot be imported, or none appears.
        """
        if not wait_until(lambda: not self._missing_dags(), seconds=START_SECONDS, pause=0.5):
            missing = ", ".join(sorted(self._missing_dags()))
            raise AirflowFailed(
                f"Airflow did not find the DAGs {missing} in {self._dags}; see {self.logs}."
            )

    def _missing_dags(self) -> set[str]:
        self.check_alive()
        broken = self.api.call("GET", "/api/v2/importErrors")["import_errors"]
        if broken:
            last = broken[0]["stack_trace"].strip().splitlines()[-1]
            raise AirflowFailed(f"{broken[0]['filename']} cannot be imported: {last}")
        known = self.api.call("GET", "/api/v2/dags?limit=100")["dags"]
        return {path.stem for path in self._dags.glob("*.py")} - {
            dag["dag_id"] for dag in known if not dag["is_stale"]
        }

    def check_alive(self) -> None:
        """Check that every component still runs.

        Raises:
            AirflowFailed: one ended; names it and the last line of its log.
        """
        for name, process in self._processes.items():
            if process.poll() is not None:
                log = self.logs / f"{name}.log"
                raise AirflowFailed(
                    f"Airflow's {name} ended with code {process.returncode}: {_last_line(log)} "
                    f"(log: {log})."
                )


@contextlib.contextmanager
def exclusive_home(home: Path) -> Iterator[None]:
    """Lock a home for this process; the lock ends with the process, also when it is killed.

    Raises:
        AirflowFailed: another process holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AirflowFailed(
                f"process {lock.read().strip() or '?'} is already running in {home}; stop it "
                "first (Ctrl-C in its terminal)."
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextlib.contextmanager
def exit_on_signals() -> Iterator[None]:
    """Make SIGTERM and a closed terminal raise ``SystemExit``, so that everything is stopped."""

    def leave(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def processes_of(home: Path) -> "list[psutil.Process]":
    """Every living process that carries the mark of this home."""
    import psutil

    mark, found = str(Path(home).absolute()), []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return [process for process in found if process.pid != os.getpid()]


def end_leftovers(home: Path) -> None:
    """End every process that carries the mark of this home, with SIGTERM and then SIGKILL."""
    import psutil

    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
        left = processes_of(home)
        if not left:
            return
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
        psutil.wait_procs(left, timeout=STOP_SECONDS / 2)
    if left := processes_of(home):
        raise AirflowFailed(f"these processes do not end: {', '.join(str(p.pid) for p in left)}.")


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM for the few seconds that stopping takes."""
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)


def _secrets_of(home: Path) -> dict[str, str]:
    """Keys and the password of a home, made once and readable by its owner alone."""
    path = home / "secrets.json"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        made = {
            "api_secret": secrets.token_hex(32),
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "jwt_secret": secrets.token_hex(64),
            "password": secrets.token_urlsafe(12),
        }
        _write_private(path, json.dumps(made))
    known: dict[str, str] = json.loads(path.read_text())
    return known


def _write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(text)


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
