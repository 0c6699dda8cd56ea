"""Approvals: steps, pause and resume, and their commands."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from cobranca.cli import commands
from cobranca.errors import ConfigError
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts, switches
from cobranca.reminders import deliver, plan
from cobranca.reminders.channels import Outcome
from cobranca.reminders.plan.approvals import (
    approve,
    approve_volume,
    pause,
    resume,
    steps_to_approve,
)
from reminders.contact_states import contact_states
from reminders.fake_channels import AcceptingChannel
from reminders.plans import TONIGHT, message, noon, publish_plan

pytestmark = pytest.mark.usefixtures("source_changes")


@pytest.fixture
def plan_with_approvals(settings):
    publish_plan(
        settings,
        [
            message(1),
            *(message(n, step="d+65", requires_approval=True) for n in (2, 3)),
            message(4, step="d+125", requires_approval=True),
        ],
    )
    return settings


def test_the_question_names_each_step_and_its_number_of_messages(plan_with_approvals):
    assert steps_to_approve(plan_with_approvals, TONIGHT) is None
    plan(plan_with_approvals, TONIGHT)
    question = steps_to_approve(plan_with_approvals, TONIGHT).text
    assert "18/11/2026" in question and "d+65 (2)" in question and "d+125 (1)" in question


def test_a_step_that_needs_approval_is_held_until_it_is_approved(settings, ledger):
    publish_plan(settings, [message(1, requires_approval=True), message(2)])
    counts = deliver(settings, TONIGHT)
    assert (counts.held, counts.sent) == (1, 1)
    assert contact_states(ledger)[1, TONIGHT] == ("planned", "aguarda aprovação de uma pessoa")
    assert approve(settings, TONIGHT, "gerente") == 1
    assert deliver(settings, TONIGHT).sent == 2


def test_only_approved_steps_are_sent_by_the_next_delivery(plan_with_approvals):
    assert deliver(plan_with_approvals, TONIGHT).held == 3
    assert approve(plan_with_approvals, TONIGHT, "Ana", ["d+65"]) == 2
    with pytest.raises(ConfigError, match="d\\+65 waits"):
        approve(plan_with_approvals, TONIGHT, "Ana", ["d+65"])
    assert approve(plan_with_approvals, TONIGHT, "Ana", None) == 1
    counts = deliver(plan_with_approvals, TONIGHT)
    assert (counts.sent, counts.held) == (4, 0)
    engine = open_ledger(plan_with_approvals.ledger)
    with engine.connect() as ledger:
        assert dict(
            ledger.execute(
                sa.select(contacts.c.approved_by, sa.func.count()).group_by(contacts.c.approved_by)
            ).all()
        ) == {
            None: 1,
            "Ana": 3,
        }
    engine.dispose()


def test_an_approval_does_not_apply_to_a_newer_plan(plan_with_approvals):
    plan(plan_with_approvals, TONIGHT)
    approve(plan_with_approvals, TONIGHT, "Ana")
    publish_plan(
        plan_with_approvals, [message(n, step="d+65", requires_approval=True) for n in (2, 3, 5)]
    )
    assert deliver(plan_with_approvals, TONIGHT).held == 3
    assert steps_to_approve(plan_with_approvals, TONIGHT + timedelta(days=1)) is None


def test_an_answer_applies_only_to_the_plan_of_its_question(plan_with_approvals):
    plan(plan_with_approvals, TONIGHT)
    question = steps_to_approve(plan_with_approvals, TONIGHT)
    publish_plan(
        plan_with_approvals, [message(n, step="d+65", requires_approval=True) for n in range(20)]
    )
    plan(plan_with_approvals, TONIGHT)
    assert approve(plan_with_approvals, TONIGHT, "Ana", batch_id=question.batch_id) == 0
    assert approve(plan_with_approvals, TONIGHT, "Ana") == 20


def test_a_pause_holds_messages_at_once_and_resuming_sends_them(settings):
    publish_plan(settings, [message(n) for n in range(20)])

    class PausedMeanwhile(AcceptingChannel):
        """A channel with one thread; sending is paused while it sends the third letter."""

        sent = 0

        def send(self, letter) -> Outcome:
            self.sent += 1
            if self.sent == 3:
                pause(settings, "Ana", "valor errado no boleto")
            return super().send(letter)

    channel = PausedMeanwhile()
    counts = deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert counts.sent == channel.sent <= 3 + 1, (
        "only messages already committed as sending are sent"
    )
    assert counts.held == counts.waits == 20 - counts.sent
    resume(settings, "Bia")
    counts = deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert (counts.sent, counts.waits) == (20, 0)


@pytest.mark.parametrize(
    ("arguments", "code", "output"),
    [
        (
            ["approve", "--business-date", str(TONIGHT), "--by", "Ana"],
            0,
            "3 messages of 2026-11-18 approved by Ana",
        ),
        (
            ["approve", "--business-date", str(TONIGHT), "--by", "Ana", "--step", "d+65"],
            0,
            "2 messages",
        ),
        (
            ["approve", "--business-date", str(TONIGHT), "--by", "Ana", "--volume"],
            0,
            "the number of messages of 2026-11-18",
        ),
        (["approve", "--business-date", str(TONIGHT)], 2, "--by"),
        (["pause", "--by", "Ana", "--reason", "revisão"], 0, "paused"),
        (["pause", "--by", "Ana"], 2, "--reason"),
        (["resume", "--by", "Ana"], 0, "allowed"),
    ],
)
def test_the_commands_of_approvals_and_pauses(
    plan_with_approvals, monkeypatch, arguments, code, output
):
    for name in ("config", "data", "ledger", "delivery"):
        monkeypatch.setenv(f"COBRANCA_{name.upper()}", str(getattr(plan_with_approvals, name)))
    plan(plan_with_approvals, TONIGHT)
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == code and output in result.output
    if arguments[0] == "pause" and code == 0:
        engine = open_ledger(plan_with_approvals.ledger)
        with engine.connect() as ledger:
            assert ledger.execute(
                sa.select(switches.c.is_on, switches.c.author, switches.c.reason)
            ).one() == (
                True,
                "Ana",
                "revisão",
            )
        engine.dispose()


def test_a_decision_has_a_name_and_a_pause_a_reason(settings, ledger):
    publish_plan(settings, [message(1, requires_approval=True)])
    plan(settings, TONIGHT)
    for decide in (
        lambda: approve(settings, TONIGHT, " "),
        lambda: approve_volume(settings, TONIGHT, ""),
        lambda: pause(settings, " ", "revisão"),
        lambda: resume(settings, " "),
        lambda: pause(settings, "Ana", " "),
    ):
        with pytest.raises(ConfigError, match="say w"):
            decide()
    assert not ledger.lookups.is_paused()
    assert ledger.lookups.count_unapproved(TONIGHT) == {"d+1": 1}


def test_nothing_is_asked_and_nothing_approved_before_a_plan(settings):
    assert steps_to_approve(settings, TONIGHT) is None
    assert approve(settings, TONIGHT, "Ana") == 0
