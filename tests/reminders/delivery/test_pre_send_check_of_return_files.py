"""Pre-send check of bank return files that arrive after the landing: each is read once."""

import contextlib
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts
from cobranca.reminders import deliver
from cobranca.reminders.delivery.pre_send_check import PAID_MEANWHILE, UNREADABLE, UNREADABLE_FILE
from cobranca.reminders.delivery.sender_context import DeliveryOptions
from cobranca.settings import Settings
from cobranca.sources.bank_returns import payments
from cobranca.sources.file_cache import FileCache
from cobranca.sources.mapping.load import get_mapping
from cobranca.sources.source_problem import FileProblem
from faults.billing import add_return_files, create_billing, pay
from reminders.fake_channels import AcceptingChannel
from reminders.plans import TONIGHT, item, message, noon, publish_plan
from return_files import ReturnRecord, return_file

OWED = 1000_00
PAID = ("cancelled_paid", PAID_MEANWHILE)
SENT = ("sent", None)
HELD = ("planned", UNREADABLE_FILE.format(source="billing"))


def paid_record(receivable: str, cents: int = OWED, **more) -> ReturnRecord:
    """The bank's record of a payment of one receivable, which has its own boleto."""
    return ReturnRecord(receivable, paid=cents, our_number=receivable, **more)


class BillingNight:
    """A billing database, a folder of return files, and a plan about the receivables."""

    def __init__(self, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.settings, self.billing, self.folder = (
            settings,
            folder / "billing.db",
            folder / "retorno",
        )
        self.folder.mkdir()
        add_return_files(settings, self.folder)
        monkeypatch.setenv("AIRFLOW_CONN_BILLING", f"sqlite:///{self.billing}")
        self.drop("landed", paid_record("other"))

    def plan(self, number: int, **open_amounts: Decimal) -> None:
        """Plan one message for each of ``B0`` to ``B<number - 1>``; some are partly paid."""
        names = [f"B{n}" for n in range(number)]
        known = {
            name: {
                "open_amount": left,
                "amount_due": left,
                "fine": 0,
                "interest": 0,
                "boleto_line": None,
                "pix_code": None,
            }
            for name, left in open_amounts.items()
        }
        rows = [
            message(n, [item(name, source="billing", **known.get(name, {}))])
            for n, name in enumerate(names)
        ]
        with contextlib.closing(sqlite3.connect(self.billing)) as billing:
            create_billing(billing, [row for one in rows for row in one])
        publish_plan(self.settings, rows)
        self.keys = {one[0]["receivable_id"]: one[0]["message_key"] for one in rows}

    def pay(self, name: str, cents: int) -> None:
        with contextlib.closing(sqlite3.connect(self.billing)) as billing:
            pay(billing, name, cents, f"P{name}")

    def drop(self, name: str, *records: ReturnRecord, cut: int | None = None) -> Path:
        """Write a return file; with ``cut``, only that many bytes of it."""
        path = self.folder / f"{name}.ret"
        path.write_bytes(return_file("bradesco400", "237", *records)[:cut])
        return path

    def deliver(self, **options) -> dict[str, tuple[str, str | None]]:
        """State and reason of each receivable's message after a delivery."""
        deliver(self.settings, TONIGHT, **options)
        engine = open_ledger(self.settings.ledger)
        with engine.connect() as connection:
            rows = connection.execute(sa.select(contacts)).all()
        engine.dispose()
        return {row.episode_key.partition(":")[2]: (row.state, row.state_reason) for row in rows}


@pytest.fixture
def night(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BillingNight:
    return BillingNight(settings, tmp_path, monkeypatch)


def test_payments_in_a_file_after_the_plan_count_as_in_the_landing(night: BillingNight):
    landed_in_part = paid_record("B6", 400_00)
    night.drop("landed", landed_in_part, paid_record("B7", 400_00))
    night.plan(11, B6=Decimal("600.00"), B7=Decimal("600.00"))
    night.pay("B8", 400_00)
    night.drop(
        "after the plan",
        paid_record("B1"),
        paid_record("B2", 1_00),
        paid_record("B3"), paid_record("B3", code="40"),
        paid_record("B4", 0, code="02"),  # entered, not paid
        paid_record("B5", code="77"),  # a code of unknown meaning
        paid_record("B7", 600_00),
        paid_record("B9", 900_00, discount=100_00),
        landed_in_part,
    )  # fmt: skip
    assert night.deliver() == {
        "B0": SENT, "B1": PAID, "B2": PAID, "B3": SENT, "B4": SENT, "B5": ("planned", UNREADABLE),
        "B6": SENT, "B7": PAID, "B8": PAID, "B9": PAID, "B10": SENT,
    }  # fmt: skip


@pytest.mark.parametrize("cut", [0, 399, 402, 1205])
def test_an_incomplete_file_holds_the_messages_until_it_is_complete_or_removed(
    night: BillingNight, cut: int, caplog: pytest.LogCaptureFixture
):
    night.plan(2)
    path = night.drop("new", paid_record("B1"), paid_record("x"), cut=cut)
    assert night.deliver() == {"B0": HELD, "B1": HELD}
    assert "new.ret" in caplog.text and "JOSÉ" not in caplog.text and "B1" not in caplog.text
    if cut:
        night.drop("new", paid_record("B1"), paid_record("x"))
    else:
        path.unlink()
    assert night.deliver() == {"B0": SENT, "B1": PAID if cut else SENT}


def test_a_file_that_arrives_between_two_claims_is_read_by_the_next_check(night: BillingNight):
    """While the file is incomplete, it holds the messages that are claimed."""
    night.plan(9)
    complete = [paid_record(f"B{n}") for n in range(0, 9, 2)]
    channel, events = (
        AcceptingChannel(),
        [
            lambda: night.drop("new", *complete, cut=500),
            lambda: None,
            lambda: night.drop("new", *complete),
        ],
    )

    def clock():
        """Called before the check of each claim."""
        if channel.message_keys and events:
            events.pop(0)()
        return noon(TONIGHT)()

    found = night.deliver(channel=channel, clock=clock, options=DeliveryOptions(claim_size=1))
    in_order = [found[name] for name in sorted(found, key=night.keys.get)]
    assert in_order[:3] == [SENT, HELD, HELD]
    paid = {record.receivable for record in complete}
    assert in_order[3:] == [
        PAID if name in paid else SENT for name in sorted(found, key=night.keys.get)[3:]
    ]


@pytest.fixture
def file_cache():
    file_cache = FileCache()
    yield file_cache
    file_cache.close()


def test_each_file_is_read_once(
    night: BillingNight, file_cache: FileCache, monkeypatch: pytest.MonkeyPatch
):
    mapping, read = get_mapping(night.settings, "billing"), []
    read_return_file = payments.read_return_file
    monkeypatch.setattr(
        payments,
        "read_return_file",
        lambda *args, **options: read.append(1) or read_return_file(*args, **options),
    )

    def files_read() -> int:
        read.clear()
        for _ in range(3):
            with contextlib.suppress(FileProblem):
                file_cache.open(mapping)
        return len(read)

    night.drop("2", paid_record("B2"))
    assert (files_read(), files_read()) == (2, 0)
    night.drop("3", paid_record("B3"))
    assert files_read() == 1
    night.drop("3", paid_record("B3"), paid_record("B4"))
    assert files_read() == 1
    incomplete = night.drop("4", paid_record("B4"), cut=700)
    assert files_read() == 1
    incomplete.unlink()
    assert files_read() == 0
    assert {payment.receivable_id for payment in file_cache.open(mapping).returns.all} == {
        "other",
        "B2",
        "B3",
        "B4",
    }
    # A change in the meaning of the codes makes all files be read again.
    codes = night.settings.config / "cnab" / "237.csv"
    codes.write_text(
        codes.read_text(encoding="utf-8").replace("payment", "ignored"), encoding="utf-8"
    )
    assert files_read() == 3
    assert file_cache.open(mapping).returns.all == []
