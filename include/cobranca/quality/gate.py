"""The two gates of a night: on what the sources sent, and on the plan made of it.

Each judges files, stores its verdict under ``quality/<date>``, draws the page anew and only then
raises.
"""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca.partitions.landing_totals import QUARANTINE_SUFFIX
from cobranca.partitions.manifest import Manifest, batch_id_of
from cobranca.partitions.verdict import ARRIVALS, PLAN, Verdict, write_verdict
from cobranca.policy import load_policy
from cobranca.quality.arrival_checks import (
    check_columns,
    check_completeness,
    check_landed_whole,
    read_arrivals,
)
from cobranca.quality.batch_checks import (
    check_date,
    check_declared_rows,
    check_inputs,
    landed_bands,
    landed_files,
    landed_payments,
    row_counts,
)
from cobranca.quality.policy_targets import check_targets
from cobranca.settings import Settings

if TYPE_CHECKING:
    from cobranca.partitions.landing_partition import LandingDraft


def check_arrivals(settings: Settings, draft: "LandingDraft") -> Verdict:
    """Judge everything that the sources sent for one date, before it is published.

    Raises:
        GateFailed: a critical check failed; the verdict and the page are written first.
        ConfigError: the policy's limits cannot be read.
    """
    from cobranca.quality.facts import arrivals_facts
    from cobranca.quality.runner import open_files, run
    from cobranca.quality.suites.arrivals_suite import arrivals_suite

    limits = load_policy(settings.config, draft.business_date).limits.arrivals
    arrivals = read_arrivals(draft)
    views = {
        arrival.view: [draft.folder / arrival.source / f"{arrival.entity}.parquet"]
        for arrival in arrivals
    } | {
        arrival.quarantine_view: [
            draft.folder / arrival.source / f"{arrival.entity}{QUARANTINE_SUFFIX}.parquet"
        ]
        for arrival in arrivals
        if arrival.quarantine_view
    }
    with open_files(views) as files:
        suite = arrivals_suite(
            arrivals,
            draft.business_date,
            limits.minimum_share_of_previous,
            limits.maximum_quarantine_share,
            limits.maximum_years_ahead,
        )
        facts = arrivals_facts(files, arrivals, draft.previous)
        checks = [
            *check_completeness(draft, arrivals),
            *check_columns(draft),
            *check_landed_whole(facts["control"]),
            *run(files, suite),
        ]
    verdict = Verdict.of(
        draft.business_date, batch_id_of(list(draft.entries)), ARRIVALS, checks, facts
    )
    return _conclude(settings, verdict)


def check_plan(settings: Settings, business_date: date, candidate: Manifest) -> Verdict:
    """Judge the candidate plan of one date: decisions, messages, call queue and their facts.

    Raises:
        GateFailed: a critical check failed; the verdict and the page are written first.
        ConfigError: the policy's limits cannot be read.
    """
    from cobranca.quality.facts import plan_facts
    from cobranca.quality.runner import open_files, run
    from cobranca.quality.suites.plan_suite import TABLES, plan_suite

    policy = load_policy(settings.config, business_date)
    views = {Path(entry.name).stem: [candidate.folder / entry.name] for entry in candidate.files}
    payments = landed_payments(settings, business_date)
    landed = landed_files(settings, business_date)
    with open_files(views | payments | landed) as files:
        numbers = {table: row_counts(files, table) for table in TABLES}
        checks = [
            check_date(business_date, candidate),
            check_inputs(settings, business_date, candidate),
            check_declared_rows(files, candidate),
            check_targets(files),
            *run(
                files,
                plan_suite(
                    business_date,
                    policy,
                    landed_bands(landed),
                    numbers,
                    sorted(payments),
                ),
            ),
        ]
        facts = plan_facts(files, candidate.inputs.get("sources"))
    return _conclude(settings, Verdict.of(business_date, candidate.batch_id, PLAN, checks, facts))


def _conclude(settings: Settings, verdict: Verdict) -> Verdict:
    from cobranca.quality.quality_page import write_page

    write_verdict(settings, verdict)
    verdict.require(write_page(settings, verdict.business_date))
    return verdict
