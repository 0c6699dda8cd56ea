"""Read what was decided about one payer, and what was done.

The decisions come from the approved batches, the outcomes of messages and calls from the ledger.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, TypeVar, cast

from cobranca.errors import ConfigError, PartitionError
from cobranca.explain.night_rows import (
    ActiveHold,
    ContactLimits,
    Decision,
    NextStep,
    OpenCase,
    OpenReceivable,
    PastAgreement,
    PastContact,
    PastPromise,
    PayerKey,
    PayerRanking,
)
from cobranca.labels import contact_state
from cobranca.partitions.manifest import Manifest, read_manifest
from cobranca.partitions.outbound_partition import approved_batches
from cobranca.schema import PRINCIPAL
from cobranca.settings import Settings

if TYPE_CHECKING:
    import duckdb

Shape = TypeVar("Shape")
OfCreditor = TypeVar(
    "OfCreditor", Decision, PastContact, PastPromise, PastAgreement, NextStep, OpenCase
)

ACTED = ("remind", "call")


@dataclass(frozen=True)
class Night:
    """What one approved batch says of one payer."""

    business_date: date
    batch_id: str
    customer_key: str
    decisions: tuple[Decision, ...]
    receivables: dict[str, OpenReceivable]
    ranking: PayerRanking | None
    payers: int
    contacts: tuple[PastContact, ...]
    # receivables about which another payer was contacted, and when last
    asked_of_others: dict[str, date]
    promises: tuple[PastPromise, ...]
    agreements: tuple[PastAgreement, ...]
    holds: tuple[ActiveHold, ...]
    next_steps: tuple[NextStep, ...]
    cases: tuple[OpenCase, ...]
    limits: ContactLimits | None

    @property
    def creditors(self) -> tuple[str, ...]:
        """To whom the payer owes, by the ids of their files."""
        return tuple(sorted({creditor_of(row) for row in self.decisions}))

    def of_creditor(self, creditor: str) -> "Night":
        """What the night says of the payer's account with one creditor."""

        def own(rows: tuple[OfCreditor, ...]) -> tuple[OfCreditor, ...]:
            return tuple(row for row in rows if creditor_of(row) == creditor)

        return replace(
            self,
            decisions=own(self.decisions),
            contacts=own(self.contacts),
            promises=own(self.promises),
            agreements=own(self.agreements),
            holds=tuple(row for row in self.holds if row.get("only_creditor") in (None, creditor)),
            next_steps=own(self.next_steps),
            cases=own(self.cases),
        )

    @property
    def next_step(self) -> NextStep | None:
        """The next step if nothing changes."""
        return next(iter(self.next_steps), None)

    @property
    def main(self) -> Decision | None:
        """The decision about the receivable that carries the cadence, else the first one."""
        carrying = [row for row in self.decisions if row["receivable_key"] == row["episode_key"]]
        return next(iter([*carrying, *self.decisions]), None)


Outcomes = dict[tuple[str, str], str]
"""What became of messages and calls, by message key and creditor."""


def creditor_of(
    row: Decision | PastContact | PastPromise | PastAgreement | NextStep | OpenCase,
) -> str:
    """The creditor of a row; a batch of before there were several names none."""
    return row.get("creditor") or PRINCIPAL


def nights_of(settings: Settings, customer: str) -> list[Night]:
    """What every approved batch that is kept says of one payer, the oldest first.

    Raises:
        ConfigError: the key was known on no night.
        PartitionError: no plan was ever approved.
    """
    batches = list(approved_batches(settings))
    if not batches:
        raise PartitionError(f"no plan was ever approved under {settings.data}; run a night first.")
    nights = [
        night for batch in batches if (night := read_tables(settings, batch, customer)) is not None
    ]
    if not nights:
        raise unknown_payer(customer, f"on any of the {len(batches)} nights")
    return nights


def creditor_name(settings: Settings, creditor: str, night: Night) -> str:
    """A creditor by the name that customers know, as far as its file can be read."""
    from cobranca.policy import load_policy

    with suppress(ConfigError):
        known = load_policy(settings.config, night.business_date).creditors.get(creditor)
        if known is not None:
            return f"{known.trade_name} ({creditor})"
    return creditor


def by_creditor(nights: Sequence[Night]) -> list[tuple[str | None, Sequence[Night]]]:
    """The nights of each creditor to whom the payer has owed; without a name where it is one."""
    creditors = sorted({creditor for night in nights for creditor in night.creditors})
    if len(creditors) < 2:
        return [(None, nights)]
    return [(one, [night.of_creditor(one) for night in nights]) for one in creditors]


def unknown_payer(customer: str, when: str) -> ConfigError:
    """The error for a text that means no payer."""
    return ConfigError(
        f"'{customer}' was not known {when}; give a customer key (C…), or a customer or an open "
        "receivable as source:id."
    )


def read_tables(settings: Settings, batch: Manifest, customer: str) -> Night | None:
    """What one batch says of the payer; ``None`` if it does not know the payer."""
    import duckdb

    with duckdb.connect() as connection:
        tables = _Tables(connection, batch)
        key = _customer_key(tables, customer)
        if key is None:
            return None
        ranking = tables.of_payer(PayerRanking, "dim_payer_ranking", key)
        receivables = tables.of_payer(OpenReceivable, "fct_receivables", key, "receivable_key")
        policy = _policy(settings, batch)
        limits = _Tables(connection, policy).rows(ContactLimits, "policy_limits") if policy else ()
        return Night(
            business_date=batch.business_date,
            batch_id=batch.batch_id,
            customer_key=key,
            decisions=tables.of_payer(
                Decision, "fct_decisions", key, "days_past_due desc, receivable_key"
            ),
            receivables={row["receivable_key"]: row for row in receivables},
            ranking=ranking[0] if ranking else None,
            payers=batch.entry("dim_payer_ranking.parquet").rows,
            contacts=tables.of_payer(
                PastContact, "fct_contacts", key, "contacted_on desc, contact_key"
            ),
            asked_of_others={
                row["episode_key"]: row["contacted_on"]
                for row in tables.rows(
                    PastContact,
                    "fct_contacts",
                    "customer_key <> ? and episode_key in (select unnest(?)) and is_done",
                    [key, [row["receivable_key"] for row in receivables]],
                    "contacted_on",
                )
            },
            promises=tables.of_payer(PastPromise, "fct_promises", key, "made_on desc, promise_id"),
            agreements=tables.of_payer(
                PastAgreement, "fct_agreements", key, "agreed_on desc, agreement_id"
            ),
            holds=tables.of_payer(ActiveHold, "fct_holds", key, "scope, target_id, starts_on"),
            next_steps=tables.of_payer(NextStep, "fct_next_steps", key),
            cases=tables.of_payer(OpenCase, "out_escalations", key, "currency, reason"),
            limits=limits[0] if limits else None,
        )


@dataclass(frozen=True)
class _Tables:
    """The tables of one published partition, read row by row in the shape that is asked for."""

    connection: "duckdb.DuckDBPyConnection"
    partition: Manifest

    def of_payer(
        self, shape: type[Shape], table: str, key: str, order: str = "customer_key"
    ) -> tuple[Shape, ...]:
        return self.rows(shape, table, "customer_key = ?", [key], order)

    def rows(
        self,
        shape: type[Shape],
        table: str,
        condition: str = "true",
        parameters: Sequence[object] = (),
        order: str = "all",
    ) -> tuple[Shape, ...]:
        """Rows of a table; one that older batches do not have holds nothing."""
        if f"{table}.parquet" not in {entry.name for entry in self.partition.files}:
            return ()
        cursor = self.connection.execute(
            f"select * from read_parquet(?) where {condition} order by {order}",
            [str(self.partition.path(f"{table}.parquet")), *parameters],
        )
        names = [column[0] for column in cursor.description or ()]
        found = tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())
        # DuckDB does not type its rows; the contracts of the published models do.
        return cast("tuple[Shape, ...]", found)


def _policy(settings: Settings, batch: Manifest) -> Manifest | None:
    """The policy that the batch was made from, as long as it is kept."""
    try:
        policy = read_manifest(settings.folder("landing", batch.business_date, "policy"))
    except PartitionError:
        return None
    return policy if policy.batch_id == batch.inputs.get("policy") else None


def _customer_key(tables: _Tables, customer: str) -> str | None:
    """The payer that the text means.

    Raises:
        ConfigError: it is the id of a customer and of another payer's receivable.
    """
    if tables.of_payer(PayerKey, "dim_payer_ranking", customer):
        return customer
    rows = (
        *tables.rows(PayerKey, "dim_payer_aliases", "source || ':' || customer_id = ?", [customer]),
        *tables.rows(PayerKey, "fct_decisions", "receivable_key = ?", [customer]),
    )
    found = {row["customer_key"] for row in rows}
    if len(found) > 1:
        raise ConfigError(
            f"'{customer}' is both a customer and a receivable of another one in the plan of "
            f"{tables.partition.business_date};"
            f" give one of their keys: {', '.join(sorted(found))}."
        )
    return next(iter(found), None)


def read_outcomes(settings: Settings, nights: Sequence[Night]) -> Outcomes:
    """What became of the messages and calls of these nights, in Portuguese.

    It stands by message key and creditor: of a call that creditors share each has its answer.

    It is read from the ledger, because it happened after the nights were frozen.
    """
    keys = {row["message_key"] for night in nights for row in night.decisions if row["message_key"]}
    if not keys:
        return {}
    import sqlalchemy as sa

    from cobranca.ledger import open_ledger
    from cobranca.ledger.tables import contacts, outcomes

    payer = nights[-1].customer_key
    engine = open_ledger(settings.ledger)
    try:
        with engine.connect() as connection:
            messages = sa.select(
                contacts.c.message_key, contacts.c.creditor, contacts.c.channel, contacts.c.state
            )
            sent = connection.execute(messages.where(contacts.c.customer_key == payer)).all()
            answers = sa.select(
                outcomes.c.message_key, outcomes.c.creditor, outcomes.c.code
            ).order_by(outcomes.c.contacted_on, outcomes.c.outcome_id)
            answered = connection.execute(answers.where(outcomes.c.customer_key == payer)).all()
    finally:
        engine.dispose()
    found = {(str(key), str(whose)): f"retorno do agente: {code}" for key, whose, code in answered}
    found |= {
        (str(key), str(whose)): contact_state(str(channel), str(state))
        for key, whose, channel, state in sent
    }
    return {key: what for key, what in found.items() if key[0] in keys}
