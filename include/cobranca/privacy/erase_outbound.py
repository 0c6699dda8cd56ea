"""Steps that erase a payer from plans, and from what was written from them."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path

from cobranca.errors import CobrancaError, PartitionError
from cobranca.partitions import manifest
from cobranca.partitions.manifest import Manifest, read_manifest
from cobranca.privacy.erasure_step import ORIGIN, ErasureStep, batches_in, drafts_in, erasure_note
from cobranca.privacy.payer_traces import Payer, Traces, keys_in, message_keys
from cobranca.redaction.parquet_redaction import personal_in, rewrite, still_named
from cobranca.settings import Settings

log = logging.getLogger(__name__)


def outbound_steps(settings: Settings, payer: Payer) -> Iterator[ErasureStep]:
    """The steps for the plans of every night, their queues and their reports."""
    for night, root in settings.nights("outbound").items():
        for draft in drafts_in(root, root / ".candidate"):
            yield ErasureStep("removed", draft, partial(manifest.discard, draft))
        candidate = root / ".candidate"
        if any(_named(folder, payer) for folder in batches_in(root) if folder.parent == candidate):
            # it is not approved, and a build makes it again
            yield ErasureStep("removed", candidate, partial(manifest.discard, candidate))
        try:
            current = read_manifest(root)
        except PartitionError:
            current = None
        named = _named(current.folder, payer) if current else []
        if named:
            yield ErasureStep("rewritten", root, partial(_amend_plan, root, payer, named))
        for folder in batches_in(root):
            if folder.parent == root and not (current and folder == current.folder):
                for name in _named(folder, payer):
                    yield ErasureStep(
                        "rewritten",
                        folder / name,
                        partial(_redact, folder / name, keys_in(folder, payer)),
                    )
        if current:
            yield from _written_from(settings, night, current, payer, is_changing=bool(named))


def _named(folder: Path, payer: Payer) -> list[str]:
    """The files of a batch that still name the payer."""
    keys = keys_in(folder, payer)
    paths = sorted(folder.glob("*.parquet"))
    return [path.name for path in paths if still_named(path, "customer_key", keys, _personal(path))]


def _redact(path: Path, keys: Sequence[str], target: Path | None = None) -> None:
    rewrite(path, "customer_key", keys, _personal(path), target)


def _personal(path: Path) -> dict[str, object]:
    import pyarrow.parquet as pq

    return personal_in(pq.read_schema(path).names)


def _amend_plan(root: Path, payer: Payer, names: Sequence[str]) -> None:
    current = read_manifest(root)
    keys, draft = keys_in(current.folder, payer), manifest.draft_folder(root, ORIGIN)
    for name in names:
        _redact(current.path(name), keys, draft / name)
    manifest.amend(root, {name: draft / name for name in names}, erasure_note(payer))
    manifest.discard(draft)


def _written_from(
    settings: Settings, night: date, current: Manifest, payer: Payer, *, is_changing: bool
) -> Iterator[ErasureStep]:
    """Queues and reports that show the payer are written again from the amended plan."""
    keys = keys_in(current.folder, payer)
    queues, reports = settings.folder("queues", night), settings.folder("reports", night)
    shown = set(keys) | {
        key
        for folder in batches_in(settings.folder("outbound", night))
        for key in message_keys(folder, keys)
    }
    if any(
        key in path.read_text(encoding="utf-8-sig")
        for path in queues.rglob("*.csv")
        for key in shown
    ):
        yield ErasureStep(
            "written again", queues, partial(_again, _write_queues, settings, night, queues)
        )
    elif (queues / "manifest.json").exists():
        for draft in drafts_in(queues):
            yield ErasureStep("removed", draft, partial(manifest.discard, draft))
    if (
        reports.exists()
        and (is_changing or _folder_of_reports(reports) != current.folder.name)
        and _is_shown(current, keys)
    ):
        yield ErasureStep(
            "written again", reports, partial(_again, _write_reports, settings, night, reports)
        )


def _again(
    write: Callable[[Settings, date], object], settings: Settings, night: date, folder: Path
) -> None:
    """Write again; what can no longer be written, from a plan of an older form, is removed."""
    try:
        write(settings, night)
    except CobrancaError as error:
        log.warning("%s cannot be written again and was removed: %s", folder, error)
        manifest.discard(folder)


def _write_queues(settings: Settings, night: date) -> None:
    from cobranca.queues import write_queues

    write_queues(settings, night)


def _write_reports(settings: Settings, night: date) -> None:
    from cobranca.reports import write_reports

    write_reports(settings, night)


def _folder_of_reports(reports: Path) -> str | None:
    from cobranca.reports.write_reports import MANIFEST

    try:
        written = json.loads((reports / MANIFEST).read_text(encoding="utf-8"))
        return str(written["batch_folder"]) if "batch_folder" in written else None
    except (OSError, ValueError):
        return None


def _is_shown(current: Manifest, keys: Sequence[str]) -> bool:
    """Whether the reports name the payer, among the largest debtors."""
    from cobranca.reports.figures import creditors_of, read_pack

    try:
        return any(
            row["customer_key"] in keys
            for creditor in (None, *creditors_of(current))
            for row in read_pack(current, creditor).tables["debtors"]
        )
    except CobrancaError:
        return True


def letter_steps(settings: Settings, traces: Traces) -> Iterator[ErasureStep]:
    """The steps for the letters that lie in the outbox."""
    for night, root in settings.nights("outbox").items():
        letters = sorted(path for path in root.iterdir() if path.stem in traces.message_keys)
        for path in letters:
            yield ErasureStep("removed", path, partial(path.unlink, missing_ok=True))
        index = root / "index.html"
        if letters or (
            index.exists()
            and any(key in index.read_text(encoding="utf-8") for key in traces.message_keys)
        ):
            yield ErasureStep("written again", index, partial(_index, root, night))


def _index(root: Path, night: date) -> None:
    from cobranca.reminders.channels.outbox import Outbox

    Outbox(root, night).close()
