"""Airflow's REST API as far as a night needs it: trigger a date, follow the chain of DAGs, tell what failed."""

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from cobranca.errors import CobrancaError

# The DAGs of one night; the first two begin it.
BEGINNING = ("collect_feedback", "land_receivables")
CHAIN = (*BEGINNING, "build_warehouse", "send_reminders", "write_call_queues", "publish_reports")


class AirflowFailed(CobrancaError):
    """Airflow did not start, or does not answer."""


class NightFailed(CobrancaError):
    """A DAG of the night failed, or did not end in time."""


@dataclass(frozen=True)
class TaskEvent:
    """A task entered a state. ``seconds`` is its run time so far, ``message`` why it failed."""

    dag: str
    task: str
    state: str
    seconds: float | None = None
    message: str | None = None


class AirflowApi:
    """One Airflow behind ``url``, reached with a user's name and password.

    ``data`` is the data folder, where failed tasks write why; ``logs`` the folder named in messages; ``check`` is called
    while waiting and raises when the other side is gone for good.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        data: Path | None = None,
        logs: Path | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.url = url
        self._user, self._password = user, password
        self._data, self._logs = data, logs
        self._check_alive = check
        self._token = ""

    def trigger(self, dag_id: str, business_date: date, conf: Mapping | None = None) -> str:
        """Start a run for a business date, with values for the DAG's parameters; returns the run's id.

        Raises:
            AirflowFailed: Airflow refuses it.
        """
        body = {"logical_date": None, "partition_key": business_date.isoformat(), "conf": dict(conf or {})}
        return self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"]

    def run(
        self,
        dag_id: str,
        business_date: date,
        *,
        conf: Mapping | None = None,
        progress: Callable[[TaskEvent], None] | None = None,
        timeout: float = 900,
    ) -> None:
        """Trigger one DAG and wait until its run succeeded.

        Raises:
            NightFailed: it failed or took longer than ``timeout`` seconds.
        """
        since = self._newest_run()
        self.trigger(dag_id, business_date, conf)
        self.wait(business_date, dags=(dag_id,), since=since, progress=progress, timeout=timeout)

    def run_night(
        self, business_date: date, *, progress: Callable[[TaskEvent], None] | None = None, timeout: float = 1800
    ) -> None:
        """Begin the night of a date and follow the chain of DAGs to its end.

        Raises:
            NightFailed: a DAG failed, or the chain took longer than ``timeout`` seconds.
        """
        since = self._newest_run()
        for dag_id in BEGINNING:
            self.trigger(dag_id, business_date)
        self.wait(business_date, dags=CHAIN, since=since, progress=progress, timeout=timeout)

    def wait(
        self,
        business_date: date,
        *,
        dags: tuple[str, ...],
        since: datetime,
        progress: Callable[[TaskEvent], None] | None = None,
        timeout: float = 1800,
    ) -> None:
        """Follow the runs of ``dags`` for a date that were queued after ``since`` until each succeeded.

        Raises:
            NightFailed: one failed, or ``timeout`` seconds passed.
        """
        told: set[tuple] = set()
        deadline = time.monotonic() + timeout
        while True:
            runs = self._runs(business_date, dags, since)
            for run in runs.values():
                self._tell(business_date, run, told, progress or (lambda event: None))
            failed = [dag_id for dag_id, run in runs.items() if run["state"] == "failed"]
            # What runs beside it, a delivery perhaps, may end first.
            if failed and all(run["state"] in ("success", "failed") for run in runs.values()):
                raise NightFailed(self._why(business_date, runs[failed[0]]))
            if len(runs) == len(dags) and all(run["state"] == "success" for run in runs.values()):
                return
            self._check_alive()
            if time.monotonic() > deadline:
                open_ = [d for d in dags if d not in runs or runs[d]["state"] != "success"]
                raise NightFailed(
                    f"the night of {business_date} did not end within {timeout:.0f} s; still open: {', '.join(open_)}. "
                    f"See {self._logs or self.url}."
                )
            time.sleep(1)

    def call(self, method: str, path: str, body: Mapping | None = None, *, refused: tuple[int, ...] = ()) -> dict:
        """One request to the REST API; ``refused`` lists status codes that are answered with ``{}``.

        Raises:
            AirflowFailed: no answer, or a refusal.
        """
        import httpx

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        for attempt in range(5):
            try:
                answer = self._client.request(method, self.url + path, json=body, headers=headers)
            except httpx.ConnectError as error:
                reason = type(error).__name__
            except httpx.HTTPError as error:
                # The request may have been carried out: asking again is only harmless when reading.
                reason = type(error).__name__
                if method != "GET":
                    break
            else:
                if answer.status_code in refused:
                    return {}
                if answer.is_success:
                    return answer.json() if answer.content else {}
                reason = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code == 401 and self._token and attempt == 0:
                    self.log_in()
                    headers = {"Authorization": f"Bearer {self._token}"}
                    continue
                if answer.status_code < 500 or method != "GET":
                    break
            self._check_alive()
            time.sleep(0.5 * (attempt + 1))
        raise AirflowFailed(f"Airflow at {self.url} refused {method} {path}: {reason}.")

    def health(self) -> dict[str, str]:
        """The state of each component, ``healthy`` or not; empty while nobody answers."""
        import httpx

        try:
            health = self._client.get(f"{self.url}/api/v2/monitor/health").json()
        except (httpx.HTTPError, ValueError):
            return {}
        return {name: part["status"] for name, part in health.items() if isinstance(part, dict) and "status" in part}

    def log_in(self) -> bool:
        """Get a token with the user's password.

        Raises:
            AirflowFailed: the password is refused: another server answers here.
        """
        import httpx

        try:
            answer = self._client.post(f"{self.url}/auth/token", json={"username": self._user, "password": self._password})
        except httpx.HTTPError:
            return False
        if answer.status_code == 401:
            raise AirflowFailed(f"the Airflow at {self.url} refuses the password of '{self._user}'; is it another one's?")
        self._token = answer.json()["access_token"] if answer.is_success else ""
        return bool(self._token)

    def close(self) -> None:
        """Let go of the connection, for which a server that stops would wait."""
        self._client.close()
        del self._client

    @functools.cached_property
    def _client(self):
        import httpx

        # One client, no proxy and no certificates to load: these servers are on this machine.
        return httpx.Client(timeout=30, trust_env=False, verify=False)

    def _newest_run(self) -> datetime:
        """When the newest run was queued, by the clock of Airflow itself."""
        runs = self.call("GET", "/api/v2/dags/~/dagRuns?limit=1&order_by=-id")["dag_runs"]
        return _moment(runs[0]["queued_at"] or runs[0]["run_after"]) if runs else datetime(1970, 1, 1, tzinfo=UTC)

    def _runs(self, business_date: date, dags: tuple[str, ...], since: datetime) -> dict[str, dict]:
        """The newest run of each DAG for a date."""
        query = f"partition_key_pattern={business_date.isoformat()}&limit=100&order_by=-id"
        found: dict[str, dict] = {}
        for run in self.call("GET", f"/api/v2/dags/~/dagRuns?{query}")["dag_runs"]:
            queued = run["queued_at"]
            if run["dag_id"] in dags and queued and _moment(queued) > since:
                found.setdefault(run["dag_id"], run)
        return found

    def _tasks(self, run: Mapping) -> list[dict]:
        path = f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances?limit=100&order_by=start_date"
        return self.call("GET", path)["task_instances"]

    def _tell(self, business_date: date, run: Mapping, told: set, progress: Callable[[TaskEvent], None]) -> None:
        if run["dag_run_id"] in told:
            return
        for task in self._tasks(run):
            name = task["task_id"] if task["map_index"] < 0 else f"{task['task_id']}[{task['rendered_map_index']}]"
            state = task["state"]
            mark = (run["dag_run_id"], task["task_id"], task["map_index"], task["try_number"], state)
            if state in (None, "scheduled", "queued", "removed") or mark in told:
                continue
            told.add(mark)
            message = None
            if state in ("failed", "up_for_retry"):
                message = self._failure(business_date, run, task)
            progress(TaskEvent(run["dag_id"], name, state, task["duration"], message))
        if run["state"] in ("success", "failed"):
            told.add(run["dag_run_id"])

    def _failure(self, business_date: date, run: Mapping, task: Mapping) -> str | None:
        """What the failed task wrote down."""
        path = self._data / "failures" / f"{business_date}.jsonl" if self._data else None
        if path is None or not path.exists():
            return None
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        mine = [r for r in records if (r["run"], r["task"]) == (run["dag_run_id"], task["task_id"])]
        return mine[-1]["message"] if mine else None

    def _why(self, business_date: date, run: Mapping) -> str:
        lines = []
        for task in self._tasks(run):
            if task["state"] == "failed":
                message = self._failure(business_date, run, task) or "no message was recorded"
                log = Path(f"dag_id={run['dag_id']}", f"run_id={run['dag_run_id']}", f"task_id={task['task_id']}")
                place = f" (log: {self._logs / 'tasks' / log})" if self._logs else ""
                lines.append(f"{run['dag_id']}.{task['task_id']} failed: {message}{place}")
        return "\n".join(lines) or f"{run['dag_id']} failed; see {self.url}."


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
