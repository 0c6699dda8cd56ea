"""Read the landing of a date, published or still a draft."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cobranca.errors import PartitionError
from cobranca.partitions import manifest
from cobranca.partitions.manifest import FileEntry, Manifest
from cobranca.settings import Settings

KIND = "sources"


@dataclass(frozen=True)
class LandingDraft:
    """What was read and is not yet published: the files and their control totals.

    ``previous`` is the newest landing of an earlier business date, to notice an extract that came
    half empty.
    """

    business_date: date
    folder: Path
    entries: list[FileEntry]
    previous: Manifest | None


def read_landing(settings: Settings, business_date: date, *, verify: bool = False) -> Manifest:
    """The published landing of one date.

    Raises:
        PartitionError: there is none, or (with ``verify``) a file was changed.
    """
    return manifest.read_manifest(landing_root(settings, business_date), verify=verify)


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


def landing_root(settings: Settings, business_date: date) -> Path:
    """The partition of a date's landing."""
    return settings.folder("landing", business_date, KIND)
