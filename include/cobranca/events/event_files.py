"""Import reports that come as files.

They are what the webhook could not receive: exported from the provider's pages, or kept by a proxy.
"""

import json
import logging
import os
from pathlib import Path

from cobranca.events.sendgrid_events import UnreadableReport, read_events
from cobranca.ledger import open_ledger
from cobranca.ledger.provider_events import EventCounts, apply_stored_events, record_events
from cobranca.partitions.erasure_lock import waits_for_erasures
from cobranca.settings import Settings

log = logging.getLogger(__name__)

SUFFIXES = (".json", ".jsonl", ".ndjson")
LARGEST_BYTES = 256 * 1024 * 1024


@waits_for_erasures
def read_event_files(settings: Settings) -> dict[str, int]:
    """Read ``inbox/events/*.json`` into the ledger, then settle what is still open.

    A file holds a list of events, or one event a line. A file that was read goes to
    ``inbox/events/read``, one that cannot be read to ``inbox/events/refused``. Reading one twice
    changes nothing.

    Returns:
        Counts: ``files``, ``refused``, ``new``, ``moved``, ``stopped`` and ``settled``.

    Raises:
        LedgerError: the ledger cannot be reached.
    """
    folder = settings.data / "inbox" / "events"
    waiting = sorted(
        path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    engine = open_ledger(settings.ledger)
    try:
        recorded, refused = EventCounts(), 0
        for path in waiting:
            try:
                events, _ = read_events(_body(path))
            except (UnreadableReport, OSError) as error:
                refused += 1
                log.warning(
                    "%s holds no readable events: %s; it was set aside in inbox/events/refused",
                    path.name,
                    error,
                )
                _set_aside(path, "refused")
                continue
            recorded += record_events(engine, events)
            _set_aside(path, "read")
        return {
            "files": len(waiting),
            "refused": refused,
            **recorded.as_dict(),
            "settled": apply_stored_events(engine),
        }
    finally:
        engine.dispose()


def _body(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_BYTES:
        raise UnreadableReport(f"it is larger than {LARGEST_BYTES // 1024 // 1024} MiB; split it")
    body = path.read_bytes()
    if body.lstrip()[:1] == b"[":
        return body
    try:
        return json.dumps([json.loads(line) for line in body.splitlines() if line.strip()]).encode()
    except (ValueError, RecursionError):
        raise UnreadableReport("the body is no JSON") from None


def _set_aside(path: Path, where: str) -> None:
    folder = path.parent / where
    folder.mkdir(exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    os.replace(path, target)
