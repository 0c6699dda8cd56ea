"""Write the policy of one night as tables: SQL reads exactly what was checked.

They are frozen next to the night's landing.
"""

from datetime import date
from decimal import Decimal
from functools import lru_cache

import pyarrow as pa
import pyarrow.parquet as pq

from cobranca import calendar
from cobranca.labels import REASON_CATALOGUE
from cobranca.partitions import manifest
from cobranca.policy.bands import Bands, band_rows
from cobranca.policy.extra_holidays import ExtraHoliday
from cobranca.policy.limits import Limits
from cobranca.policy.policy import Policy, load_policy
from cobranca.policy.ranking import Ranking, ranking_rows
from cobranca.policy.regua import Regua, Step, regua_name, step_offset
from cobranca.policy.types import Row
from cobranca.schema import POLICY
from cobranca.settings import Settings


def publish_policy(settings: Settings, business_date: date) -> manifest.Manifest:
    """Write every table of ``schema.POLICY`` to ``landing/<date>/policy``.

    The same files give the same batch id.

    Raises:
        ConfigError: a policy file is wrong; nothing is replaced.
    """
    policy = load_policy(settings.config, business_date)
    root = settings.folder("landing", business_date, "policy")
    draft = manifest.draft_folder(root, "policy")
    entries = []
    for name, rows in policy_tables(policy).items():
        table = pa.Table.from_pylist(rows, schema=POLICY[name])
        pq.write_table(table, draft / f"{name}.parquet", compression="zstd")
        entries.append(manifest.FileEntry.of(draft, f"{name}.parquet", table.num_rows))
    return manifest.publish(
        root,
        draft,
        kind="policy",
        business_date=business_date,
        files=entries,
        inputs={"regua": policy.version, **policy.fingerprints},
    )


def policy_tables(policy: Policy) -> dict[str, list[Row]]:
    """The rows of every table of ``schema.POLICY``.

    Lists become text joined by commas (``viciado,novo``; ``SP,RJ``), nothing becomes null. A hold
    or an override that is not in force on the business date is left out. Steps of a segment replace
    those of ``*`` for that segment.
    """
    return {
        "policy_steps": [
            *step_rows(policy.regua, policy.limits.holdout_share),
            *(
                row
                for creditor in policy.creditors
                if (own := policy.regua_of(creditor)) is not policy.regua
                for row in step_rows(own, policy.limits.holdout_share, creditor)
            ),
        ],
        "policy_limits": [
            _limits_row(None, policy.version, policy.limits),
            *(
                _limits_row(one, policy.regua_of(one).version, policy.limits_of(one))
                for one in policy.creditors
            ),
        ],
        "policy_agents": [
            {**agent.model_dump(), "states": ",".join(agent.states) or None}
            for agent in policy.agents
        ],
        "policy_negotiation": [
            {"only_creditor": creditor, **row.model_dump()}
            for creditor, rows in (
                (None, policy.negotiation),
                *((one.id, one.negotiation) for one in policy.creditors.values()),
            )
            for row in rows
        ],
        "policy_holds": [
            {**hold.model_dump(exclude={"creditor"}), "only_creditor": hold.creditor}
            for hold in policy.holds
            if hold.holds_on(policy.business_date)
        ],
        "policy_overrides": [
            {
                **override.model_dump(exclude={"last_step", "goes_on_after", "creditor"}),
                "only_creditor": override.creditor,
                "last_offset": step_offset(override.last_step),
                "goes_on_after_offset": step_offset(override.goes_on_after),
            }
            for override in policy.overrides
            if override.applies_on(policy.business_date)
        ],
        "policy_calling_hours": [
            {
                **row.model_dump(),
                "starts_at": f"{row.starts_at:%H:%M}",
                "ends_at": f"{row.ends_at:%H:%M}",
            }
            for row in policy.calling_hours
        ],
        "policy_outcome_codes": [row.model_dump() for row in policy.outcome_codes],
        "policy_legal_rates": [
            row.model_dump(exclude={"reviewed_on"}) for row in policy.legal_rates
        ],
        "policy_calendar": list(_calendar_of(policy.extra_holidays)),
        "policy_waivers": [
            row.model_dump() for row in policy.waivers if row.starts_on <= policy.business_date
        ],
        "policy_bands": band_rows(policy.bands),
        "policy_ranking": ranking_rows(policy.ranking),
        "policy_reasons": reason_rows(),
    }


def _limits_row(creditor: str | None, policy_version: str, limits: Limits) -> Row:
    values = limits.model_dump()
    return {"only_creditor": creditor, "policy_version": policy_version} | {
        name: values[name] for name in POLICY["policy_limits"].names if name in values
    }


def default_tables() -> dict[str, pa.Table]:
    """The tables that a policy frozen before they existed lacks, as that night followed them."""
    rows = {
        "policy_bands": band_rows(Bands()),
        "policy_ranking": ranking_rows(Ranking()),
        "policy_reasons": reason_rows(),
    }
    return {name: pa.Table.from_pylist(rows[name], schema=POLICY[name]) for name in rows}


def reason_rows() -> list[Row]:
    """The rows of ``policy_reasons``: what each reason waits for, and who acts; in their order."""
    return [
        {
            "reason": found.code,
            "reason_order": order,
            "ends_with": found.ends_with,
            "responsible": found.responsible or None,
        }
        for order, found in enumerate(REASON_CATALOGUE.values(), 1)
    ]


@lru_cache(maxsize=1)
def _calendar_of(days_off: tuple[ExtraHoliday, ...]) -> tuple[Row, ...]:
    """The calendar: 79 years of days.

    Kept because it is the same for every date that one process publishes while the days off stay.
    """
    return tuple(calendar.calendar_table(days_off))


def step_rows(regua: Regua, holdout_share: Decimal, creditor: str | None = None) -> list[Row]:
    """The rows of ``policy_steps`` of the group's régua, or of a creditor's own.

    A step without a hold-out share of its own has ``holdout_share``; a legal notice has none.
    """
    return [
        {
            "policy_version": regua.version,
            "segment": segment if creditor is None else regua_name(creditor, segment),
            "step": step.name,
            "step_offset": step.offset,
            "channel": step.channel,
            "template": step.template,
            "requires_approval": step.requires_approval,
            "minimum_amount": step.minimum_amount,
            "minimum_share": step.minimum_share,
            "only_classes": ",".join(step.only_classes) or None,
            "minimum_late_probability": step.minimum_late_probability,
            "maximum_serious_probability": step.maximum_serious_probability,
            "is_entry": step.entry,
            "holdout_share": _holdout_share(step, holdout_share),
            "is_legal_notice": step.legal_notice,
        }
        for segment, steps in regua.steps.items()
        for step in steps
    ]


def _holdout_share(step: Step, general: Decimal) -> Decimal:
    if step.legal_notice:
        return Decimal(0)
    return general if step.holdout_share is None else step.holdout_share
