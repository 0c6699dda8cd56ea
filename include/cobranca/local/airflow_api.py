"""Client of Airflow's REST API, as far as a night needs it.

It triggers a date, follows the chain of DAGs and reports what failed.
"""

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from cobranca.errors import CobrancaError
from cobranca.retry import wait_until

if TYPE_CHECKING:
    import httpx

_NOT_STARTED = ("scheduled", "queued", "removed")
# The DAGs of one night; the first two begin it.
FIRST_DAGS = ("collect_feedback", "land_receivables")
NIGHT_DAGS = (
    *FIRST_DAGS,
    "build_warehouse",
    "send_reminders",
    "write_call_queues",
    "publish_reports",
)


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


class DagRun(TypedDict):
    """A run of a DAG as the API gives it, as far as it is read here."""

    dag_id: str
    dag_run_id: str
    state: str
    queued_at: str | None
    run_after: str


class TaskInstance(TypedDict):
    """A task of a run as the API gives it, as far as it is read here."""

    task_id: str
    map_index: int
    rendered_map_index: str | None
    try_number: int
    state: str | None
    duration: float | None


Progress = Callable[[TaskEvent], None]


class AirflowApi:
    """One Airflow at ``url``, reached with a user's name and password.

    ``data`` is the data folder, where failed tasks record the reason; ``logs`` the folder named in
    messages; ``check`` is called while waiting and raises when the server has ended.
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
        self.data, self.logs = data, logs
        self._check_alive = check
        self._token = ""

    def trigger(
        self, dag_id: str, business_date: date, conf: Mapping[str, Any] | None = None
    ) -> str:
        """Start a run for a business date, with values for the DAG's parameters.

        Returns:
            The run's id.

        Raises:
            AirflowFailed: Airflow refuses it.
        """
        body = {
            "logical_date": None,
            "partition_key": business_date.isoformat(),
            "conf": dict(conf or {}),
        }
        return str(self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def run(
        self,
        dag_id: str,
        business_date: date,
        *,
        conf: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
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
        self,
        business_date: date,
        *,
        progress: Progress | None = None,
        timeout: float = 1800,
    ) -> None:
        """Begin the night of a date and follow the chain of DAGs to its end.

        Raises:
            NightFailed: a DAG failed, or the chain took longer than ``timeout`` seconds.
        """
        since = self._newest_run()
        for dag_id in FIRST_DAGS:
            self.trigger(dag_id, business_date)
        self.wait(business_date, dags=NIGHT_DAGS, since=since, progress=progress, timeout=timeout)

    def wait(
        self,
        business_date: date,
        *,
        dags: tuple[str, ...],
        since: datetime,
        progress: Progress | None = None,
        timeout: float = 1800,
    ) -> None:
        """Follow the runs of ``dags`` that were queued for a date after ``since``.

        Returns when each succeeded.

        Raises:
            NightFailed: one failed, or ``timeout`` seconds passed.
        """
        reporter = _RunReporter(self, business_date, progress)

        def all_succeeded() -> bool:
            runs = self._runs(business_date, dags, since)
            for run in runs.values():
                reporter.report(run)
            failed = [dag_id for dag_id, run in runs.items() if run["state"] == "failed"]
            # What runs next to it, a delivery perhaps, may end first.
            if failed and all(run["state"] in ("success", "failed") for run in runs.values()):
                raise NightFailed(reporter.failures(runs[failed[0]]))
            if len(runs) == len(dags) and all(run["state"] == "success" for run in runs.values()):
                return True
            self._check_alive()
            return False

        if wait_until(all_succeeded, seconds=timeout, pause=1):
            return
        runs = self._runs(business_date, dags, since)
        open_ = [dag for dag in dags if dag not in runs or runs[dag]["state"] != "success"]
        raise NightFailed(
            f"the night of {business_date} did not end within {timeout:.0f} s; still open: "
            f"{', '.join(open_)}. See {self.logs or self.url}."
        )

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        refused: tuple[int, ...] = (),
    ) -> dict[str, Any]:
        """One request to the REST API.

        Returns:
            The answer, or ``{}`` for one of the status codes of ``refused``.

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
        """The state of each component, ``healthy`` or not; empty while no server answers."""
        import httpx

        try:
            health = self._client.get(f"{self.url}/api/v2/monitor/health").json()
        except (httpx.HTTPError, ValueError):
            return {}
        return {
            name: part["status"]
            for name, part in health.items()
            if isinstance(part, dict) and "status" in part
        }

    def log_in(self) -> bool:
        """Get a token with the user's password.

        Raises:
            AirflowFailed: the password is refused: another server answers here.
        """
        import httpx

        try:
            answer = self._client.post(
                f"{self.url}/auth/token", json={"username": self._user, "password": self._password}
            )
        except httpx.HTTPError:
            return False
        if answer.status_code == 401:
            raise AirflowFailed(
                f"the Airflow at {self.url} refuses the password of '{self._user}'; is it another "
                "one's?"
            )
        self._token = answer.json()["access_token"] if answer.is_success else ""
        return bool(self._token)

    def close(self) -> None:
        """Close the connection, since a server that stops would wait for it."""
        self._client.close()
        del self._client

    @functools.cached_property
    def _client(self) -> "httpx.Client":
        import httpx

        # One client, no proxy and no certificates to load: these servers are on this machine.
        return httpx.Client(timeout=30, trust_env=False, verify=False)

    def _newest_run(self) -> datetime:
        """When the newest run was queued, by the clock of Airflow itself."""
        runs = self.call("GET", "/api/v2/dags/~/dagRuns?limit=1&order_by=-id")["dag_runs"]
        return (
            _moment(runs[0]["queued_at"] or runs[0]["run_after"])
            if runs
            else datetime(1970, 1, 1, tzinfo=UTC)
        )

    def _runs(
        self, business_date: date, dags: tuple[str, ...], since: datetime
    ) -> dict[str, DagRun]:
        """The newest run of each DAG for a date."""
        query = f"partition_key_pattern={business_date.isoformat()}&limit=100&order_by=-id"
        found: dict[str, DagRun] = {}
        for run in self.call("GET", f"/api/v2/dags/~/dagRuns?{query}")["dag_runs"]:
            queued = run["queued_at"]
            if run["dag_id"] in dags and queued and _moment(queued) > since:
                found.setdefault(run["dag_id"], run)
        return found

    def tasks(self, run: DagRun) -> list[TaskInstance]:
        """The tasks of a run, in the order in which they started."""
        path = (
            f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
            "?limit=100&order_by=start_date"
        )
        found: list[TaskInstance] = self.call("GET", path)["task_instances"]
        return found


class _RunReporter:
    """Report each new state of a task once, and why tasks failed."""

    def __init__(self, api: AirflowApi, business_date: date, progress: Progress | None) -> None:
        self._api = api
        self._business_date = business_date
        self._progress: Progress = progress or (lambda _: None)
        self._reported: set[tuple[object, ...]] = set()
        self._finished: set[str] = set()

    def report(self, run: DagRun) -> None:
        """Call ``progress`` for each state that tasks of the run have newly entered."""
        if run["dag_run_id"] in self._finished:
            return
        for task in self._api.tasks(run):
            state = task["state"]
            key = (
                run["dag_run_id"],
                task["task_id"],
                task["map_index"],
                task["try_number"],
                state,
            )
            if state is None or state in _NOT_STARTED or key in self._reported:
                continue
            self._reported.add(key)
            self._progress(self._event(run, task, state))
        if run["state"] in ("success", "failed"):
            self._finished.add(run["dag_run_id"])

    def failures(self, run: DagRun) -> str:
        """One line for each failed task of a run: its message and its log."""
        lines = []
        for task in self._api.tasks(run):
            if task["state"] == "failed":
                message = self._message(run, task) or "no message was recorded"
                log = Path(
                    f"dag_id={run['dag_id']}",
                    f"run_id={run['dag_run_id']}",
                    f"task_id={task['task_id']}",
                )
                place = f" (log: {self._api.logs / 'tasks' / log})" if self._api.logs else ""
                lines.append(f"{run['dag_id']}.{task['task_id']} failed: {message}{place}")
        return "\n".join(lines) or f"{run['dag_id']} failed; see {self._api.url}."

    def _event(self, run: DagRun, task: TaskInstance, state: str) -> TaskEvent:
        name = task["task_id"]
        if task["map_index"] >= 0:
            name = f"{name}[{task['rendered_map_index']}]"
        failed = state in ("failed", "up_for_retry")
        message = self._message(run, task) if failed else None
        return TaskEvent(run["dag_id"], name, state, task["duration"], message)

    def _message(self, run: DagRun, task: TaskInstance) -> str | None:
        """What the failed task recorded."""
        if self._api.data is None:
            return None
        path = self._api.data / "failures" / f"{self._business_date}.jsonl"
        if not path.exists():
            return None
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        of_task = (run["dag_run_id"], task["task_id"])
        found = [r["message"] for r in records if (r["run"], r["task"]) == of_task]
        return str(found[-1]) if found else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
