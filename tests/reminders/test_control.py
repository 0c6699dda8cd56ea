"""What a person decides about sending, by the command."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from cobranca.cli import commands
from cobranca.errors import ConfigError, VolumeUnusual
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts, switches
from cobranca.reminders import deliver, plan
from cobranca.reminders.channels import Outcome
from cobranca.reminders.control import approve, approve_volume, pause, resume, steps_to_approve
from cobranca.reminders.volume import unusual_volume
from reminders.plans import TONIGHT, as_planned, message, noon, publish_plan


class Accepting:
    """A channel that takes every letter."""

    name, threads = "recorder", 1

    def __init__(self, is_real: bool = True):
        self.is_real = is_real

    def send(self, letter) -> Outcome:
        return Outcome("sent", provider_message_id="1")

    def was_accepted(self, key: str) -> bool:
        return False

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def source(monkeypatch):
    monkeypatch.setattr("cobranca.landing.standing_now", as_planned)


@pytest.fixture
def night(settings):
    publish_plan(
        settings,
        [
            message(1),
            *(message(n, step="d+65", requires_approval=True) for n in (2, 3)),
            message(4, step="d+125", requires_approval=True),
        ],
    )
    return settings


def test_the_question_names_the_steps_and_their_numbers(night):
    assert steps_to_approve(night, TONIGHT) is None
    plan(night, TONIGHT)
    question = steps_to_approve(night, TONIGHT).text
    assert "18/11/2026" in question and "d+65 (2)" in question and "d+125 (1)" in question


def test_a_step_that_was_approved_is_sent_by_the_next_delivery_and_the_others_wait(night):
    assert deliver(night, TONIGHT).held == 3
    assert approve(night, TONIGHT, "Ana", ["d+65"]) == 2
    assert approve(night, TONIGHT, "Ana", None) == 1
    with pytest.raises(ConfigError, match="d\\+65 waits"):
        approve(night, TONIGHT, "Ana", ["d+65"])
    counts = deliver(night, TONIGHT)
    assert (counts.sent, counts.held) == (4, 0)
    engine = open_ledger(night.ledger)
    with engine.connect() as ledger:
        assert dict(
            ledger.execute(sa.select(contacts.c.approved_by, sa.func.count()).group_by(contacts.c.approved_by)).all()
        ) == {
            None: 1,
            "Ana": 3,
        }
    engine.dispose()


def test_an_approval_does_not_outlive_another_plan(night):
    plan(night, TONIGHT)
    approve(night, TONIGHT, "Ana")
    publish_plan(night, [message(n, step="d+65", requires_approval=True) for n in (2, 3, 5)])
    assert deliver(night, TONIGHT).held == 3
    assert steps_to_approve(night, TONIGHT + timedelta(days=1)) is None


def test_an_answer_is_about_the_plan_that_was_asked_about(night):
    plan(night, TONIGHT)
    question = steps_to_approve(night, TONIGHT)
    publish_plan(night, [message(n, step="d+65", requires_approval=True) for n in range(20)])
    plan(night, TONIGHT)
    assert approve(night, TONIGHT, "Ana", batch_id=question.batch_id) == 0
    assert approve(night, TONIGHT, "Ana") == 20


def test_an_unusual_number_of_messages_leaves_only_with_a_persons_word_for_that_very_plan(settings):
    limits = settings.config / "limits.yml"
    limits.write_text(
        limits.read_text(encoding="utf-8").replace("maximum_messages: 5000", "maximum_messages: 2"), encoding="utf-8"
    )

    def deliver_for_real():
        return deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=Accepting())

    with pytest.raises(ConfigError, match="nothing is planned for 2026-11-18"):
        approve_volume(settings, TONIGHT, "Ana")
    publish_plan(settings, [message(n) for n in range(3)])
    for _ in range(2):
        with pytest.raises(VolumeUnusual, match="Há 3 mensagens.*cobranca approve --volume --business-date 2026-11-18"):
            deliver_for_real()
    assert deliver(settings, TONIGHT, channel=Accepting(is_real=False)).sent == 3, "a file disturbs nobody"

    publish_plan(settings, [message(n) for n in range(5)])
    with pytest.raises(VolumeUnusual, match="Há 5 mensagens"):
        deliver_for_real()
    approve_volume(settings, TONIGHT, "Ana")
    approve_volume(settings, TONIGHT, "Ana")
    assert unusual_volume(settings, TONIGHT) is None
    assert deliver_for_real().new == 2

    # The word was given for that plan; a larger one that replaces it before its hour needs another.
    publish_plan(settings, [message(n) for n in range(9)])
    with pytest.raises(VolumeUnusual, match="Há 9 mensagens"):
        deliver_for_real()


def test_a_pause_holds_the_next_messages_at_once_and_the_night_goes_on_after_it(settings):
    publish_plan(settings, [message(n) for n in range(20)])

    class PausedMeanwhile(Accepting):
        """A person pauses while the third letter is on its way; with one thread nothing else is."""

        sent = 0

        def send(self, letter) -> Outcome:
            self.sent += 1
            if self.sent == 3:
                pause(settings, "Ana", "valor errado no boleto")
            return super().send(letter)

    channel = PausedMeanwhile()
    counts = deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert counts.sent == channel.sent <= 3 + 1, "only what was already committed as sending still left"
    assert counts.held == counts.waits == 20 - counts.sent
    resume(settings, "Bia")
    counts = deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert (counts.sent, counts.waits) == (20, 0)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["approve", "--business-date", str(TONIGHT), "--by", "Ana"], 0, "3 messages of 2026-11-18 approved by Ana"),
        (["approve", "--business-date", str(TONIGHT), "--by", "Ana", "--step", "d+65"], 0, "2 messages"),
        (["approve", "--business-date", str(TONIGHT), "--by", "Ana", "--volume"], 0, "the number of messages of 2026-11-18"),
        (["approve", "--business-date", str(TONIGHT)], 2, "--by"),
        (["pause", "--by", "Ana", "--reason", "revisão"], 0, "paused"),
        (["pause", "--by", "Ana"], 2, "--reason"),
        (["resume", "--by", "Ana"], 0, "allowed"),
    ],
)
def test_the_commands(night, monkeypatch, arguments, code, said):
    for name in ("config", "data", "ledger", "delivery"):
        monkeypatch.setenv(f"COBRANCA_{name.upper()}", str(getattr(night, name)))
    plan(night, TONIGHT)
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == code and said in result.output
    if arguments[0] == "pause" and code == 0:
        engine = open_ledger(night.ledger)
        with engine.connect() as ledger:
            assert ledger.execute(sa.select(switches.c.is_on, switches.c.author, switches.c.reason)).one() == (
                True,
                "Ana",
                "revisão",
            )
        engine.dispose()
