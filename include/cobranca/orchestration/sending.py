"""How ``send_reminders`` delivers and asks: small steps that need Airflow's own types."""

from dataclasses import asdict
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
    """Send what may leave by now; done when nothing is left that may still leave on this date without anybody's decision.

    A plan that was replaced by an unusually large one since a person was asked is not sent.
    """
    from cobranca.reminders import deliver
    from cobranca.reminders.control import approve_volume

    night, task = tonight(), get_current_context()["ti"]
    if by := approver(task.xcom_pull(task_ids=VOLUME_QUESTION)):
        approve_volume(night.settings, night.business_date, by, task.xcom_pull(task_ids="plan")["batch_id"])
    counts = deliver(night.settings, night.business_date)
    return PokeReturnValue(is_done=not counts.waits, xcom_value=counts.as_dict())


def approver(answer: dict | None) -> str | None:
    """Who said yes; ``None`` when nobody was asked, or the answer was no."""
    if answer is None or answer["chosen_options"] != [ApprovalOperator.APPROVE]:
        return None
    return answer["responded_by_user"]["name"]


def steps_question() -> dict | None:
    """What to ask a person about the steps that only leave with approval, and which plan it is about."""
    from cobranca.reminders.control import steps_to_approve

    night = tonight()
    question = steps_to_approve(night.settings, night.business_date)
    return asdict(question) if question else None


def approve_steps(answer: dict, question: dict) -> int:
    """Approve what was asked about, if the answer is yes; returns how many messages."""
    from cobranca.reminders.control import approve

    night, by = tonight(), approver(answer)
    return approve(night.settings, night.business_date, by, batch_id=question["batch_id"]) if by else 0


def ask(task_id: str, subject: str, question: str) -> ApprovalOperator:
    """Ask a person a question (a template). Without an answer it counts as refused in time for the next night."""
    return ApprovalOperator(
        task_id=task_id,
        subject=subject,
        body=question,
        defaults=ApprovalOperator.REJECT,
        response_timeout=QUESTION_STANDS_FOR,
        retries=0,
        execution_timeout=None,
    )
