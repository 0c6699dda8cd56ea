"""The DAG files: they load, are wired by date and asset as documented, and stay thin."""

import inspect
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from cobranca.settings import PROJECT_ROOT

FILES = sorted((PROJECT_ROOT / "dags").glob("*.py"))
LAYERS = ["staging", "intermediate", "marts", "finance", "outbound"]
# What goes on next to the night's delivery: a person may let more of it leave.
APPROVAL = ["check_approvals", "ask_about_steps", "approve_steps"]
QUESTIONS = ("approve_volume", "ask_about_steps")
# dag: (waits for, tasks in the order of the flow, task with the outlet, its asset)
NIGHT = {
    "collect_feedback": (
        set(),
        ["read_outcomes", "read_event_files", "reconcile", "pull_suppressions", "publish_feedback"],
        "publish_feedback",
        "feedback_landed",
    ),
    "land_receivables": (
        set(),
        ["publish_policy", "list_sources", "land", "accept"],
        "accept",
        "receivables_landed",
    ),
    "build_warehouse": (
        {"feedback_landed", "receivables_landed"},
        ["load", *[f"build_{layer}" for layer in LAYERS], "freeze", "approve"],
        "approve",
        "plan_approved",
    ),
    "send_reminders": (
        {"plan_approved"},
        [
            "plan",
            "check_volume",
            "is_unusual",
            "approve_volume",
            "wait_for_contact_window",
            *APPROVAL,
            "deliver",
            "deliver_approved",
        ],
        "deliver",
        "reminders_sent",
    ),
    "write_call_queues": ({"plan_approved"}, ["write"], "write", "queues_written"),
    "publish_reports": ({"plan_approved"}, ["publish"], "publish", "reports_published"),
    "generate_demo_sources": (set(), ["fill"], None, None),
}

# dag: task, and the tasks that must have ended before it
FOLLOWS = {
    "collect_feedback": {
        "reconcile": {"read_event_files"},
        "publish_feedback": {"read_outcomes", "reconcile", "pull_suppressions"},
    },
    "land_receivables": {
        "list_sources": {"publish_policy"},
        "land": {"list_sources"},
        "accept": {"land"},
    },
    "build_warehouse": {
        task: {before}
        for before, task in pairwise(
            ["load", *[f"build_{layer}" for layer in LAYERS], "freeze", "approve"]
        )
    },
    "send_reminders": {
        "check_volume": {"plan"},
        "is_unusual": {"check_volume"},
        "approve_volume": {"is_unusual"},
        "wait_for_contact_window": {"is_unusual", "approve_volume"},
        "deliver": {"wait_for_contact_window"},
        "check_approvals": {"wait_for_contact_window"},
        "ask_about_steps": {"check_approvals"},
        "approve_steps": {"ask_about_steps", "check_approvals"},
        "deliver_approved": {"approve_steps"},
    },
}


@pytest.fixture(scope="module")
def dags() -> dict:
    from airflow.dag_processing.dagbag import BundleDagBag

    bag = BundleDagBag(PROJECT_ROOT / "dags", bundle_path=PROJECT_ROOT, bundle_name="cobranca")
    assert not bag.import_errors
    return dict(bag.dags)


def test_each_file_holds_the_dag_of_its_name(dags):
    assert set(dags) == {path.stem for path in FILES} == set(NIGHT)


@pytest.mark.parametrize("name", NIGHT)
def test_a_dag_waits_for_its_assets_and_starts_the_next(dags, name):
    awaited, tasks, checking, asset = NIGHT[name]
    dag = dags[name]
    condition = getattr(dag.timetable, "asset_condition", None)
    assert (sorted(_names(condition)) if condition else []) == sorted(awaited)
    assert [task.task_id for task in dag.topological_sort()] == tasks
    outlets = {
        task.task_id: [outlet.name for outlet in task.outlets] for task in dag.tasks if task.outlets
    }
    assert outlets == ({checking: [asset]} if checking else {})
    if checking:
        assert not dag.get_task(checking).downstream_task_ids, "the outlet belongs to the last task"


@pytest.mark.parametrize("name", FOLLOWS)
def test_each_task_follows_what_it_needs(dags, name):
    """The order alone would also stand where two tasks run side by side."""
    found = {task.task_id: task.upstream_task_ids for task in dags[name].tasks}
    assert {task: before for task, before in found.items() if before} == FOLLOWS[name]


def _names(condition) -> list[str]:
    """The assets of a condition that waits for every one of them."""
    from airflow.sdk import Asset, AssetAll

    if isinstance(condition, Asset):
        return [condition.name]
    assert isinstance(condition, AssetAll)
    return [name for part in condition.objects for name in _names(part)]


def test_no_mapped_task_has_an_outlet(dags):
    mapped = [task for dag in dags.values() for task in dag.tasks if task.is_mapped]
    assert [task.task_id for task in mapped] == ["land"]
    assert not any(task.outlets for task in mapped)


def test_the_assets_are_declared_in_the_order_of_the_flow():
    from cobranca.orchestration.assets import IN_ORDER

    assert [asset.name for asset in IN_ORDER] == [asset for *_, asset in NIGHT.values() if asset]


@pytest.mark.parametrize("name", NIGHT)
def test_one_night_at_a_time_and_never_two_of_a_date_at_once(dags, name):
    assert dags[name].max_active_runs == 1
    assert not dags[name].catchup


@pytest.mark.parametrize(
    ("name", "task", "pool"),
    [
        *[("build_warehouse", task, "warehouse") for task in NIGHT["build_warehouse"][1]],
        ("land_receivables", "land", "sources"),
        ("send_reminders", "deliver", "sendgrid"),
        ("publish_reports", "publish", "default_pool"),
    ],
)
def test_what_must_not_crowd_has_a_pool(dags, name, task, pool):
    from cobranca.orchestration.pools import POOLS

    assert dags[name].get_task(task).pool == pool
    assert pool in POOLS or pool == "default_pool"


def test_the_warehouse_has_one_writer():
    from cobranca.orchestration.pools import POOLS

    assert POOLS["warehouse"][0] == 1


@pytest.mark.parametrize("name", NIGHT)
def test_a_dag_says_what_when_for_which_reader_and_what_to_do(dags, name):
    dag = dags[name]
    for heading in ("**What**", "**When**", "**Used by**", "**When it breaks**"):
        assert heading in dag.doc_md
    assert dag.tags
    assert {task.owner for task in dag.tasks} <= {"cobranca", "collections", "data", "finance"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_only_wires(path):
    text = path.read_text(encoding="utf-8")
    code = text.split('"""', 2)[2]
    assert len(text.splitlines()) < 80
    assert not re.search(r"^\s*(if|for|while|try|with) ", code, re.MULTILINE), (
        "no branches, no loops: a function's business"
    )
    assert not re.search(
        r"\b(select|insert|update|delete)\b .* \b(from|into|set)\b", code, re.IGNORECASE
    )
    assert not re.search(r"logical_date|data_interval|\bds\b|utcnow|now\(\)|today\(\)", code), (
        "the business date is the partition key"
    )


def test_dag_files_import_nothing_heavy():
    """They are parsed often: what a task needs it imports itself."""
    heavy = ["cobranca.landing.land", "dbt", "duckdb", "great_expectations", "pandas", "pyarrow"]
    program = (
        "import runpy, sys, glob\n"
        f"[runpy.run_path(p) for p in sorted(glob.glob({str(PROJECT_ROOT / 'dags' / '*.py')!r}))]\n"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip().splitlines()[-1] == "[]"


def test_every_layer_of_the_warehouse_is_built_in_order(dags):
    from cobranca import warehouse

    assert list(warehouse.LAYERS) == LAYERS


@pytest.mark.parametrize(
    ("name", "hour", "minute"), [("collect_feedback", 4, 30), ("land_receivables", 5, 0)]
)
def test_the_night_of_a_day_begins_on_that_day_in_sao_paulo(dags, name, hour, minute):
    from airflow.sdk.timezone import coerce_datetime
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import TimeRestriction

    timetable = DagSerialization.from_dict(DagSerialization.to_dict(dags[name])).timetable
    restriction = TimeRestriction(
        earliest=coerce_datetime(datetime(2026, 11, 18, 0, 0, tzinfo=UTC)),
        latest=None,
        catchup=True,
    )
    run = timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    assert run.run_after == datetime(2026, 11, 18, hour, minute, tzinfo=UTC)
    assert run.partition_key == "2026-11-18"


@pytest.mark.parametrize("name", ["collect_feedback", "land_receivables"])
def test_a_new_installation_waits_for_its_first_night(dags, name):
    """With a start date Airflow would run the latest past night at once."""
    assert dags[name].start_date is None


def test_a_rejected_approval_sends_nothing_and_a_usual_night_asks_no_one(dags):
    dag = dags["send_reminders"]
    assert dag.get_task("is_unusual").downstream_task_ids == {
        "approve_volume",
        "wait_for_contact_window",
    }
    assert dag.get_task("approve_volume").downstream_task_ids == {"wait_for_contact_window"}
    wait = dag.get_task("wait_for_contact_window")
    assert (wait.trigger_rule, wait.mode) == ("none_failed_min_one_success", "reschedule")
    assert dag.get_task("deliver").trigger_rule == "all_success"
    for question in QUESTIONS:
        asks = dag.get_task(question)
        assert (asks.retries, asks.defaults) == (0, ["Reject"]), (
            "a question without an answer sends nothing"
        )
        assert asks.response_timeout < timedelta(days=1), "nor may it keep the next night waiting"
    for delivery in ("deliver", "deliver_approved"):
        assert (dag.get_task(delivery).mode, dag.get_task(delivery).pool) == (
            "reschedule",
            "sendgrid",
        )
    assert dag.get_task("check_approvals").downstream_task_ids == {
        "ask_about_steps",
        "approve_steps",
    }
    # Asked at once: what waits for its hour, or for its source, must not keep the question waiting.
    assert dag.get_task("check_approvals").upstream_task_ids == {"wait_for_contact_window"}


@pytest.mark.parametrize("delivery", ["deliver", "deliver_approved"])
def test_a_delivery_looks_again_each_quarter_of_an_hour_for_a_day(dags, delivery):
    task = dags["send_reminders"].get_task(delivery)
    assert (task.poke_interval, task.timeout) == (15 * 60, 24 * 3600)


def test_only_an_unusual_number_of_messages_asks_a_person(dags):
    branch = dags["send_reminders"].get_task("is_unusual").python_callable
    assert branch("6 000 instead of 120") == "approve_volume"
    assert branch(None) == "wait_for_contact_window"


@pytest.mark.parametrize("name", NIGHT)
def test_retries_wait_longer_each_time(dags, name):
    for task in dags[name].tasks:
        if task.task_id in QUESTIONS:
            continue
        assert task.retries == 3
        assert task.retry_exponential_backoff >= 2
        assert task.retry_delay >= timedelta(minutes=1)
        assert task.retry_policy is not None


def test_each_failure_is_recorded_and_no_task_hangs(dags):
    from cobranca.orchestration.failure_log import record_failure

    for task in (task for dag in dags.values() for task in dag.tasks):
        for callbacks in (task.on_failure_callback, task.on_retry_callback):
            # a mapped task holds its callback as it was given, another one in a list
            assert record_failure in (callbacks if isinstance(callbacks, list) else [callbacks])
        assert task.task_id in QUESTIONS or task.execution_timeout, task.task_id


def _time_allowed(dag) -> timedelta:
    (alert,) = dag.deadline
    assert alert.reference.reference_name == "DagRunQueuedAtDeadline"
    return alert.interval


def test_the_time_allowed_keeps_the_promise_of_queues_by_half_past_seven(dags):
    one_after_the_other = ["land_receivables", "build_warehouse", "write_call_queues"]
    landing, build, queues = (_time_allowed(dags[name]) for name in one_after_the_other)
    promised = timedelta(hours=7, minutes=30)
    assert timedelta(hours=2) + landing + build + queues <= promised
    # The build waits for both.
    assert (
        timedelta(hours=1, minutes=30) + _time_allowed(dags["collect_feedback"]) + build + queues
        <= promised
    )


@pytest.mark.parametrize("name", NIGHT)
def test_a_dag_that_may_be_late_says_so_and_finds_what_notices_it(dags, name, monkeypatch):
    from airflow.sdk._shared.module_loading import import_string

    dag = dags[name]
    if not dag.deadline:
        assert name in ("send_reminders", "publish_reports", "generate_demo_sources")
        return
    minutes = _time_allowed(dag).total_seconds() // 60
    text = " ".join(
        f"{n:.0f} {unit}" for n, unit in [(minutes // 60, "h"), (minutes % 60, "min")] if n
    )
    text = text.removesuffix(" min") if " h " in text else text
    assert (
        f"has not succeeded {text} after it was queued is late: `failures/<date>.jsonl`"
        in dag.doc_md
    )
    monkeypatch.syspath_prepend(str(PROJECT_ROOT / "plugins"))
    assert inspect.iscoroutinefunction(import_string(dag.deadline[0].callback.path))
