"""Reports that come as files: what the webhook could not receive, exported from the provider's pages or kept by a proxy."""

import json
import logging
import os
from pathlib import Path

from cobranca.events.sendgrid import Unreadable, read_events
from cobranca.ledger import open_ledger
from cobranca.ledger.contacts import ContactLedger
from cobranca.ledger.events import Recorded, record_events, settle
from cobranca.privacy.turns import waits_for_erasures
from cobranca.settings import Settings

log = logging.getLogger(__name__)

SUFFIXES = (".json", ".jsonl", ".ndjson")
LARGEST_BYTES = 256 * 1024 * 1024


@waits_for_erasures
def read_event_files(settings: Settings) -> dict[str, int]:
    """Read ``inbox/events/*.json`` (a list of events, or one a line) into the ledger, then settle what is still open.

    A file that was read goes to ``inbox/events/read``, one that cannot be read to ``inbox/events/refused``; reading one
    twice changes nothing. Returns the counts ``files``, ``refused``, ``new``, ``moved``, ``stopped`` and ``settled``.

    Raises:
        LedgerError: the ledger cannot be reached.
    """
    folder = settings.data / "inbox" / "events"
    waiting = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    engine = open_ledger(settings.ledger)
    try:
        ledger = ContactLedger(engine)
        recorded, refused = Recorded(), 0
        for path in waiting:
            try:
                events, _ = read_events(_body(path))
            except (Unreadable, OSError) as error:
                refused += 1
                log.warning("%s holds no readable events: %s; it was set aside in inbox/events/refused", path.name, error)
                _set_aside(path, "refused")
                continue
            recorded += record_events(ledger, events)
            _set_aside(path, "read")
        return {"files": len(waiting), "refused": refused, **recorded.as_dict(), "settled": settle(ledger)}
    finally:
        engine.dispose()


def _body(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_BYTES:
        raise Unreadable(f"it is larger than {LARGEST_BYTES // 1024 // 1024} MiB; split it")
    body = path.read_bytes()
    if body.lstrip()[:1] == b"[":
        return body
    try:
        return json.dumps([json.loads(line) for line in body.splitlines() if line.strip()]).encode()
    except (ValueError, RecursionError):
        raise Unreadable("the body is no JSON") from None


def _set_aside(path: Path, where: str) -> None:
    folder = path.parent / where
    folder.mkdir(exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    os.replace(path, target)
