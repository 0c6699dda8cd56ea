"""Landing: every entity of every source as Parquet for one business date, complete or not at all.

``land_source`` reads one source in one snapshot into a draft, ``accept`` has the drafts checked and
publishes them as the partition ``landing/<date>/sources``. Until the very end the previous landing
of that date stays as it is. Rows are sorted by their key, so that the same content always gives the
same bytes, whatever order a database returned it in: shorter keys first, then by their bytes, which
for numbers is their own order. A source that returns them in that order already, each once, is
written straight through; anything else is sorted on disk.
"""

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

from cobranca.errors import PartitionError, SourceError
from cobranca.landing.landing_context import LandingContext
from cobranca.partitions import manifest
from cobranca.partitions.erasure_lock import waits_for_erasures
from cobranca.partitions.landing_partition import KIND, LandingDraft, landing_root, previous_landing
from cobranca.partitions.manifest import FileEntry, Manifest
from cobranca.settings import Settings

ABANDONED_SECONDS = 2 * 86_400
_SUMMARY = "landed.json"
_ACCEPTED = "accepted.json"

log = logging.getLogger(__name__)


def sources(settings: Settings) -> list[str]:
    """Names of all configured sources.

    Raises:
        ConfigError: there is none, or one file is invalid.
    """
    from cobranca.sources.mapping.load import load_mappings

    return list(load_mappings(settings))


@waits_for_erasures
def land_source(settings: Settings, business_date: date, source: str, run_key: str) -> None:
    """Read all entities of one source, from one read-only snapshot, into this run's draft.

    A retry reads afresh and replaces what the first try left. Rows that cannot be read go to
    ``<source>/<entity>__quarantine.parquet``; everything else that is wrong stops here, with
    nothing landed.

    Raises:
        ConfigError: the source's file or connection is wrong.
        SourceError: the source cannot be reached or read completely, a column that came last time
            is gone or has another type, or its own totals differ from what came.
        LedgerError: the ledger, which knows whose data were erased, cannot be opened.
    """
    from cobranca.landing import run_lock

    root = landing_root(settings, business_date)
    with run_lock.reading(root, run_key, source):
        context = LandingContext.resolve(settings, business_date, source)
        _read_source(context, manifest.draft_folder(root, run_key))


def _read_source(context: LandingContext, draft: Path) -> None:
    from cobranca.landing.finalize import finalize_source
    from cobranca.landing.incremental import read_entity
    from cobranca.redaction.parquet_redaction import redact_landed
    from cobranca.sources import schema_drift
    from cobranca.sources.mapping.model import ENTITY_NAMES
    from cobranca.sources.open_snapshot import open_snapshot

    source = context.mapping.source
    partial, target = draft / f".reading-{source}", draft / source
    manifest.discard(partial)
    manifest.discard(target)
    partial.mkdir()
    try:
        with open_snapshot(context.mapping) as snapshot:
            mapping, shapes = schema_drift.check_drift(snapshot, context.mapping, context.previous)
            checked = replace(context, mapping=mapping)
            extracts = {
                entity: read_entity(snapshot, checked, entity, partial) for entity in ENTITY_NAMES
            }
        entries = finalize_source(source, extracts, partial)
        entries = redact_landed(partial, source, entries, context.erasures)
        entries = schema_drift.annotate(entries, shapes)
        body = json.dumps([asdict(entry) for entry in entries], indent=2, ensure_ascii=False)
        manifest.write_atomically(partial / _SUMMARY, body + "\n")
        os.replace(partial, target)
    except BaseException:
        manifest.discard(partial)
        raise


@waits_for_erasures
def accept(
    settings: Settings,
    business_date: date,
    run_key: str,
    check: Callable[[LandingDraft], object] = lambda _draft: None,
) -> Manifest:
    """Have this run's draft checked, then publish it as the date's landing.

    ``check`` receives the draft and raises to refuse it; then nothing is published and the earlier
    landing of that date stays. A retry after success returns what it published.

    Raises:
        SourceError: a configured source was not read in this run.
        CobrancaError: whatever ``check`` raises.
    """
    from cobranca.landing import run_lock

    with run_lock.publishing(landing_root(settings, business_date), run_key):
        return _publish(settings, business_date, run_key, check)


def _publish(
    settings: Settings, business_date: date, run_key: str, check: Callable[[LandingDraft], object]
) -> Manifest:
    root = landing_root(settings, business_date)
    draft = manifest.draft_folder(root, run_key)
    already = _accepted(root, draft)
    if already is not None:
        return already
    entries: list[FileEntry] = []
    for source in sources(settings):
        summary = draft / source / _SUMMARY
        if not summary.exists():
            raise SourceError(
                f"source '{source}' was not read in this run for {business_date}; run its landing "
                "step first, then accept again."
            )
        entries += [FileEntry(**entry) for entry in json.loads(summary.read_text(encoding="utf-8"))]
    check(LandingDraft(business_date, draft, entries, previous_landing(settings, business_date)))
    # Written first: a crash right after the swap must not make the retry fail for want of a draft.
    marker = {"draft": draft.name, "batch_id": manifest.batch_id_of(entries)}
    manifest.write_atomically(root / _ACCEPTED, json.dumps(marker))
    published = manifest.publish(root, draft, kind=KIND, business_date=business_date, files=entries)
    _remove_abandoned(root)
    log.info(
        "landing %s published as batch %s: %d files",
        business_date,
        published.batch_id,
        len(entries),
    )
    return published


def land_all(
    settings: Settings,
    business_date: date,
    run_key: str,
    check: Callable[[LandingDraft], object] = lambda _draft: None,
) -> Manifest:
    """Land every source, one after the other, and publish.

    The DAG does the same with one task per source.
    """
    for source in sources(settings):
        land_source(settings, business_date, source, run_key)
    return accept(settings, business_date, run_key, check)


def _accepted(root: Path, draft: Path) -> Manifest | None:
    """What this very run published before, when its batch is still the current one."""
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
    """Remove drafts of runs that died: they hold people's data, and no retry needs them."""
    for draft in root.glob(".draft-*"):
        if time.time() - draft.stat().st_mtime > ABANDONED_SECONDS:
            manifest.discard(draft)
