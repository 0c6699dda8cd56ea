"""Verdicts: what the gate decided about one batch, in ``quality/<date>/<subject>.json``.

The file outlives the run.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

from cobranca.errors import GateFailed, PartitionError
from cobranca.partitions.manifest import write_atomically
from cobranca.settings import Settings

ARRIVALS, PLAN = "arrivals", "plan"
CRITICAL, WARNING = "critical", "warning"
# Checks whose failure degrades the night: queues and reports are made, reminders are held.
DEGRADING = ("payments_fresh",)
NAMED_IN_ERROR = 5


@dataclass(frozen=True)
class Check:
    """One check and what it saw.

    ``title``, ``observed`` and ``expected`` are pt-BR text for people, without sample values.
    ``broken`` means that the check itself could not run: it says nothing about the data and counts
    as failed.
    """

    name: str
    subject: str
    severity: str
    passed: bool
    observed: str
    expected: str
    broken: bool = False
    title: str = ""

    def __str__(self) -> str:
        said = "the check could not run: " if self.broken else "observed "
        return f"{self.name} on {self.subject}: {said}{self.observed}; expected {self.expected}"


@dataclass(frozen=True)
class Verdict:
    """The gate's decision about one batch.

    ``passed`` is true when no critical check failed. ``facts`` are the counts and totals that the
    quality page shows.
    """

    business_date: date
    batch_id: str
    subject: str
    passed: bool
    checks: tuple[Check, ...]
    facts: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        business_date: date,
        batch_id: str,
        subject: str,
        checks: list[Check],
        facts: Mapping[str, object],
    ) -> "Verdict":
        """Judge: a failed or broken critical check refuses the batch, as does no check at all."""
        passed = bool(checks) and all(
            check.passed for check in checks if check.severity == CRITICAL
        )
        return cls(business_date, batch_id, subject, passed, tuple(checks), facts)

    @property
    def degraded(self) -> bool:
        """Whether reminders should be held although the batch passed.

        That is the case when payments are too old to know who has paid.
        """
        return bool(self.stale_sources)

    @property
    def stale_sources(self) -> frozenset[str]:
        """The sources whose payments are too old; their checks are about ``<source>.payments``."""
        return frozenset(
            check.subject.partition(".")[0]
            for check in self.checks
            if check.name in DEGRADING and not check.passed
        )

    def failures(self, severity: str = CRITICAL) -> list[Check]:
        return [check for check in self.checks if check.severity == severity and not check.passed]

    def to_json(self) -> str:
        body = asdict(self) | {
            "business_date": self.business_date.isoformat(),
            "degraded": self.degraded,
        }
        return json.dumps(body, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Verdict":
        body = json.loads(text)
        return cls(
            business_date=date.fromisoformat(body["business_date"]),
            batch_id=body["batch_id"],
            subject=body["subject"],
            passed=body["passed"],
            checks=tuple(Check(**check) for check in body["checks"]),
            facts=body["facts"],
        )

    def require(self, page: Path) -> None:
        """Let an approved batch through.

        Raises:
            GateFailed: a critical check failed; the message names up to five of them and the page
                with all.
        """
        if self.passed:
            return
        failed = self.failures()
        shown = [f"  - {check}" for check in failed[:NAMED_IN_ERROR]]
        if len(failed) > NAMED_IN_ERROR:
            shown.append(f"  - and {len(failed) - NAMED_IN_ERROR} more")
        raise GateFailed(
            f"{self.subject} of {self.business_date} (batch {self.batch_id}) refused, "
            f"{len(failed)} critical checks failed:\n"
            + "\n".join(shown)
            + "\nNobody is contacted and the last good outputs stay. Every check is explained in "
            f"{page}; correct the source or the limit, then run that date again."
        )


def verdict_path(settings: Settings, business_date: date, subject: str) -> Path:
    return settings.folder("quality", business_date) / f"{subject}.json"


def write_verdict(settings: Settings, verdict: Verdict) -> Path:
    path = verdict_path(settings, verdict.business_date, verdict.subject)
    write_atomically(path, verdict.to_json())
    return path


def read_verdict(settings: Settings, business_date: date, subject: str) -> Verdict:
    """Read a stored verdict; ``subject`` is ``"arrivals"`` or ``"plan"``.

    Raises:
        PartitionError: there is none, or the file does not hold one of that date and subject.
    """
    path = verdict_path(settings, business_date, subject)
    try:
        verdict = Verdict.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PartitionError(
            f"{path} does not exist: the gate has not judged the {subject} of {business_date}. Run "
            "that date's checks."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise PartitionError(
            f"{path} is not a verdict; delete it and run that date's checks again."
        ) from None
    if (verdict.business_date, verdict.subject) != (business_date, subject):
        raise PartitionError(
            f"{path} judges the {verdict.subject} of {verdict.business_date}; run that date's "
            "checks again."
        )
    return verdict


def count_warnings(settings: Settings, business_date: date) -> int:
    """How many checks warn of something in the verdicts that the date has."""
    count = 0
    for subject in (ARRIVALS, PLAN):
        with suppress(PartitionError):
            count += len(read_verdict(settings, business_date, subject).failures(WARNING))
    return count


def require_approval(settings: Settings, business_date: date, batch_id: str) -> Verdict:
    """The plan's verdict for exactly this batch, when it passed.

    Raises:
        PartitionError: there is no verdict, or it judges another batch.
        GateFailed: the batch was refused.
    """
    verdict = read_verdict(settings, business_date, PLAN)
    if verdict.batch_id != batch_id:
        raise PartitionError(
            f"the plan's verdict of {business_date} judges batch {verdict.batch_id}, not "
            f"{batch_id}; check the plan again."
        )
    verdict.require(settings.folder("quality", business_date) / "index.html")
    return verdict


def make_check(
    name: str, subject: str, title: str, passed: bool, observed: str, expected: str
) -> Check:
    """A critical check: the batch is refused where it fails."""
    return Check(name, subject, CRITICAL, passed, observed, expected, title=title)


def make_warning(
    name: str, subject: str, title: str, passed: bool, observed: str, expected: str
) -> Check:
    """A check whose failure is shown and refuses nothing."""
    return Check(name, subject, WARNING, passed, observed, expected, title=title)
