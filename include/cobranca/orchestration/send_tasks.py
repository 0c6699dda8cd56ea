"""How ``send_reminders`` delivers and asks: small steps that need Airflow's own types."""

from datetime import timedelta
from typing import Any, TypedDict

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import PokeReturnValue, get_current_context

from cobranca.orchestration.business_date import current_run
from cobranca.orchestration.pools import SENDGRID

QUESTION_STANDS_FOR = timedelta(hours=16)
# The task looks every minute whether the contact window is open; it holds no slot in between.
CONTACT_WINDOW: dict[str, Any] = {
    "poke_interval": 60,
    "timeout": 24 * 3600,
    "trigger_rule": "none_failed_min_one_success",
}
# A delivery comes back every quarter of an hour for the messages for which it was too early;
# between two tries it holds no slot.
RESCHEDULE: dict[str, Any] = {
    "poke_interval": 15 * 60,
    "timeout": 24 * 3600,
    "mode": "reschedule",
    "pool": SENDGRID,
}


class Responder(TypedDict):
    """The user who answered."""

    id: str
    name: str


class ApprovalAnswer(TypedDict):
    """What Airflow keeps of an answered approval, as far as it is read here."""

    chosen_options: list[str]
    responded_by_user: Responder


class StepsQuestion(TypedDict):
    """The steps that wait for approval, in words, and the plan that they are part of."""

    batch_id: str
    text: str


def deliver_due() -> PokeReturnValue:
    """Send what may leave by now.

    Done when nothing is left that may still leave on this date without a person's decision. A plan
    that was replaced by an unusually large one after a person was asked is not sent.
    """
    from cobranca.reminders import deliver
    from cobranca.reminders.plan.approvals import approve_volume

    night, task = current_run(), get_current_context()["ti"]
    if by := approver(task.xcom_pull(task_ids="approve_volume")):
        approve_volume(
            night.settings, night.business_date, by, task.xcom_pull(task_ids="plan")["batch_id"]
        )
    counts = deliver(night.settings, night.business_date)
    return PokeReturnValue(is_done=not counts.waits, xcom_value=counts.as_dict())


def approver(answer: ApprovalAnswer | None) -> str | None:
    """Who approved; ``None`` when no one was asked, or the answer was no."""
    if answer is None or answer["chosen_options"] != [ApprovalOperator.APPROVE]:
        return None
    return answer["responded_by_user"]["name"]


def steps_question() -> StepsQuestion | None:
    """What to ask a person about the steps that only leave with approval; ``None`` for nothing."""
    from cobranca.reminders.plan.approvals import steps_to_approve

    night = current_run()
    question = steps_to_approve(night.settings, night.business_date)
    if question is None:
        return None
    return StepsQuestion(batch_id=question.batch_id, text=question.text)


def approve_steps(answer: ApprovalAnswer, question: StepsQuestion) -> int:
    """Approve what was asked about, if the answer is yes; returns how many messages."""
    from cobranca.reminders.plan.approvals import approve

    night, by = current_run(), approver(answer)
    return (
        approve(night.settings, night.business_date, by, batch_id=question["batch_id"]) if by else 0
    )


def ask_about_volume(task_id: str) -> ApprovalOperator:
    """A task that asks whether an unusual number of messages may leave."""
    return _ask(
        task_id,
        "Send the reminders of {{ partition_key }}?",
        "{{ ti.xcom_pull(task_ids='check_volume') }}",
    )


def ask_about_steps(task_id: str) -> ApprovalOperator:
    """A task that asks whether the steps that need approval may leave."""
    return _ask(
        task_id,
        "Send the steps of {{ partition_key }} that ask for it?",
        "{{ ti.xcom_pull(task_ids='check_approvals')['text'] }}",
    )


def _ask(task_id: str, subject: str, question: str) -> ApprovalOperator:
    """A task that asks a person ``question``, a template.

    Without an answer it counts as refused, in time for the next night.
    """
    return ApprovalOperator(
        task_id=task_id,
        subject=subject,
        body=question,
        defaults=ApprovalOperator.REJECT,
        response_timeout=QUESTION_STANDS_FOR,
        retries=0,
        execution_timeout=None,
    )
