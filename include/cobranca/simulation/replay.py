"""Replay landed nights under two réguas, each with a ledger of its own.

Both ledgers start as the real one stood.

What is taken as fact, for both: receivables, payments, customers, holds, overrides, limits and
calendar of each landed night, and the ledger as it stood before the first one. What is simulated:
every contact decided from then on, taken as delivered (a call, as answered), with the receivables
that a message lists, and every hold-out.
What agents recorded and customers promised after the first night is left out of both, since it came
from contacts that one of the réguas might not have made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from cobranca.errors import ConfigError, PartitionError
from cobranca.partitions.manifest import read_manifest
from cobranca.policy.regua import regua_name
from cobranca.policy.types import NO_REGUA
from cobranca.policy.types import Row as PolicyRow
from cobranca.schema import FEEDBACK, RAW
from cobranca.settings import Settings
from cobranca.simulation.decision_path import DecisionPath
from cobranca.warehouse.build import LANDED, raw_files
from cobranca.warehouse.engines import from_parquet

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CURRENT, PROPOSED = "current", "proposed"
ARMS = (CURRENT, PROPOSED)
# Tables in which the arms differ, and those that stay as they were on the first night.
_REMEMBERED = ("contacts", "contact_items", "holdouts")
_OWN = ("policy_steps", *_REMEMBERED)
_AS_AT_START = tuple(FEEDBACK)
_CREATE_CONTACTED = """
    create or replace table main.contacted (
        arm text, business_date date, customer_key text, receivable_key text, decision text,
        step text, step_offset integer, channel text, currency text, open_amount decimal(18, 2)
    )
"""
# Of the régua that the proposal would replace; a creditor without its own follows the group's.
_RECORD_VERSION = """
    insert into main.versions
    select policy_version from raw.policy_limits
    where only_creditor is null or only_creditor = $creditor
    order by only_creditor is null limit 1
"""
_RECORD_CONTACTED = """
    insert into main.contacted
    select $arm, $night, customer_key, receivable_key, decision, step, step_offset, channel,
        currency, open_amount
    from intermediate.int_receivables__decided
    where decision in ('remind', 'call', 'escalate') or reason = 'holdout'
"""
_RECORD_CONTACTS = """
    insert into main.{arm}_contacts by name
    select message_key, $night as business_date, customer_key, creditor, episode_key, step,
        step_offset, channel, template, policy_version, 'delivered' as state
    from intermediate.int_receivables__decided
    where decision in ('remind', 'call') and receivable_key = episode_key
"""
# A call names no receivable, as in the real ledger.
_RECORD_ITEMS = """
    insert into main.{arm}_contact_items by name
    select message_key, receivable_key, currency, open_amount, amount_due
    from intermediate.int_receivables__decided
    where decision = 'remind'
"""
_RECORD_HOLDOUTS = """
    insert into main.{arm}_holdouts by name
    select $night as business_date, customer_key, creditor, episode_key, step, step_offset,
        channel, policy_version
    from intermediate.int_receivables__decided
    where reason = 'holdout' and receivable_key = episode_key
"""


@dataclass(frozen=True)
class Proposal:
    """The rows of ``policy_steps`` that are proposed, and whose régua they replace.

    That is the régua of ``creditor``, or without one the group's; those of the other ``creditors``
    stay.
    """

    steps: Sequence[PolicyRow]
    creditor: str | None
    creditors: Sequence[str]

    def leaves(self) -> str:
        """Which rows of a night's ``policy_steps`` stay, as SQL."""
        if self.creditor is not None:
            return f"not starts_with(segment, '{regua_name(self.creditor, '')}')"
        own = [f"starts_with(segment, '{regua_name(one, '')}')" for one in self.creditors]
        return " or ".join(own) or "false"


def landed_nights(
    settings: Settings, first: date, last: date
) -> list[tuple[date, dict[str, list[Path]]]]:
    """The nights between two dates that landed completely, with the files of each ``raw`` table."""
    nights = []
    for night in (first + timedelta(days=days) for days in range((last - first).days + 1)):
        try:
            landed = [
                read_manifest(settings.folder("landing", night, part), verify=True)
                for part in LANDED
            ]
        except PartitionError:
            continue
        nights.append((night, raw_files(landed, settings.data / ".dbt")))
    return nights


def replay_nights(
    connection: "DuckDBPyConnection",
    path: DecisionPath,
    nights: Sequence[tuple[date, Mapping[str, Sequence[Path]]]],
    proposed: "Proposal",
) -> None:
    """Decide every night under both réguas.

    The contacts of both end up in ``main.contacted``, one row for each receivable.

    Raises:
        ConfigError: an override in force names a régua that the proposal does not have.
    """
    path.create_schemas(connection)
    same, own = path.split(_OWN)
    _start(connection, nights[0][1], proposed)
    for night, files in nights:
        _load(connection, files, proposed)
        _check_overrides(connection, night)
        connection.execute(_RECORD_VERSION, {"creditor": proposed.creditor})
        # Both arms read the same base, built once.
        path.run(connection, night, same)
        for arm in ARMS:
            for table in _OWN:
                connection.execute(
                    f"create or replace view raw.{table} as select * from main.{arm}_{table}"
                )
            path.run(connection, night, own)
            connection.execute(_RECORD_CONTACTED, {"arm": arm, "night": night})
            connection.execute(_RECORD_CONTACTS.format(arm=arm), {"night": night})
            connection.execute(_RECORD_ITEMS.format(arm=arm))
            connection.execute(_RECORD_HOLDOUTS.format(arm=arm), {"night": night})


def _start(
    connection: "DuckDBPyConnection",
    files: Mapping[str, Sequence[Path]],
    proposed: "Proposal",
) -> None:
    connection.execute(_CREATE_CONTACTED)
    connection.execute("create or replace table main.versions (policy_version text)")
    for table in _AS_AT_START:
        connection.execute(
            f"create or replace table main.start_{table} as {from_parquet(table, files[table])}"
        )
        connection.execute(
            f"create or replace view raw.{table} as select * from main.start_{table}"
        )
    for arm in ARMS:
        for table in _REMEMBERED:
            connection.execute(
                f"create or replace table main.{arm}_{table} as select * from main.start_{table}"
            )
    rows = pa.Table.from_pylist(list(proposed.steps), schema=RAW["policy_steps"])
    connection.register("proposed_rows", rows)
    connection.execute("create or replace table main.proposal as select * from proposed_rows")
    connection.unregister("proposed_rows")


def _load(
    connection: "DuckDBPyConnection", files: Mapping[str, Sequence[Path]], proposed: "Proposal"
) -> None:
    for table, paths in files.items():
        if table == "policy_steps":
            connection.execute(
                f"create or replace table main.{CURRENT}_policy_steps as "
                f"{from_parquet(table, paths)}"
            )
            connection.execute(
                f"""
                create or replace table main.{PROPOSED}_policy_steps as
                select * from main.proposal
                union all
                select * from main.{CURRENT}_policy_steps where {proposed.leaves()}
                """
            )
        elif table not in _AS_AT_START:
            connection.execute(
                f"create or replace view raw.{table} as {from_parquet(table, paths)}"
            )


def _check_overrides(connection: "DuckDBPyConnection", night: date) -> None:
    unknown = connection.execute(
        f"select distinct regua from raw.policy_overrides where regua <> '{NO_REGUA}'"
        f" and regua not in (select segment from main.{PROPOSED}_policy_steps) order by regua"
    ).fetchall()
    if unknown:
        names = ", ".join(f"'{name}'" for (name,) in unknown)
        raise ConfigError(
            f"overrides.csv of {night} sends customers to régua {names}, which the proposed file "
            "does not have; "
            "add it to the proposed version."
        )
