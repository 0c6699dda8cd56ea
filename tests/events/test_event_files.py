"""Reports that come as files."""

import json

from cobranca.events.event_files import read_event_files
from cobranca.ledger import open_ledger
from events.reports import KEY, contact, put, sg_event, states
from ledger.clients import LedgerClients

# the first second of the calendar, before it, milliseconds, its last second, the first of the years
# that are no times of ours
IMPOSSIBLE = (
    -62135596800,
    -(10**12),
    -1,
    0,
    946684799,
    1763467200000,
    253402300799,
    4102444800,
    "soon",
    None,
    [],
    1e300,
)


def test_a_report_of_an_impossible_time_stops_no_other(settings):
    ledger = LedgerClients(open_ledger(settings.ledger))
    put(ledger, contact(1))
    good = sg_event("spamreport")
    reports = [good, *({**good, "timestamp": seconds} for seconds in IMPOSSIBLE)]
    folder = settings.data / "inbox" / "events"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps(reports))
    assert read_event_files(settings) == {
        "files": 1,
        "refused": 0,
        "new": 1,
        "moved": 1,
        "stopped": 1,
        "settled": 0,
    }
    assert [path.name for path in folder.rglob("*.json")] == ["a.json"] and not (
        folder / "a.json"
    ).exists()
    assert states(ledger) == {KEY: "complained"}
    ledger.engine.dispose()


def test_files_are_read_once_and_bad_ones_set_aside(settings):
    engine = open_ledger(settings.ledger)
    ledger = LedgerClients(engine)
    put(ledger, contact(1), contact(2))
    inbox = settings.data / "inbox" / "events"
    inbox.mkdir(parents=True)
    (inbox / "a.json").write_text(json.dumps([sg_event("delivered")]), encoding="utf-8")
    (inbox / "b.jsonl").write_text(
        "\n".join(json.dumps(sg_event("bounce", key=f"M{2:024x}")) for _ in range(2)),
        encoding="utf-8",
    )
    (inbox / "c.json").write_text("{half a fi", encoding="utf-8")
    (inbox / "notes.txt").write_text("not for us", encoding="utf-8")
    counts = read_event_files(settings)
    assert counts == {"files": 3, "refused": 1, "new": 2, "moved": 2, "stopped": 0, "settled": 0}
    assert states(ledger) == {KEY: "delivered", f"M{2:024x}": "bounced"}
    (inbox / "a.json").write_text(json.dumps([sg_event("delivered")]), encoding="utf-8")
    assert read_event_files(settings)["new"] == 0
    kept = sorted(path.relative_to(inbox).as_posix() for path in inbox.rglob("*") if path.is_file())
    assert kept == ["notes.txt", "read/a.2.json", "read/a.json", "read/b.jsonl", "refused/c.json"]
    engine.dispose()
