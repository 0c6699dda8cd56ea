"""How ``send_reminders`` delivers and asks: small steps that need Airflow's own types."""

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import PokeReturnValue, get_current_context

from cobranca.orchestration.dates import tonight
from cobranca.orchestration.pools import SENDGRID

VOLUME_QUESTION = "ask_a_person"
QUESTION_STANDS_FOR = timedelta(hours=16)
# A delivery comes back every quarter of an hour for whom it was too early; between two tries it holds no slot.
COMES_BACK = {"poke_interval": 15 * 60, "timeout": 24 * 3600, "mode": "reschedule", "pool": SENDGRID}


def deliver_tonight() -> PokeReturnValue:
    """Send what may leave by now; done when nothing is left that only waits for its hour or for the end of a pause.

    A plan that was replaced by an unusually large one since a person was asked is not sent.
    """
    from cobranca.reminders import deliver
    from cobranca.reminders.control import approve_volume

    night, task = tonight(), get_current_context()["ti"]
    if answer := task.xcom_pull(task_ids=VOLUME_QUESTION):
        by, batch = answer["responded_by_user"]["name"], task.xcom_pull(task_ids="plan")["batch_id"]
        approve_volume(night.settings, night.business_date, by, batch)
    counts = deliver(night.settings, night.business_date)
    return PokeReturnValue(is_done=not counts.waits, xcom_value=counts.as_dict())


def ask(task_id: str, subject: str, question_of: str) -> ApprovalOperator:
    """Ask a person what the task ``question_of`` returned. Without an answer it counts as refused in time for the next night."""
    return ApprovalOperator(
        task_id=task_id,
        subject=subject,
        body=f"{{{{ ti.xcom_pull(task_ids='{question_of}') }}}}",
        defaults=ApprovalOperator.REJECT,
        response_timeout=QUESTION_STANDS_FOR,
        retries=0,
        execution_timeout=None,
    )
