"""The stages of one night in plain Python.

The tasks of the DAGs and ``cobranca night`` call the same functions.
"""

from collections.abc import Callable
from datetime import date
from functools import partial

from cobranca.errors import ConfigError, VolumeUnusual
from cobranca.partitions import landing_totals, outbound_partition
from cobranca.partitions.erasure_lock import waits_for_erasures
from cobranca.partitions.manifest import Manifest
from cobranca.settings import Settings


def feedback(settings: Settings, business_date: date) -> str:
    """Read what agents and providers returned, then land the ledger as of before this date."""
    from cobranca.events.event_files import read_event_files
    from cobranca.events.reconcile import reconcile
    from cobranca.events.suppressions import pull_suppressions
    from cobranca.ledger.feedback import publish_feedback
    from cobranca.queues import read_outcomes

    outcomes = read_outcomes(settings, business_date)
    read_event_files(settings)
    pull_suppressions(settings, business_date)
    reconcile(settings, business_date)
    landed = publish_feedback(settings, business_date)
    contacts = landed.entry("contacts.parquet").rows
    answers = (
        f"{outcomes['recorded']} new answers from {outcomes['files']} returned files, "
        f"{outcomes['rejected']} refused"
    )
    return f"{contacts} earlier contacts; {answers}"


def land(settings: Settings, business_date: date) -> str:
    """Freeze the policy, read every source, check what arrived and publish it.

    Raises:
        ConfigError: the policy or a source's file is wrong; nothing was read.
        SourceError: a source could not be read completely; the previous landing stays.
        GateFailed: what arrived is not fit to be used; the previous landing stays.
    """
    from cobranca.landing import land
    from cobranca.policy import publish_policy
    from cobranca.quality import check_arrivals

    publish_policy(settings, business_date)
    landed = land.land_all(
        settings, business_date, f"night-{business_date}", partial(check_arrivals, settings)
    )
    rows = f"{sum(entry.rows for entry in landed.files):,} rows in {len(landed.files)} files"
    return "; ".join([rows, *landing_totals.read_by_changes(landed)])


def accept_landing(settings: Settings, business_date: date, run_key: str) -> Manifest:
    """Check the drafts of this run's sources and publish them as the date's landing."""
    from cobranca.landing import land
    from cobranca.quality import check_arrivals

    return land.accept(settings, business_date, run_key, partial(check_arrivals, settings))


def build(settings: Settings, business_date: date) -> str:
    """Build the warehouse from the landing and freeze a candidate plan."""
    from cobranca import warehouse

    return f"candidate batch {warehouse.build(settings, business_date).batch_id}"


@waits_for_erasures
def approve(settings: Settings, business_date: date) -> Manifest:
    """Judge the candidate plan; publish it when no critical check fails.

    Raises:
        GateFailed: a critical check failed; the last approved plan stays and no one is contacted.
    """
    from cobranca.quality import check_plan

    candidate = outbound_partition.read_candidate(settings, business_date)
    check_plan(settings, business_date, candidate)
    return outbound_partition.approve(settings, business_date, candidate)


def gate(settings: Settings, business_date: date) -> str:
    """Judge the candidate plan and publish it; tells how many checks warn of something."""
    from cobranca.partitions.verdict import count_warnings

    approved = f"approved batch {approve(settings, business_date).batch_id}"
    warnings = count_warnings(settings, business_date)
    page = settings.folder("quality", business_date) / "index.html"
    return f"{approved}; warnings: {warnings}, see {page}" if warnings else approved


def reminders(settings: Settings, business_date: date) -> str:
    """Write the plan into the ledger and deliver what is still to be delivered."""
    from cobranca import reminders as sending
    from cobranca.partitions.verdict import read_verdict

    sending.plan(settings, business_date)
    try:
        result = str(sending.deliver(settings, business_date))
    except VolumeUnusual as question:
        # The agents' queues and the reports do not wait for the answer.
        return str(question)
    if read_verdict(settings, business_date, "plan").degraded:
        result += "; what is held waits for payments that are new enough to know who has paid"
    return result


def queues(settings: Settings, business_date: date) -> str:
    """Write the agents' workbooks and the dialer file."""
    from cobranca.queues import write_queues

    written = write_queues(settings, business_date)
    return (
        f"{written['payers']} payers in {len(written['workbooks'])} workbooks: {written['folder']}"
    )


def reports(settings: Settings, business_date: date) -> str:
    """Write the finance pack."""
    from cobranca.reports import write_reports

    return str(write_reports(settings, business_date)["page"])


STAGES: dict[str, Callable[[Settings, date], str]] = {
    "feedback": feedback,
    "land": land,
    "build": build,
    "gate": gate,
    "reminders": reminders,
    "queues": queues,
    "reports": reports,
}


def run(
    settings: Settings,
    business_date: date,
    *,
    until: str | None = None,
    tell: Callable[[str, str], None] = lambda _stage, _result: None,
) -> None:
    """Run the stages in order, up to and including ``until``.

    ``tell(stage, result)`` is called after each.

    Raises:
        ConfigError: there is no stage of that name.
        CobrancaError: a stage failed; those after it did not run.
    """
    if until is not None and until not in STAGES:
        raise ConfigError(f"there is no stage '{until}'; use one of: {', '.join(STAGES)}.")
    for name, stage in STAGES.items():
        tell(name, stage(settings, business_date))
        if name == until:
            return


def rebuild(settings: Settings, business_date: date) -> tuple[Manifest, Manifest | None]:
    """Build a past date again from its landing, contacting no one and replacing nothing.

    Returns: The rebuilt candidate and the approved batch of that date, if there is one; equal ids
        mean equal bytes.
    """
    from cobranca import warehouse
    from cobranca.errors import PartitionError
    from cobranca.partitions.manifest import read_manifest

    candidate = warehouse.build(settings, business_date)
    try:
        return candidate, read_manifest(settings.folder("outbound", business_date))
    except PartitionError:
        return candidate, None
