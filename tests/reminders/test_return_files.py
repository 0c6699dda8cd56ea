"""Files that banks put into the folder after the night's landing: the last look knows them, and reads each of them once."""

import contextlib
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts
from cobranca.reminders import deliver
from cobranca.reminders.channels import Outcome
from cobranca.reminders.last_look import PAID_MEANWHILE, UNREADABLE, UNREADABLE_FILE
from cobranca.settings import Settings
from cobranca.sources import returns
from cobranca.sources.kept import KeptFiles
from cobranca.sources.mapping import get_mapping
from cobranca.sources.problem import FileProblem
from faults.billing import add_return_files, create_billing, pay
from reminders.plans import TONIGHT, item, message, noon, publish_plan
from return_files import Told, return_file

OWED = 1000_00
PAID = ("cancelled_paid", PAID_MEANWHILE)
SENT = ("sent", None)
HELD = ("planned", UNREADABLE_FILE.format(source="billing"))


def told(receivable: str, cents: int = OWED, **more) -> Told:
    """What the bank tells of a receivable, each with a boleto of its own."""
    return Told(receivable, paid=cents, our_number=receivable, **more)


class Night:
    """A billing database beside a folder of return files, and plans of messages about its receivables."""

    def __init__(self, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.settings, self.billing, self.folder = settings, folder / "billing.db", folder / "retorno"
        self.folder.mkdir()
        add_return_files(settings, self.folder)
        monkeypatch.setenv("AIRFLOW_CONN_BILLING", f"sqlite:///{self.billing}")
        self.drop("landed", told("nobody's"))

    def plan(self, number: int, **open_amounts: Decimal) -> None:
        """One message for each of ``B0`` to ``B<number>``; of some it is known that part was paid."""
        names = [f"B{n}" for n in range(number)]
        known = {
            name: {"open_amount": left, "amount_due": left, "fine": 0, "interest": 0, "boleto_line": None, "pix_code": None}
            for name, left in open_amounts.items()
        }
        rows = [message(n, [item(name, source="billing", **known.get(name, {}))]) for n, name in enumerate(names)]
        with contextlib.closing(sqlite3.connect(self.billing)) as billing:
            create_billing(billing, [row for one in rows for row in one])
        publish_plan(self.settings, rows)
        self.keys = {one[0]["receivable_id"]: one[0]["message_key"] for one in rows}

    def pay(self, name: str, cents: int) -> None:
        with contextlib.closing(sqlite3.connect(self.billing)) as billing:
            pay(billing, name, cents, f"P{name}")

    def drop(self, name: str, *facts: Told, cut: int | None = None) -> Path:
        """Put a file into the folder; ``cut`` leaves that many bytes of it."""
        path = self.folder / f"{name}.ret"
        path.write_bytes(return_file("bradesco400", "237", *facts)[:cut])
        return path

    def deliver(self, **how) -> dict[str, tuple[str, str | None]]:
        """State and reason of each receivable's message after a delivery."""
        deliver(self.settings, TONIGHT, **how)
        engine = open_ledger(self.settings.ledger)
        with engine.connect() as connection:
            rows = connection.execute(sa.select(contacts)).all()
        engine.dispose()
        return {row.episode_key.partition(":")[2]: (row.state, row.state_reason) for row in rows}


@pytest.fixture
def night(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    return Night(settings, tmp_path, monkeypatch)


class Recorder:
    """A real channel that only counts."""

    name, is_real, threads = "recorder", True, 1

    def __init__(self):
        self.letters = 0

    def send(self, letter) -> Outcome:
        self.letters += 1
        return Outcome("sent", provider_message_id="1")

    def was_accepted(self, key: str) -> bool:
        return False

    def close(self) -> None:
        pass


def test_what_a_file_tells_after_the_plan_counts_as_in_the_landing(night: Night):
    landed_in_part = told("B6", 400_00)
    night.drop("landed", landed_in_part, told("B7", 400_00))
    night.plan(11, B6=Decimal("600.00"), B7=Decimal("600.00"))
    night.pay("B8", 400_00)
    night.drop(
        "after the plan",
        told("B1"),
        told("B2", 1_00),
        told("B3"), told("B3", code="40"),
        told("B4", 0, code="02"),  # entered, not paid
        told("B5", code="77"),  # nobody has said what that means
        told("B7", 600_00),
        told("B9", 900_00, discount=100_00),
        landed_in_part,
    )  # fmt: skip
    assert night.deliver() == {
        "B0": SENT, "B1": PAID, "B2": PAID, "B3": SENT, "B4": SENT, "B5": ("planned", UNREADABLE),
        "B6": SENT, "B7": PAID, "B8": PAID, "B9": PAID, "B10": SENT,
    }  # fmt: skip


@pytest.mark.parametrize("cut", [0, 399, 402, 1205])
def test_half_a_file_holds_the_messages_until_it_is_whole_or_gone(night: Night, cut: int, caplog: pytest.LogCaptureFixture):
    night.plan(2)
    path = night.drop("new", told("B1"), told("x"), cut=cut)
    assert night.deliver() == {"B0": HELD, "B1": HELD}
    assert "new.ret" in caplog.text and "JOSÉ" not in caplog.text and "B1" not in caplog.text
    if cut:
        night.drop("new", told("B1"), told("x"))
    else:
        path.unlink()
    assert night.deliver() == {"B0": SENT, "B1": PAID if cut else SENT}


def test_a_file_that_comes_between_two_claims_is_known_from_then_on(night: Night):
    """Half of it holds what is claimed meanwhile; whole, it holds nobody else."""
    night.plan(9)
    whole = [told(f"B{n}") for n in range(0, 9, 2)]
    channel, happens = Recorder(), [lambda: night.drop("new", *whole, cut=500), lambda: None, lambda: night.drop("new", *whole)]

    def clock():
        """Asked before each claim's look."""
        if channel.letters and happens:
            happens.pop(0)()
        return noon(TONIGHT)()

    found = night.deliver(channel=channel, clock=clock, claim_size=1)
    in_order = [found[name] for name in sorted(found, key=night.keys.get)]
    assert in_order[:3] == [SENT, HELD, HELD]
    paid = {one.receivable for one in whole}
    assert in_order[3:] == [PAID if name in paid else SENT for name in sorted(found, key=night.keys.get)[3:]]


@pytest.fixture
def kept():
    kept = KeptFiles()
    yield kept
    kept.close()


def test_each_file_is_read_once(night: Night, kept: KeptFiles, monkeypatch: pytest.MonkeyPatch):
    mapping, read, really = get_mapping(night.settings, "billing"), [], returns.read_return_file
    monkeypatch.setattr(returns, "read_return_file", lambda *args, **how: read.append(1) or really(*args, **how))

    def asked() -> int:
        read.clear()
        for _ in range(3):
            with contextlib.suppress(FileProblem):
                kept.open(mapping)
        return len(read)

    night.drop("2", told("B2"))
    assert (asked(), asked()) == (2, 0)
    night.drop("3", told("B3"))
    assert asked() == 1
    night.drop("3", told("B3"), told("B4"))
    assert asked() == 1
    half = night.drop("4", told("B4"), cut=700)
    assert asked() == 1
    half.unlink()
    assert asked() == 0
    assert {payment.receivable_id for payment in kept.open(mapping).returns.all} == {"nobody's", "B2", "B3", "B4"}
    # what the codes mean is asked anew too
    codes = night.settings.config / "cnab" / "237.csv"
    codes.write_text(codes.read_text(encoding="utf-8").replace("payment", "ignored"), encoding="utf-8")
    assert asked() == 3
    assert kept.open(mapping).returns.all == []
