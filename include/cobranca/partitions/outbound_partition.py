"""The outbound partition: a night's plan, frozen.

Consumers read the approved batch of a date and nothing else.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from cobranca.errors import PartitionError
from cobranca.partitions.erasure_lock import waits_for_erasures
from cobranca.partitions.manifest import Manifest, draft_folder, hard_link, publish, read_manifest
from cobranca.settings import Settings

VERDICT = "verdict.json"


def candidate_root(settings: Settings, business_date: date) -> Path:
    """Where the build leaves a batch that is not approved yet."""
    return settings.folder("outbound", business_date) / ".candidate"


def read_candidate(settings: Settings, business_date: date) -> Manifest:
    """The batch that waits for the gate.

    Raises:
        PartitionError: there is none, or a file of it was changed.
    """
    return read_manifest(candidate_root(settings, business_date), verify=True)


def approved_batches(settings: Settings) -> Iterator[Manifest]:
    """The approved batch of every night that is kept, the oldest first."""
    for root in settings.nights("outbound").values():
        try:
            yield read_manifest(root)
        except PartitionError:
            # A night whose plan was never approved left nothing but its candidate.
            continue


@waits_for_erasures
def approve(settings: Settings, business_date: date, candidate: Manifest) -> Manifest:
    """Publish a candidate as the approved batch of its date.

    The gate calls this once its verdict is written.
    """
    root = settings.folder("outbound", business_date)
    draft = draft_folder(root, candidate.batch_id)
    for entry in candidate.files:
        target = draft / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        hard_link(candidate.path(entry.name), target)
    return publish(
        root,
        draft,
        kind="outbound",
        business_date=business_date,
        files=list(candidate.files),
        inputs=candidate.inputs,
    )


def read_batch(settings: Settings, business_date: date) -> Manifest:
    """The approved batch of a date, with a passed verdict on that very batch.

    Raises:
        PartitionError: no batch was approved, a file was changed, or the verdict belongs to another
            batch.
    """
    from cobranca.partitions.verdict import read_verdict

    manifest = read_manifest(settings.folder("outbound", business_date), verify=True)
    verdict = read_verdict(settings, business_date, "plan")
    if verdict.batch_id != manifest.batch_id or not verdict.passed:
        raise PartitionError(
            f"the plan of {business_date} (batch {manifest.batch_id}) has no passed verdict;"
            " read its quality page and build it again."
        )
    return manifest
