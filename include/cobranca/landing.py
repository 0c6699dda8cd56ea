"""Landing: every entity of every source as Parquet for one business date, complete or not at all.

``land_source`` reads one source in one snapshot into a draft, ``accept`` has the drafts checked and publishes them
as the partition ``landing/<date>/sources``. Until the very end the previous landing of that date stays as it is.
Rows are sorted by their key, so that the same content always gives the same bytes, whatever order a database
returned it in: shorter keys first, then by their bytes, which for numbers is their own order. A source that returns
them in that order already, each once, is written straight through; anything else is sorted on disk.
"""

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca import manifest
from cobranca.errors import PartitionError, SourceError
from cobranca.manifest import FileEntry, Manifest
from cobranca.privacy.turns import waits_for_erasures
from cobranca.settings import Settings
from cobranca.sources.now import Standing, paid_now, standing_now

if TYPE_CHECKING:
    from cobranca.sources.clean import Bounds

__all__ = [
    "LandingDraft", "Standing", "accept", "land_all", "land_source", "paid_now", "previous_landing", "read_landing", "sources",
    "standing_now",
]  # fmt: skip

KIND = "sources"
ABANDONED_SECONDS = 2 * 86_400
_SUMMARY = "landed.json"
_ACCEPTED = "accepted.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LandingDraft:
    """What was read and is not yet published: the files, their control totals, and the landing before it.

    ``previous`` is the newest landing of an earlier business date, to notice an extract that came half empty.
    """

    business_date: date
    folder: Path
    entries: list[FileEntry]
    previous: Manifest | None


def sources(settings: Settings) -> list[str]:
    """Names of all configured sources.

    Raises:
        ConfigError: there is none, or one file is invalid.
    """
    from cobranca.sources.mapping import load_mappings

    return list(load_mappings(settings))


@waits_for_erasures
def land_source(settings: Settings, business_date: date, source: str, run_key: str) -> None:
    """Read all entities of one source, from one read-only snapshot, into this run's draft.

    A retry reads afresh and replaces what the first try left. Rows that cannot be read go to
    ``<source>/<entity>__quarantine.parquet``; everything else that is wrong stops here, with nothing landed.

    Raises:
        ConfigError: the source's file or connection is wrong.
        SourceError: the source cannot be reached or read completely, a column that came last time is gone or has another
            type, or its own totals differ from what came.
        LedgerError: the ledger, which knows whose data were erased, cannot be opened.
    """
    from cobranca.sources import turns

    with turns.reading(_root(settings, business_date), run_key, source):
        _read_source(settings, business_date, source, run_key)


def _read_source(settings: Settings, business_date: date, source: str, run_key: str) -> None:
    from cobranca.privacy.erasures import read_erasures
    from cobranca.privacy.redact import redact_landed
    from cobranca.sources import drift
    from cobranca.sources.engine import open_snapshot
    from cobranca.sources.incremental import read
    from cobranca.sources.mapping import ENTITY_NAMES, get_mapping
    from cobranca.sources.settle import settle

    mapping = get_mapping(settings, source)
    bounds = plausible(settings, business_date)
    draft = manifest.draft_folder(_root(settings, business_date), run_key)
    partial, target = draft / f".reading-{source}", draft / source
    manifest.discard(partial)
    manifest.discard(target)
    partial.mkdir()
    try:
        with open_snapshot(mapping) as snapshot:
            previous = previous_landing(settings, business_date)
            mapping, shapes = drift.compared(snapshot, mapping, previous)
            extracts = {
                entity: read(snapshot, mapping, entity, partial, business_date, previous, bounds) for entity in ENTITY_NAMES
            }
        settled = redact_landed(partial, source, settle(source, extracts, partial), read_erasures(settings))
        entries = drift.noted(settled, shapes)
        body = json.dumps([asdict(entry) for entry in entries], indent=2, ensure_ascii=False)
        manifest.write_atomically(partial / _SUMMARY, body + "\n")
        os.replace(partial, target)
    except BaseException:
        manifest.discard(partial)
        raise


@waits_for_erasures
def accept(
    settings: Settings, business_date: date, run_key: str, check: Callable[[LandingDraft], object] = lambda draft: None
) -> Manifest:
    """Have this run's draft checked, then publish it as the date's landing.

    ``check`` receives the draft and raises to refuse it; then nothing is published and the earlier landing of that
    date stays. A retry after success returns what it published.

    Raises:
        SourceError: a configured source was not read in this run.
        CobrancaError: whatever ``check`` raises.
    """
    from cobranca.sources import turns

    with turns.publishing(_root(settings, business_date), run_key):
        return _publish(settings, business_date, run_key, check)


def _publish(settings: Settings, business_date: date, run_key: str, check: Callable[[LandingDraft], object]) -> Manifest:
    root = _root(settings, business_date)
    draft = manifest.draft_folder(root, run_key)
    already = _accepted(root, draft)
    if already is not None:
        return already
    entries: list[FileEntry] = []
    for source in sources(settings):
        summary = draft / source / _SUMMARY
        if not summary.exists():
            raise SourceError(
                f"source '{source}' was not read in this run for {business_date}; run its landing step first, then accept again."
            )
        entries += [FileEntry(**entry) for entry in json.loads(summary.read_text(encoding="utf-8"))]
    check(LandingDraft(business_date, draft, entries, previous_landing(settings, business_date)))
    # Written first: a crash right after the swap must not make the retry fail for want of a draft.
    marker = {"draft": draft.name, "batch_id": manifest.batch_id_of(entries)}
    manifest.write_atomically(root / _ACCEPTED, json.dumps(marker))
    published = manifest.publish(root, draft, kind=KIND, business_date=business_date, files=entries)
    _remove_abandoned(root)
    log.info("landing %s published as batch %s: %d files", business_date, published.batch_id, len(entries))
    return published


def land_all(
    settings: Settings, business_date: date, run_key: str, check: Callable[[LandingDraft], object] = lambda draft: None
) -> Manifest:
    """Land every source, one after the other, and publish: what the DAG does with one task per source."""
    for source in sources(settings):
        land_source(settings, business_date, source, run_key)
    return accept(settings, business_date, run_key, check)


def read_landing(settings: Settings, business_date: date, *, verify: bool = False) -> Manifest:
    """The published landing of one date.

    Raises:
        PartitionError: there is none, or (with ``verify``) a file was changed.
    """
    return manifest.read_manifest(_root(settings, business_date), verify=verify)


def previous_landing(settings: Settings, business_date: date) -> Manifest | None:
    """The newest landing of an earlier business date."""
    for folder in sorted((settings.data / "landing").glob("????-??-??"), reverse=True):
        if folder.name >= business_date.isoformat():
            continue
        try:
            return manifest.read_manifest(folder / KIND)
        except PartitionError:
            continue
    return None


def read_by_changes(landed: Manifest) -> list[str]:
    """Which entities were not read whole, in words: how many rows were read, and how many had left the source."""
    from cobranca.sources.incremental import CHANGED, LEFT

    found = {entry.name.removesuffix(".parquet").replace("/", " "): entry.totals for entry in landed.files}
    return [
        f"{name} by changes: {totals[CHANGED]} read, {totals[LEFT]} gone" for name, totals in found.items() if CHANGED in totals
    ]


def plausible(settings: Settings, business_date: date) -> "Bounds":
    """What the policy in force holds to be no mistake of a source.

    Raises:
        ConfigError: the policy is invalid.
    """
    from cobranca.policy import load_policy
    from cobranca.sources.clean import Bounds

    limits = load_policy(settings.config, business_date).limits.arrivals
    return Bounds(limits.latest_due(business_date), limits.largest_amount)


def _root(settings: Settings, business_date: date) -> Path:
    return settings.folder("landing", business_date, KIND)


def _accepted(root: Path, draft: Path) -> Manifest | None:
    """What this very run published before, when its draft is gone and its batch is still the current one."""
    if any(draft.iterdir()) or not (root / _ACCEPTED).exists():
        return None
    marker = json.loads((root / _ACCEPTED).read_text(encoding="utf-8"))
    try:
        current = manifest.read_manifest(root)
    except PartitionError:
        return None
    if marker != {"draft": draft.name, "batch_id": current.batch_id}:
        return None
    draft.rmdir()
    return current


def _remove_abandoned(root: Path) -> None:
    """Drafts of runs that died hold people's data; after two days nobody will come back for them."""
    for draft in root.glob(".draft-*"):
        if time.time() - draft.stat().st_mtime > ABANDONED_SECONDS:
            manifest.discard(draft)
