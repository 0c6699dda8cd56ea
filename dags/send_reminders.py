"""
### send_reminders

**What** Writes tonight's messages into the ledger, asks a person when their number is unusual, waits for the hour at which
people may be written to, and delivers each message at most once (`COBRANCA_DELIVERY`: `outbox` or `sendgrid`). Beside that
it asks about the steps that only leave with a person's approval, and delivers those.

**When** As soon as the plan of the date is approved. To real people from the morning on, and again every quarter of an hour
for whom it was too early, whose source was silent, whom the provider's limits held back, or while sending is paused; the
outbox waits for nothing.

**For whom** The payers.

**When it breaks** Clear the failed task, as often as needed: a message that went out, or may have, is never sent again.
Messages in state *unknown* are settled with the provider before anything else. Questions are found in Airflow under
Required Actions; one that is rejected, or not answered within the day, ends without sending what it asked about.
"""

from airflow.sdk import PartitionedAssetTimetable, chain, dag, task

from cobranca.orchestration.assets import plan_approved, reminders_sent
from cobranca.orchestration.dates import tonight
from cobranca.orchestration.defaults import DEFAULT_ARGS
from cobranca.orchestration.sending import COMES_BACK, VOLUME_QUESTION, approve_steps, ask, deliver_tonight, steps_question


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

        return plan(tonight().settings, tonight().business_date).as_dict()

    @task
    def check_volume() -> str | None:
        from cobranca.reminders.volume import unusual_volume

        return unusual_volume(tonight().settings, tonight().business_date)

    @task.branch
    def is_unusual(reason: str | None) -> str:
        return VOLUME_QUESTION if reason else "wait_for_the_hour"

    @task.sensor(poke_interval=60, timeout=24 * 3600, mode="reschedule", trigger_rule="none_failed_min_one_success")
    def wait_for_the_hour() -> bool:
        from cobranca.reminders.window import is_open

        return is_open(tonight().settings, tonight().business_date)

    reason, wait = check_volume(), wait_for_the_hour()
    ask_a_person = ask(
        VOLUME_QUESTION, "Send the reminders of {{ partition_key }}?", "{{ ti.xcom_pull(task_ids='check_volume') }}"
    )
    check_approvals = task.short_circuit(task_id="check_approvals")(steps_question)()
    ask_about_steps = ask(
        "ask_about_steps",
        "Send the steps of {{ partition_key }} that ask for it?",
        "{{ ti.xcom_pull(task_ids='check_approvals')['text'] }}",
    )
    approve = task(approve_steps)(ask_about_steps.output, check_approvals)
    deliver = task.sensor(task_id="deliver", outlets=[reminders_sent], **COMES_BACK)(deliver_tonight)()
    deliver_approved = task.sensor(task_id="deliver_approved", **COMES_BACK)(deliver_tonight)()
    chain(plan(), reason, is_unusual(reason), [ask_a_person, wait])
    chain(ask_a_person, wait, deliver)
    chain(wait, check_approvals, ask_about_steps, approve, deliver_approved)


send_reminders()
