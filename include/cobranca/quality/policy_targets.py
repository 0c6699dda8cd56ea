"""Lines of the manager's files whose customer or receivable did not land.

A hold with a mistyped id protects nobody, and a waiver gives nothing up, so a person must be told.
"""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, TypedDict

from cobranca.partitions.landing_partition import previous_landing
from cobranca.partitions.verdict import Check, make_warning
from cobranca.policy import Policy
from cobranca.policy.publish import policy_tables
from cobranca.schema import POLICY
from cobranca.settings import Settings

if TYPE_CHECKING:
    import duckdb

    from cobranca.quality.runner import Files

LISTED = ("policy_holds", "policy_overrides", "policy_waivers")
NEEDED = {*LISTED, "landed_customers", "landed_receivables"}
SCOPES = {"customer": "cliente", "receivable": "título"}
MOST_SHOWN = 10


class UnknownTarget(TypedDict):
    """A line's file, its scope (``customer`` or ``receivable``), source and id."""

    file: str
    scope: str
    source: str
    target_id: str


def check_targets(files: "Files") -> Check:
    """Warn of the lines that meet nobody; the night goes on.

    Without the landing there is nothing to compare with, which other checks tell.
    """
    found = _unknown_targets(files.connection) if files.tables >= NEEDED else []
    shown = [
        f"{row['file']}: {SCOPES[row['scope']]} {row['target_id']} de {row['source']}"
        for row in found[:MOST_SHOWN]
    ]
    more = [f"e mais {len(found) - MOST_SHOWN}"] if len(found) > MOST_SHOWN else []
    return make_warning(
        "policy_targets_known",
        "batch",
        "Cada linha de holds.csv, overrides.csv e waivers.csv encontra o seu cliente ou título",
        not found,
        "; ".join([*shown, *more]) or "todas encontram",
        "nenhuma linha sem cliente ou título",
    )


def unknown_targets_of(settings: Settings, policy: Policy) -> Iterator[str]:
    """The same for the files as they are now and the newest landing, in words for a terminal."""
    import pyarrow as pa

    from cobranca.quality.runner import open_files

    landing = previous_landing(settings, date.max)
    if landing is None:
        return
    views = {
        f"landed_{entity}": [
            landing.path(entry.name)
            for entry in landing.files
            if entry.name.endswith(f"/{entity}.parquet")
        ]
        for entity in ("customers", "receivables")
    }
    with open_files(views) as files:
        if files.tables < views.keys():  # retention took them
            return
        listed = policy_tables(policy)
        for name in LISTED:
            table = pa.Table.from_pylist(list(listed[name]), schema=POLICY[name])
            files.connection.register(name, table)
        found = _unknown_targets(files.connection)
    for row in found:
        yield (
            f"{row['file']}: {row['scope']} {row['target_id']} of {row['source']} is not in the "
            f"landing of {landing.business_date}; correct the line or remove it"
        )


def _unknown_targets(connection: "duckdb.DuckDBPyConnection") -> list[UnknownTarget]:
    """The lines in force that meet nothing that landed; an id that could be a CPF is hidden."""
    from cobranca.quality.facts import shown_key

    rows = connection.execute("""
        with targets as (
            select 'holds.csv' as file, scope, source, target_id from policy_holds
            union all
            select 'overrides.csv', scope, source, target_id from policy_overrides
            union all
            select 'waivers.csv', 'receivable', source, receivable_id from policy_waivers
        ),
        known as (
            select 'customer' as scope, source, customer_id as target_id from landed_customers
            union all
            select 'receivable', source, receivable_id from landed_receivables
        )
        select distinct file, scope, source, target_id
        from targets anti join known using (scope, source, target_id)
        order by all
    """).fetchall()
    return [
        UnknownTarget(file=file, scope=scope, source=source, target_id=shown_key(target_id))
        for file, scope, source, target_id in rows
    ]
