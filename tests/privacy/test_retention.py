"""One history over approved nights, and ageing out their item-level files."""

import os
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cobranca.cli import commands
from cobranca.errors import ConfigError, PartitionError
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts
from cobranca.partitions import manifest, month_history
from cobranca.privacy import retention
from cobranca.time_zone import TIME_ZONE

TONIGHT = date(2026, 11, 18)
SECRET = "Maria Canário"


def publish_outbound(settings, night: date, amount: str = "10.00") -> manifest.Manifest:
    aging = {
        "business_date": night,
        "customer_key": "C1",
        "currency": "BRL",
        "aging_band": "1-30",
        "receivables": 2,
    }
    tables = {
        "fct_aging": [aging | {"open_amount": Decimal(amount), "amount_due": Decimal(amount)}],
        "dim_payer_ranking": [
            {
                "business_date": night,
                "customer_key": "C1",
                "customer_name": SECRET,
                "score": 70,
                "rank": 1,
                "payer_class": "novo",
            }
        ],
        "rpt_aging": [
            {
                "business_date": night,
                "currency": "BRL",
                "aging_band": "1-30",
                "open_amount": Decimal(amount),
            }
        ],
        "out_reminders": [{"business_date": night, "customer_key": "C1", "customer_name": SECRET}],
    }
    root = settings.folder("outbound", night)
    draft = manifest.draft_folder(root, "test")
    entries = []
    for name, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(rows), draft / f"{name}.parquet")
        entries.append(manifest.FileEntry.of(draft, f"{name}.parquet", len(rows)))
    return manifest.publish(root, draft, kind="outbound", business_date=night, files=entries)


def publish_landing(settings, night: date, **inputs: str) -> None:
    root = settings.folder("landing", night, "sources")
    draft = manifest.draft_folder(root, "test")
    pq.write_table(pa.table({"name": [SECRET]}), draft / "customers.parquet")
    entry = manifest.FileEntry.of(draft, "customers.parquet", 1)
    manifest.publish(root, draft, kind="sources", business_date=night, files=[entry], inputs=inputs)


def add_contact(settings, night: date, state: str) -> None:
    engine = open_ledger(settings.ledger)
    row = {column.name: None for column in contacts.columns if column.nullable} | {
        "business_date": night,
        "state": state,
    }
    texts = {column.name: "x" for column in contacts.columns if column.name not in row}
    defaulted = {
        column.name
        for column in contacts.columns
        if column.default is not None or column.server_default is not None
    }
    values = texts | {"message_key": f"M{night}", "step_offset": 1, "channel": "email"} | row
    with engine.begin() as ledger:
        ledger.execute(
            contacts.insert().values(
                {k: v for k, v in values.items() if k in row or k not in defaulted}
            )
        )
    engine.dispose()


@pytest.fixture
def company(settings):
    """Nights on the 10th and the last day of each month from June on, and tonight."""
    for month in (6, 7, 8, 9, 10):
        for night in (date(2026, month, 10), date(2026, month + 1, 1) - timedelta(days=1)):
            publish_outbound(settings, night, f"{month}.00")
            publish_landing(settings, night)
    publish_outbound(settings, TONIGHT)
    publish_landing(settings, TONIGHT)
    (settings.folder("outbox", date(2026, 6, 10))).mkdir(parents=True)
    (settings.folder("outbox", date(2026, 6, 10)) / "message.eml").write_text(SECRET)
    return settings


def kept(settings, kind: str) -> set[date]:
    return {date.fromisoformat(folder.name) for folder in (settings.data / kind).glob("????-??-??")}


def test_a_history_reads_every_approved_night_once(company):
    publish_outbound(company, TONIGHT, "99.00")  # a second approval replaces the first
    rows = month_history.aging(company, date(2026, 10, 1), TONIGHT)
    assert [(row.business_date, row.open_amount, row.receivables) for row in rows] == [
        (date(2026, 10, 10), Decimal("10.00"), 2),
        (date(2026, 10, 31), Decimal("10.00"), 2),
        (TONIGHT, Decimal("99.00"), 2),
    ]
    assert month_history.aging(company, TONIGHT, TONIGHT, "C2") == []
    with pytest.raises(PartitionError, match="no approved night"):
        month_history.aging(company, date(2020, 1, 1), date(2020, 12, 31))


def test_a_plan_changes_nothing(company):
    before = sorted(company.data.rglob("*"))
    planned = retention.plan_retention(company, TONIGHT, 60)
    assert planned.cutoff == date(2026, 9, 19)
    assert planned.going and planned.bytes > 0
    assert planned.month_ends == (date(2026, 6, 30), date(2026, 7, 31), date(2026, 8, 31))
    assert sorted(path for path in company.data.rglob("*") if "ledger" not in path.name) == [
        path for path in before if "ledger" not in path.name
    ]


def test_detail_goes_and_month_ends_stay(company):
    retention.apply_retention(company, retention.plan_retention(company, TONIGHT, 60))
    young = {date(2026, 9, 30), date(2026, 10, 10), date(2026, 10, 31), TONIGHT}
    assert kept(company, "outbound") == kept(company, "landing") == young
    assert kept(company, "outbox") == set()
    assert kept(company, "history") == {date(2026, 6, 30), date(2026, 7, 31), date(2026, 8, 31)}
    # the history reads on, with one night a month where the detail is gone
    months = [row.business_date for row in month_history.aging(company, date(2026, 6, 1), TONIGHT)]
    assert months == sorted(kept(company, "history") | young)
    old = [
        path
        for path in company.data.rglob("*.parquet")
        if any(part < "2026-09-19" for part in path.parts if part[:2] == "20")
    ]
    assert {path.name for path in old} == {
        "fct_aging.parquet",
        "dim_payer_ranking.parquet",
        "rpt_aging.parquet",
    }
    for path in old:
        assert SECRET not in str(pq.read_table(path).to_pylist())


def test_a_summary_is_the_same_bytes_again(company):
    first = month_history.keep_month_end(company, date(2026, 6, 30))
    assert month_history.keep_month_end(company, date(2026, 6, 30)).batch_id == first.batch_id


def test_running_it_again_removes_nothing_more(company):
    retention.apply_retention(company, retention.plan_retention(company, TONIGHT, 60))
    again = retention.plan_retention(company, TONIGHT, 60)
    assert (again.going, again.month_ends) == ({}, ())


@pytest.mark.parametrize(
    ("state", "stays"),
    [
        ("planned", True),
        ("claimed", True),
        ("sending", True),
        ("unknown", True),
        ("delivered", False),
    ],
)
def test_a_night_whose_messages_are_not_settled_stays(company, state, stays):
    add_contact(company, date(2026, 6, 10), state)
    planned = retention.plan_retention(company, TONIGHT, 60)
    assert (date(2026, 6, 10) in planned.staying) is stays
    assert (company.folder("outbound", date(2026, 6, 10)) in planned.going) is not stays


def test_a_landing_that_a_kept_one_was_made_from_stays(company):
    publish_landing(company, date(2026, 10, 10), erp="2026-08-31 full")
    publish_landing(company, date(2026, 9, 19), erp="2026-07-31 full")
    publish_landing(company, date(2026, 9, 18), erp="2026-06-30 full")  # goes itself
    planned = retention.plan_retention(company, TONIGHT, 60)
    assert planned.staying == {
        date(2026, 7, 31): "the landing of 2026-09-19 was made from it",
        date(2026, 8, 31): "the landing of 2026-10-10 was made from it",
    }


def test_the_newest_plan_stays_however_old(company):
    planned = retention.plan_retention(company, date(2028, 1, 1), 60)
    assert set(planned.staying) == {TONIGHT}


def test_the_newest_landing_stays_however_old(company):
    publish_landing(company, date(2026, 11, 19))  # its plan was never approved
    planned = retention.plan_retention(company, date(2028, 1, 1), 60)
    assert set(planned.staying) == {TONIGHT, date(2026, 11, 19)}


def test_a_night_goes_on_the_day_after_its_last(company):
    """Of 60 days, counted back from 18 November, 19 September is the last."""
    for day in (18, 19, 20):
        publish_outbound(company, date(2026, 9, day))
    going = retention.plan_retention(company, TONIGHT, 60).going
    assert [company.folder("outbound", date(2026, 9, day)) in going for day in (18, 19, 20)] == [
        True,
        False,
        False,
    ]


def test_a_history_has_both_its_ends(company):
    nights = month_history.aging(company, date(2026, 10, 10), date(2026, 10, 31))
    assert [row.business_date for row in nights] == [date(2026, 10, 10), date(2026, 10, 31)]


def test_a_changed_batch_stops_it_before_anything_is_removed(company):
    batch = manifest.read_manifest(company.folder("outbound", date(2026, 7, 31)))
    batch.path("fct_aging.parquet").write_bytes(b"changed")
    with pytest.raises(PartitionError, match="was changed"):
        retention.apply_retention(company, retention.plan_retention(company, TONIGHT, 60))
    assert date(2026, 6, 10) in kept(company, "landing")


def test_the_last_month_cannot_be_aged_out(company):
    with pytest.raises(ConfigError, match="keep at least 31 days"):
        retention.plan_retention(company, TONIGHT, 30)
    assert retention.plan_retention(company, TONIGHT, 31).cutoff == date(2026, 10, 18)


def test_the_command_lists_and_removes_only_when_asked(company, monkeypatch):
    for name, value in (
        ("DATA", company.data),
        ("LEDGER", company.ledger),
        ("CONFIG", company.config),
    ):
        monkeypatch.setenv(f"COBRANCA_{name}", str(value))
    run = CliRunner().invoke
    told = run(
        commands,
        ["retain", "--keep-days", "60", "--business-date", "2026-11-18"],
        catch_exceptions=False,
    )
    assert told.exit_code == 0 and "would go" in told.output and "history/2026-06-30" in told.output
    assert date(2026, 6, 10) in kept(company, "landing")
    run(
        commands,
        ["retain", "--keep-days", "60", "--business-date", "2026-11-18", "--apply"],
        catch_exceptions=False,
    )
    assert date(2026, 6, 10) not in kept(company, "landing")
    told = run(
        commands, ["history", "--from", "2026-06-01", "--to", "2026-11-18"], catch_exceptions=False
    )
    assert "2026-06-30" in told.output and "2026-06-10" not in told.output


def test_files_of_reports_go_by_the_day_they_came(company):
    """They hold addresses and carry no business date; what they told is in the ledger."""
    folder = company.data / "inbox" / "events"
    for name, day in (
        ("read/old.json", date(2026, 9, 1)),
        ("refused/old.json", date(2026, 9, 1)),
        ("read/new.json", TONIGHT),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(SECRET)
        noon = datetime.combine(day, time(12)).timestamp()
        os.utime(folder / name, (noon, noon))
    retention.apply_retention(company, retention.plan_retention(company, TONIGHT, 60))
    assert [path.name for path in folder.rglob("*.json")] == ["new.json"]


def test_a_report_goes_on_the_day_after_its_last(company):
    """The day is that of São Paulo: 22:00 there is the next day in Greenwich."""
    folder = company.data / "inbox" / "events" / "read"
    folder.mkdir(parents=True)
    for name, came in (
        ("evening before.json", datetime(2026, 9, 18, 22, 0, tzinfo=TIME_ZONE)),
        ("midnight.json", datetime(2026, 9, 19, 0, 0, tzinfo=TIME_ZONE)),
        ("day after.json", datetime(2026, 9, 20, 12, 0, tzinfo=TIME_ZONE)),
    ):
        (folder / name).write_text(SECRET)
        os.utime(folder / name, (came.timestamp(), came.timestamp()))
    going = retention.plan_retention(company, TONIGHT, 60).going
    assert [path.name for path in going if path.suffix == ".json"] == ["evening before.json"]
