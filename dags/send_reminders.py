"""
### send_reminders

**What** Enters the night's messages in the ledger, asks a person when their number is unusual,
waits for the contact window, and delivers each message at most once (`COBRANCA_DELIVERY`: `outbox`
or `sendgrid`). It also asks about the steps that need a person's approval, and delivers those.

**When** As soon as the plan of the date is approved. Real messages leave from the morning on; those
that were too early or held back (silent source, provider's limit, pause) every quarter of an hour.

**Used by** The payers.

**When it breaks** Clear the failed task, as often as needed: a message that went out, or may have,
is never sent again. Messages in state *unknown* are reconciled with the provider first. Questions
are found in Airflow under Required Actions; one that is rejected, or not answered within the day,
ends without sending what it asked about.
"""

from typing import Any

from airflow.sdk import PartitionedAssetTimetable, chain, dag, task

from cobranca.orchestration import send_tasks
from cobranca.orchestration.assets import plan_approved, reminders_sent
from cobranca.orchestration.business_date import current_run
from cobranca.orchestration.default_args import DEFAULT_ARGS
from cobranca.orchestration.send_tasks import RESCHEDULE, deliver_due


@dag(
    schedule=PartitionedAssetTimetable(assets=plan_approved),
    max_active_runs=1,
    default_args=DEFAULT_ARGS | {"owner": "collections"},
    tags=["night", "people"],
    doc_md=__doc__,
)
def send_reminders() -> None:
    @task
    def plan() -> dict[str, Any]:
        from cobranca.reminders import plan

        return plan(current_run().settings, current_run().business_date).as_dict()

    @task
    def check_volume() -> str | None:
        from cobranca.reminders.plan.volume_guard import unusual_volume

        return unusual_volume(current_run().settings, current_run().business_date)

    @task.branch
    def is_unusual(reason: str | None) -> str:
        return "approve_volume" if reason else "wait_for_contact_window"

    @task.sensor(mode="reschedule", **send_tasks.CONTACT_WINDOW)
    def wait_for_contact_window() -> bool:
        from cobranca.reminders.plan.contact_hours import is_open

        return is_open(current_run().settings, current_run().business_date)

    reason, wait = check_volume(), wait_for_contact_window()
    approve_volume = send_tasks.ask_about_volume(task_id="approve_volume")
    check_approvals = task.short_circuit(task_id="check_approvals")(send_tasks.steps_question)()
    ask_about_steps = send_tasks.ask_about_steps(task_id="ask_about_steps")
    # Airflow replaces an XComArg by its value when the task runs.
    approve = task(task_id="approve_steps")(send_tasks.approve_steps)(
        ask_about_steps.output,  # type: ignore[arg-type]
        check_approvals,  # type: ignore[arg-type]
    )
    deliver = task.sensor(task_id="deliver", outlets=[reminders_sent], **RESCHEDULE)(deliver_due)()
    deliver_approved = task.sensor(task_id="deliver_approved", **RESCHEDULE)(deliver_due)()
    branch = is_unusual(reason)  # type: ignore[arg-type]
    chain(plan(), reason, branch, [approve_volume, wait])
    chain(approve_volume, wait, deliver)
    chain(wait, check_approvals, ask_about_steps, approve, deliver_approved)


send_reminders()
