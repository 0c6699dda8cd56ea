"""Deliveries that come back while messages wait, and the answer of a person to a question."""

from datetime import date
from types import SimpleNamespace

import pytest

from cobranca import reminders
from cobranca.orchestration import send_tasks
from cobranca.orchestration.send_tasks import approve_steps, approver, deliver_due
from cobranca.reminders.plan import approvals
from cobranca.reminders.plan.counts import Counts

NIGHT = SimpleNamespace(settings="settings", business_date=date(2026, 11, 18))
YES = {"chosen_options": ["Approve"], "responded_by_user": {"name": "gerente", "id": "1"}}
NO = YES | {"chosen_options": ["Reject"]}


@pytest.fixture
def approved(monkeypatch) -> list[tuple]:
    """What was approved, in place of the ledger."""
    calls: list[tuple] = []

    def approve(settings, day, by, batch_id):
        calls.append((day, by, batch_id))
        return 7

    monkeypatch.setattr(send_tasks, "current_run", lambda: NIGHT)
    monkeypatch.setattr(approvals, "approve_volume", approve)
    monkeypatch.setattr(approvals, "approve", approve)
    return calls


def deliver(monkeypatch, waits: int, answer: dict | None):
    """One try of the delivery, after which so many messages wait."""
    pushed = {"approve_volume": answer, "plan": {"batch_id": "asked about"}}
    task = SimpleNamespace(xcom_pull=lambda task_ids: pushed[task_ids])
    monkeypatch.setattr(send_tasks, "get_current_context", lambda: {"ti": task})
    counts = Counts("2026-11-18", "b", planned=3, sent=3 - waits, held=waits, waits=waits)
    monkeypatch.setattr(reminders, "deliver", lambda settings, day: counts)
    return deliver_due()


@pytest.mark.parametrize(("waits", "is_done"), [(2, False), (1, False), (0, True)])
def test_delivery_comes_back_while_messages_wait(monkeypatch, approved, waits, is_done):
    poked = deliver(monkeypatch, waits, None)
    assert poked.is_done is is_done
    assert poked.xcom_value["waits"] == waits
    assert approved == [], "no one was asked, so no one approved"


def test_the_volume_is_approved_for_the_plan_asked_about(monkeypatch, approved):
    deliver(monkeypatch, 0, NO)
    assert approved == []
    deliver(monkeypatch, 0, YES)
    assert approved == [(NIGHT.business_date, "gerente", "asked about")]


def test_steps_leave_only_after_a_yes(approved):
    question = {"batch_id": "asked about", "text": "d+65: 12 messages"}
    assert approve_steps(NO, question) == 0 and approved == []
    assert approve_steps(YES, question) == 7
    assert approved == [(NIGHT.business_date, "gerente", "asked about")]


@pytest.mark.parametrize(
    ("options", "name"), [(["Approve"], "gerente"), (["Reject"], None), ([], None)]
)
def test_only_a_yes_is_an_approval(options, name):
    assert (
        approver({"chosen_options": options, "responded_by_user": {"name": "gerente", "id": "1"}})
        == name
    )
    assert approver(None) is None
