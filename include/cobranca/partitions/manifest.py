"""Partitions: immutable folders of files for one business date, replaced whole or not at all.

A partition is a folder ``<root>`` that holds ``manifest.json`` and one batch folder named by its
content. Writers fill a draft next to it; publishing renames the draft to its batch id and then
swaps the manifest in one ``os.replace``, so that a reader sees the old batch or the new one, never
a mixture. The same content always has the same batch id.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from cobranca.errors import PartitionError

MANIFEST = "manifest.json"
# Kinds of partition whose earlier batches stay on disk, for audit.
KEPT = ("outbound",)


@dataclass(frozen=True)
class FileEntry:
    """One file of a partition.

    ``name`` is relative to the batch folder; ``totals`` holds exact control totals as text, for
    example ``{"amount BRL": "1234.50"}``.
    """

    name: str
    rows: int
    bytes: int
    sha256: str
    totals: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, folder: Path, name: str, rows: int, totals: Mapping[str, str] | None = None
    ) -> "FileEntry":
        """The entry of a file that is written: its size and digest are taken from the disk."""
        path = folder / name
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        return cls(
            name=name,
            rows=rows,
            bytes=path.stat().st_size,
            sha256=digest,
            totals=dict(totals or {}),
        )


@dataclass(frozen=True)
class Manifest:
    """What a published partition holds. ``inputs`` names the batches and versions it was made from.

    ``amended`` says why files were changed after they were published, once for each time; see
    :func:`amend`.
    """

    kind: str
    business_date: date
    batch_id: str
    files: tuple[FileEntry, ...]
    inputs: Mapping[str, str]
    folder: Path
    amended: tuple[str, ...] = ()

    def path(self, name: str) -> Path:
        """Absolute path of one file.

        Raises:
            PartitionError: the partition has no such file.
        """
        self.entry(name)
        return self.folder / name

    def entry(self, name: str) -> FileEntry:
        """One file by its name.

        Raises:
            PartitionError: the partition has no such file.
        """
        for entry in self.files:
            if entry.name == name:
                return entry
        raise PartitionError(
            f"{self.folder} has no file '{name}'; it holds: "
            f"{', '.join(e.name for e in self.files)}."
        )


def draft_folder(root: Path, run_key: str) -> Path:
    """The folder in which one run writes before it publishes; a retry finds it again."""
    folder = root / f".draft-{hashlib.sha256(run_key.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def discard(folder: Path) -> None:
    """Remove a folder, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def batch_id_of(files: list[FileEntry] | tuple[FileEntry, ...]) -> str:
    """Content address: the same names and bytes give the same id."""
    digest = hashlib.sha256()
    for entry in sorted(files, key=lambda e: e.name):
        digest.update(f"{entry.name}\0{entry.sha256}\n".encode())
    return digest.hexdigest()[:16]


def publish(
    root: Path,
    draft: Path,
    *,
    kind: str,
    business_date: date,
    files: list[FileEntry],
    inputs: Mapping[str, str] | None = None,
) -> Manifest:
    """Turn a draft into the partition's one current batch, atomically.

    Files of the draft that ``files`` does not name are removed first. Earlier batches are removed
    after the swap, except those of the kinds that are :data:`KEPT` for audit.

    Raises:
        PartitionError: a named file is not in the draft; what was published before stays.
    """
    files = sorted(files, key=lambda entry: entry.name)
    named = {entry.name for entry in files}
    for name in sorted(named):
        if not (draft / name).is_file():
            raise PartitionError(
                f"{draft / name} is missing from the draft; nothing was published. Run the step "
                "again."
            )
    for path in [p for p in draft.rglob("*") if p.is_file()]:
        if path.relative_to(draft).as_posix() not in named:
            path.unlink()
    batch_id = batch_id_of(files)
    target = root / batch_id
    if target.exists() and _holds(target, files):
        discard(draft)
    else:
        discard(target)
        os.replace(draft, target)
    body = {
        "kind": kind,
        "business_date": business_date.isoformat(),
        "batch_id": batch_id,
        "inputs": dict(sorted((inputs or {}).items())),
        "files": [asdict(entry) for entry in files],
    }
    write_atomically(root / MANIFEST, json.dumps(body, indent=2, ensure_ascii=False) + "\n")
    if kind not in KEPT:
        for other in root.iterdir():
            if other.is_dir() and other != target and not other.name.startswith(".draft-"):
                discard(other)
    return _manifest(body, root)


def amend(root: Path, changed: Mapping[str, Path], note: str) -> Manifest:
    """Replace some of the current batch's files, rows and totals unchanged, atomically.

    For what must not be kept (LGPD), not for corrections. The batch keeps its id, by which verdicts
    and the ledger name it; the manifest seals the new bytes and says ``note``. What was there
    before is removed. ``changed`` maps names to files on the same disk, which are moved; after a
    crash the batch is the old one or the new one, and a repetition leaves nothing behind.

    Raises:
        PartitionError: there is no batch, or it has no file of such a name.
    """
    current = read_manifest(root)
    target = root / f"{current.batch_id}.{len(current.amended) + 1}"
    discard(target)
    for entry in current.files:
        place = target / entry.name
        place.parent.mkdir(parents=True, exist_ok=True)
        if entry.name not in changed:
            hard_link(current.path(entry.name), place)
    for name, path in changed.items():
        current.entry(name)
        os.replace(path, target / name)
    files = [FileEntry.of(target, entry.name, entry.rows, entry.totals) for entry in current.files]
    body = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
    body |= {
        "folder": target.name,
        "amended": [*current.amended, note],
        "files": [asdict(entry) for entry in files],
    }
    write_atomically(root / MANIFEST, json.dumps(body, indent=2, ensure_ascii=False) + "\n")
    discard(current.folder)
    return _manifest(body, root)


def hard_link(path: Path, place: Path) -> None:
    """Have a file under one more name, without copying it where the disk can do that."""
    try:
        os.link(path, place)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(path, place)


def read_manifest(root: Path, *, verify: bool = False) -> Manifest:
    """Read the current batch of a partition.

    Raises:
        PartitionError: there is none, it cannot be read, or (with ``verify``) a file is missing or
            changed.
    """
    path = root / MANIFEST
    if not path.exists():
        raise PartitionError(
            f"{path} does not exist: that partition was never published. Run the step that writes "
            "it."
        )
    try:
        manifest = _manifest(json.loads(path.read_text(encoding="utf-8")), root)
    except (ValueError, KeyError, TypeError):
        raise PartitionError(
            f"{path} cannot be read: it was changed by hand or damaged; make that date again."
        ) from None
    if verify:
        for entry in manifest.files:
            if not _holds(manifest.folder, [entry]):
                raise PartitionError(
                    f"{manifest.folder / entry.name} is missing or was changed after it was "
                    "written; make that date again."
                )
    return manifest


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader finds the old content or the new one, never half of it.

    It is written next to the target, flushed to disk, and renamed over it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with unfinished.open("wb") as handle:
        handle.write(content.encode("utf-8") if isinstance(content, str) else content)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(unfinished, path)


def _holds(folder: Path, files: Iterable[FileEntry]) -> bool:
    return all(
        (folder / entry.name).exists()
        and FileEntry.of(folder, entry.name, entry.rows).sha256 == entry.sha256
        for entry in files
    )


def _manifest(body: Mapping[str, Any], root: Path) -> Manifest:
    """The manifest of its JSON form, whose fields have the types of :class:`Manifest`."""
    return Manifest(
        kind=body["kind"],
        business_date=date.fromisoformat(body["business_date"]),
        batch_id=body["batch_id"],
        files=tuple(FileEntry(**entry) for entry in body["files"]),
        inputs=body["inputs"],
        folder=root / body.get("folder", body["batch_id"]),
        amended=tuple(body.get("amended", ())),
    )
