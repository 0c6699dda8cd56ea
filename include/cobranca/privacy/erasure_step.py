"""One step of an erasure, and what every kind of step needs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cobranca.privacy.payer_traces import Payer

ORIGIN = "erasure"
"""Origin of the wish and of the suppressed addresses; no provider's list takes these back."""


@dataclass(frozen=True)
class ErasureStep:
    """One step: what is done, as a word for people; where; and the function that does it."""

    what: str
    place: Path
    do: Callable[[], None]


def drafts_in(*roots: Path) -> Iterator[Path]:
    """Drafts that interrupted runs left; nothing else runs during an erasure."""
    for root in roots:
        yield from sorted(root.glob(".draft-*"))


def erasure_note(payer: Payer) -> str:
    """The note in the manifest of a partition that an erasure amends."""
    return f"personal data of {payer.key} erased"


def batches_in(root: Path) -> Iterator[Path]:
    """Every batch of a night's plan that lies on disk.

    That is the approved one, those it replaced, and the candidate.
    """
    for parent in (root, root / ".candidate"):
        if parent.is_dir():
            yield from sorted(
                folder
                for folder in parent.iterdir()
                if folder.is_dir() and not folder.name.startswith(".")
            )
