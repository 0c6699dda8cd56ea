"""Compare a proposed régua with the one in force: contacts, customers and amounts.

They are counted by step and channel, and by payer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from cobranca.errors import ConfigError
from cobranca.settings import Settings
from cobranca.simulation.replay import (
    CURRENT,
    PROPOSED,
    Proposal,
    landed_nights,
    replay_nights,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from cobranca.policy.regua import Regua

Figure = TypeVar("Figure", int, Decimal)

_PAIR = (
    f"sum(case when arm = '{CURRENT}' then {{0}} else 0 end), sum(case when arm = "
    f"'{PROPOSED}' then {{0}} else 0 end)"
)
# One row a contact and currency: a payer is contacted at most once a night.
_CONTACTS = """
    select arm, business_date, customer_key, step, step_offset, channel, decision, currency,
        sum(open_amount) as open_amount
    from main.contacted
    where decision in ('remind', 'call')
    group by all
"""


@dataclass(frozen=True)
class Pair(Generic[Figure]):
    """One figure under the régua in force and under the proposed one."""

    current: Figure
    proposed: Figure

    @property
    def difference(self) -> Figure:
        """How much the proposal adds; below zero what it takes away."""
        return self.proposed - self.current


@dataclass(frozen=True)
class StepLine:
    """One step and channel.

    ``amounts`` are, per currency, what was open and asked for at each contact.
    """

    step: str
    channel: str
    contacts: Pair[int]
    customers: Pair[int]
    amounts: dict[str, Pair[Decimal]]


@dataclass(frozen=True)
class CustomerLine:
    """One payer whose contacts differ.

    ``amount`` is the most that was open at one contact, in ``currency``.
    """

    customer_key: str
    contacts: Pair[int]
    first_current: date | None
    first_proposed: date | None
    currency: str
    amount: Decimal

    @property
    def change(self) -> str:
        """The kind of change, a key of the report's labels."""
        if not self.contacts.current:
            return "gains"
        if not self.contacts.proposed:
            return "loses"
        return (
            "moves"
            if not self.contacts.difference
            else "more"
            if self.contacts.difference > 0
            else "fewer"
        )


@dataclass(frozen=True)
class Comparison:
    """The result of a simulation; see :mod:`cobranca.simulation.replay` for what is assumed."""

    nights: tuple[date, ...]
    missing: tuple[date, ...]
    versions: tuple[str, ...]
    proposed_version: str
    messages: Pair[int]
    calls: Pair[int]
    customers: Pair[int]
    escalated: Pair[int]
    held_out: Pair[int]
    amounts: dict[str, Pair[Decimal]]
    steps: tuple[StepLine, ...]
    changed: tuple[CustomerLine, ...]

    def of(self, change: str) -> list[CustomerLine]:
        """The payers with one kind of change, the largest amounts first."""
        return [line for line in self.changed if line.change == change]


def simulate(
    settings: Settings, regua: Path, first: date, last: date, creditor: str | None = None
) -> Comparison:
    """Decide every landed night from ``first`` to ``last`` under two réguas.

    One is the régua in force then, the other the newest version of a proposed file, whatever the
    date from which it is to hold: for one creditor, or for all who follow the group's. Nothing is
    written but a working folder of dbt's. No warehouse,
    ledger or outbound partition is touched, and no one is contacted.

    Raises:
        ConfigError: the proposed file is wrong, the dates are reversed, no night between them has
            landed, or there is no such creditor.
        BuildFailed: the dbt project does not compile.
    """
    import duckdb

    from cobranca.policy import load_policy
    from cobranca.policy.publish import step_rows
    from cobranca.policy.regua import load_versions
    from cobranca.simulation.decision_path import DecisionPath
    from cobranca.warehouse.engines import memory_limit

    if last < first:
        raise ConfigError(
            f"the simulation would end on {last}, before it starts on {first}; swap --from and "
            "--to."
        )
    proposed = load_versions(regua)[-1]
    nights = landed_nights(settings, first, last)
    if not nights:
        raise ConfigError(
            f"no night between {first} and {last} has landed completely; choose dates that stand "
            f"under {settings.data}/landing."
        )
    policy = load_policy(settings.config, nights[-1][0])
    if creditor is not None and creditor not in policy.creditors:
        raise ConfigError(
            f"there is no creditor '{creditor[:30]}'; use one of: {', '.join(policy.creditors)}."
        )
    steps = step_rows(proposed, policy.limits.holdout_share, creditor)
    path = DecisionPath.compile(settings.data / ".dbt" / "simulation")
    with duckdb.connect(config={"memory_limit": memory_limit()}) as connection:
        connection.execute("set enable_progress_bar = false")
        replay_nights(connection, path, nights, Proposal(steps, creditor, tuple(policy.creditors)))
        return _compared(connection, [night for night, _ in nights], first, last, proposed)


def _compared(
    connection: "DuckDBPyConnection",
    nights: Sequence[date],
    first: date,
    last: date,
    proposed: "Regua",
) -> Comparison:
    connection.execute(f"create or replace temp table contacts as {_CONTACTS}")
    every = (first + timedelta(days=days) for days in range((last - first).days + 1))
    versions = connection.execute(
        "select distinct policy_version from main.versions order by 1"
    ).fetchall()
    return Comparison(
        nights=tuple(nights),
        missing=tuple(day for day in every if day not in nights),
        versions=tuple(version for (version,) in versions),
        proposed_version=proposed.version,
        messages=_pair(connection, "contacts", "decision = 'remind'"),
        calls=_pair(connection, "contacts", "decision = 'call'"),
        customers=_pair(connection, "contacts", "true", "customer_key"),
        escalated=_pair(connection, "main.contacted", "decision = 'escalate'", "customer_key"),
        held_out=_pair(connection, "main.contacted", "decision = 'none'"),
        amounts=_amounts(connection),
        steps=tuple(_steps(connection)),
        changed=tuple(_changed(connection)),
    )


def _pair(
    connection: "DuckDBPyConnection",
    table: str,
    condition: str,
    each: str = "(business_date, customer_key)",
) -> Pair[int]:
    query = f"select arm, count(distinct {each}) from {table} where {condition} group by arm"
    found = dict(connection.execute(query).fetchall())
    return Pair(found.get(CURRENT, 0), found.get(PROPOSED, 0))


def _amounts(connection: "DuckDBPyConnection") -> dict[str, Pair[Decimal]]:
    """Per currency, the open amount of the receivables that a contact was about.

    Each receivable counts once, with its amount at the first contact.
    """
    query = f"""
        select currency, {_PAIR.format("open_amount")}
        from (
            select distinct on (arm, receivable_key) arm, receivable_key, currency, open_amount
            from main.contacted where decision in ('remind', 'call')
            order by arm, receivable_key, business_date
        )
        group by currency order by currency
    """
    return {
        currency: Pair(current, proposed)
        for currency, current, proposed in connection.execute(query).fetchall()
    }


def _steps(connection: "DuckDBPyConnection") -> list[StepLine]:
    amounts: dict[tuple[str, str], dict[str, Pair[Decimal]]] = {}
    query = (
        f"select step, channel, currency, {_PAIR.format('open_amount')} from contacts group "
        "by all order by all"
    )
    for step, channel, currency, current, proposed in connection.execute(query).fetchall():
        amounts.setdefault((step, channel), {})[currency] = Pair(current, proposed)
    counted = connection.execute(
        f"""
        select step, channel,
            count(distinct (business_date, customer_key)) filter (arm = '{CURRENT}'),
            count(distinct (business_date, customer_key)) filter (arm = '{PROPOSED}'),
            count(distinct customer_key) filter (arm = '{CURRENT}'),
            count(distinct customer_key) filter (arm = '{PROPOSED}')
        from contacts group by step, channel, step_offset order by step_offset, channel
        """
    ).fetchall()
    return [
        StepLine(step, channel, Pair(*figures[:2]), Pair(*figures[2:]), amounts[step, channel])
        for step, channel, *figures in counted
    ]


def _changed(connection: "DuckDBPyConnection") -> list[CustomerLine]:
    """Payers with other contacts under the proposal.

    Reais come before other currencies, the largest amount first.
    """
    rows = connection.execute(
        f"""
        with contacts_of as (
            select customer_key,
                count(distinct business_date) filter (arm = '{CURRENT}') as current,
                count(distinct business_date) filter (arm = '{PROPOSED}') as proposed,
                min(business_date) filter (arm = '{CURRENT}') as first_current,
                min(business_date) filter (arm = '{PROPOSED}') as first_proposed
            from contacts group by customer_key
        ),
        in_current as (
            select customer_key, business_date, step, channel from contacts
            where arm = '{CURRENT}'
        ),
        in_proposed as (
            select customer_key, business_date, step, channel from contacts
            where arm = '{PROPOSED}'
        ),
        differing as (
            (select * from in_current except select * from in_proposed)
            union all
            (select * from in_proposed except select * from in_current)
        ),
        largest as (
            select distinct on (customer_key) customer_key, currency, open_amount
            from contacts order by customer_key, (currency <> 'BRL'), open_amount desc, currency
        )
        select customer_key, current, proposed, first_current, first_proposed, currency, open_amount
        from contacts_of join largest using (customer_key)
        where customer_key in (select customer_key from differing)
        order by (currency <> 'BRL'), open_amount desc, customer_key
        """
    ).fetchall()
    return [
        CustomerLine(key, Pair(current, proposed), *rest) for key, current, proposed, *rest in rows
    ]
