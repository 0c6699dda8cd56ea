"""Steps that erase a payer from landed files."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from cobranca.errors import PartitionError
from cobranca.partitions import manifest
from cobranca.partitions.manifest import Manifest, read_manifest
from cobranca.privacy.erasure_step import ORIGIN, ErasureStep, drafts_in, erasure_note
from cobranca.privacy.payer_traces import Payer
from cobranca.redaction.parquet_redaction import (
    CUSTOMER,
    CUSTOMERS,
    PERSONAL,
    RECEIVABLES,
    marked_customers,
    rewrite,
    still_named,
)
from cobranca.settings import Settings


def landed_sources(settings: Settings) -> Iterator[tuple[Manifest, str]]:
    """Every landing that is kept, with each of its sources."""
    for root in settings.nights("landing").values():
        try:
            landed = read_manifest(root / "sources")
        except PartitionError:
            continue
        for entry in landed.files:
            source, _, name = entry.name.rpartition("/")
            if name == CUSTOMERS:
                yield landed, source


def landing_steps(settings: Settings, payer: Payer) -> Iterator[ErasureStep]:
    """The steps for every landing that is kept."""
    for root in settings.nights("landing").values():
        for draft in (*drafts_in(root / "sources"), *_replaced(root / "sources")):
            yield ErasureStep("removed", draft, partial(manifest.discard, draft))
    by_root: dict[Path, list[str]] = {}
    for landed, source in landed_sources(settings):
        folder = landed.folder / source
        marked = marked_customers(folder / CUSTOMERS, source, payer.erasures)
        named = still_named(folder / CUSTOMERS, "customer_id", list(marked), CUSTOMER, marked)
        if named or still_named(folder / RECEIVABLES, "customer_id", list(marked), PERSONAL):
            by_root.setdefault(landed.folder.parent, []).append(source)
    for root, sources in by_root.items():
        yield ErasureStep("rewritten", root, partial(_amend_landing, root, payer, sources))


def _replaced(root: Path) -> list[Path]:
    """Batches that an interrupted publication or erasure left next to the current one."""
    try:
        current = read_manifest(root).folder
    except PartitionError:
        return []
    return sorted(
        folder
        for folder in root.iterdir()
        if folder.is_dir() and folder != current and not folder.name.startswith(".")
    )


def _amend_landing(root: Path, payer: Payer, sources: Sequence[str]) -> None:
    current, draft = read_manifest(root), manifest.draft_folder(root, ORIGIN)
    changed: dict[str, Path] = {}
    for source in sources:
        customers, receivables = f"{source}/{CUSTOMERS}", f"{source}/{RECEIVABLES}"
        marked = marked_customers(current.path(customers), source, payer.erasures)
        rewrite(
            current.path(customers),
            "customer_id",
            list(marked),
            CUSTOMER,
            draft / customers,
            marks=marked,
        )
        rewrite(
            current.path(receivables), "customer_id", list(marked), PERSONAL, draft / receivables
        )
        changed |= {name: draft / name for name in (customers, receivables)}
    manifest.amend(root, changed, erasure_note(payer))
    manifest.discard(draft)
