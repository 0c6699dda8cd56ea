"""
### send_reminders

**What** Writes tonight's messages into the ledger, asks a person when their number is unusual, waits for the hour at
which people may be written to, and delivers each message at most once (`COBRANCA_DELIVERY`: `outbox` or `sendgrid`).

**When** As soon as the plan of the date is approved. Delivery to real people waits until the morning; the outbox does not.

**For whom** The payers.

**When it breaks** Clear the failed task, as often as needed: a message that went out, or may have, is never sent again.
Messages in state *unknown* are settled with the provider before anything else. A rejected approval ends the run without
sending; a task that waits for an answer is found in Airflow under Required Actions.
"""

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import PartitionedAssetTimetable, chain, dag, task

from cobranca.orchestration.assets import plan_approved, reminders_sent
from cobranca.orchestration.dates import tonight
from cobranca.orchestration.defaults import DEFAULT_ARGS
from cobranca.orchestration.pools import SENDGRID


@dag(
    schedule=PartitionedAssetTimetable(assets=plan_approved),
    max_active_runs=1,
    default_args=DEFAULT_ARGS | {"owner": "collections"},
    tags=["night", "people"],
    doc_md=__doc__,
)
def send_reminders():
    @task
    def plan() -> dict:
        from cobranca.reminders import plan

        night = tonight()
        return plan(night.settings, night.business_date).as_dict()

    @task
    def check_volume() -> str | None:
        from cobranca.reminders.volume import unusual_volume

        night = tonight()
        return unusual_volume(night.settings, night.business_date)

    @task.branch
    def is_unusual(reason: str | None) -> str:
        return "ask_a_person" if reason else "wait_for_the_hour"

    @task.sensor(poke_interval=60, timeout=24 * 3600, mode="reschedule", trigger_rule="none_failed_min_one_success")
    def wait_for_the_hour() -> bool:
        from cobranca.reminders.window import is_open

        night = tonight()
        return is_open(night.settings, night.business_date)

    @task(pool=SENDGRID, outlets=[reminders_sent])
    def deliver() -> dict:
        from cobranca.reminders import deliver

        night = tonight()
        return deliver(night.settings, night.business_date).as_dict()

    reason = check_volume()
    ask = ApprovalOperator(
        task_id="ask_a_person",
        subject="Send the reminders of {{ partition_key }}?",
        body="{{ ti.xcom_pull(task_ids='check_volume') }}",
        retries=0,
        execution_timeout=None,
    )
    wait = wait_for_the_hour()
    chain(plan(), reason, is_unusual(reason), [ask, wait])
    chain(ask, wait, deliver())


send_reminders()
