"""A made-up company lived night by night: payments, promises, bounces, holds, missed nights and a
ledger that remembers.

Everything is drawn from one seed. The ledger behaves as the real one does: what it is told stays, a
step of a debt goes out over one channel once, and what the provider answered comes back a night
later.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from cobranca.policy import load_policy
from cobranca.policy.publish import policy_tables
from cobranca.policy.regua import Regua
from cobranca.schema import PRINCIPAL, RAW
from cobranca.settings import PROJECT_ROOT
from cobranca.simulation.decision_path import DecisionPath
from warehouse.nights import key_of

if TYPE_CHECKING:
    from cobranca.policy.policy import Policy

START = date(2026, 9, 1)
SOURCES = ("erp", "crm")
# Day offsets of the nights that are run: runs of nights, weekends and holidays among them, and gaps
# where nights were missed.
RUNS = (0, 1, 2, 3, 7, 8, 9, 13, 14, 20, 21, 28, 29, 36)
# Between these nights some debts move to their true payers, and messages are without a list.
MOVES = (3, 9, 14)
# The message may have left; and the pre-send check stopped it.
ATTEMPTS = {"sending", "unknown", "sent", "delivered", "complained", "undelivered"}
STOPPED = ("cancelled_paid", "cancelled")
ENGAGED = {"claimed", "sending", "sent", "unknown", "delivered"}
FATES = (
    ("delivered",) * 10 + ("sent",) * 3 + ("bounced", "rejected", "unknown", "sending", "planned")
)
OUTCOMES = (
    ("NAO_ATENDE",) * 6
    + ("RECADO",) * 3
    + ("PROMESSA", "PAGO_INFORMADO", "NUMERO_ERRADO", "CONTESTA", "NAO_LIGAR", "RECUSA")
)
REGUA = {
    "version": "W",
    "effective_from": date(2026, 1, 1),
    "steps": {
        "*": [
            {
                "offset": -3,
                "channel": "email",
                "template": "preventive",
                "only_classes": ["viciado", "irregular", "critico", "novo"],
            },
            {"offset": 1, "channel": "whatsapp", "template": "first_notice", "entry": True},
            {
                "offset": 3,
                "channel": "email",
                "template": "first_notice",
                "holdout_share": Decimal("0.2"),
            },
            {"offset": 5, "channel": "email", "template": "second_notice"},
            {"offset": 7, "channel": "phone", "template": "call", "minimum_amount": "50.00"},
            {
                "offset": 10,
                "channel": "phone",
                "template": "call_offer",
                "minimum_share": "10 %",
                "entry": True,
            },
            {"offset": 20, "channel": "email", "template": "last_notice", "legal_notice": True},
            {"offset": 35, "channel": "phone", "template": "call_offer", "entry": True},
        ],
        "empresas": [
            {"offset": 0, "channel": "email", "template": "due_today"},
            {"offset": 2, "channel": "sms", "template": "first_notice", "entry": True},
            {"offset": 9, "channel": "phone", "template": "call", "entry": True},
            {
                "offset": 25,
                "channel": "email",
                "template": "last_notice",
                "entry": True,
                "holdout_share": Decimal("0.3"),
            },
        ],
    },
}


@dataclass
class Night:
    """One run of one business date: the ledger before it, every decision, and the cases that wait
    for a person where the path leads so far.
    """

    business_date: date
    decisions: list[dict]
    ledger_before: int
    is_rerun: bool
    cases: list[dict]


@dataclass
class Receivable:
    key: str
    customer_id: str
    customer_key: str
    currency: str
    issued: date
    due: date
    amount: Decimal
    disputed: bool
    creditor: str = PRINCIPAL
    payments: list[tuple[date, Decimal]] = field(default_factory=list)
    # whether its source has the payments before their dates
    is_scheduled: bool = False

    def balance(self, day: date) -> Decimal:
        return self.amount - sum((amount for on, amount in self.payments if on <= day), Decimal(0))

    def to_come(self, day: date) -> list[tuple[date, Decimal]]:
        """Payments that the source has on a day with a later date."""
        return [part for part in self.payments if self.is_scheduled and part[0] > day]

    def is_open(self, day: date) -> bool:
        return self.issued <= day and self.balance(day) > 0


class World:
    """One seed's company, its limits included; ``limits`` replace what was drawn."""

    def __init__(self, seed: int, payers: int = 200, **limits):
        self.chance = random.Random(seed)
        self.moves = random.Random(seed + 1)
        # of its own, so that the histories that are kept stay as they were
        self.foresight = random.Random(f"{seed} scheduled")
        policy = load_policy(PROJECT_ROOT / "include" / "config", START)
        regua = Regua.model_validate(REGUA)
        week = self.chance.choice([1, 1, 2, 3])
        drawn = {
            "minimum_interval_days": self.chance.randrange(4),
            "maximum_per_7_days": week,
            "maximum_per_30_days": week + self.chance.randrange(5),
            "tolerance_share": Decimal("0.01"),
        }
        chosen = policy.limits.model_copy(update=drawn | limits)
        self.policy: Policy = policy.model_copy(update={"regua": regua, "limits": chosen})
        self.customers: list[dict] = []
        # of each account: source and customer id
        self.keys: dict[tuple[str, str], str] = {}
        self.receivables: dict[str, Receivable] = {}
        self.holds: list[dict] = []
        self.overrides: list[dict] = []
        self.contacts: list[dict] = []
        self.items: list[dict] = []
        self.outcomes: list[dict] = []
        self.promises: list[dict] = []
        self.holdouts: list[dict] = []
        for number in range(payers):
            self._invent(number)
        tables = policy_tables(self.policy)
        self.policy_rows = {
            name: rows
            for name, rows in tables.items()
            if name not in ("policy_holds", "policy_overrides")
        }
        year = (date(2026, 1, 1), date(2027, 1, 31))
        self.policy_rows["policy_calendar"] = [
            r for r in tables["policy_calendar"] if year[0] <= r["day"] <= year[1]
        ]
        self.bank_days = {
            r["day"]
            for r in self.policy_rows["policy_calendar"]
            if r["place"] == "BR" and r["is_bank_day"]
        }
        self.contact_days = {
            r["day"]
            for r in self.policy_rows["policy_calendar"]
            if r["place"] == "BR" and r["is_contact_day"]
        }

    # Making it up

    def _invent(self, number: int) -> None:
        # Both sources use the same ids, for other payers and other debts.
        chance, source, name = self.chance, SOURCES[number % 2], str(number // 2)
        # every ninth payer has an account in each source, under one document
        tax_id = f"{number - number % 9 % 2:011d}" if number % 9 < 2 else None
        key = key_of(name, tax_id, source)
        self.keys[source, name] = key
        self.customers.append(
            {
                "source": source,
                "customer_id": name,
                "name": name,
                "tax_id": tax_id,
                "segment": chance.choice([None, "varejo", "empresas"]),
                "email": chance.choice(["a@example.com"] * 7 + [None]),
                "phone": chance.choice(["+5511987654321"] * 6 + ["+551133334444", None]),
                "preferred_channel": chance.choice([None, "whatsapp", "WhatsApp", "sms", "email"]),
                "opt_out_email": chance.random() < 0.04,
                "opt_out_phone": chance.random() < 0.04,
                "deceased": chance.random() < 0.02,
                "contract_type": "consumer",
            }
        )
        for item in range(chance.randrange(1, 5)):
            self._owe(f"{source}:{name}-{item}", name, key)
        if chance.random() < 0.12:
            starts = START + timedelta(days=chance.randrange(30))
            scope = chance.choice(["customer", "receivable"])
            self.holds.append(
                {
                    "scope": scope,
                    "source": source,
                    "target_id": name if scope == "customer" else f"{name}-0",
                    "reason": chance.choice(["hardship", "legal", "agreement"]),
                    "author": "maria",
                    "starts_on": starts,
                    "expires_on": chance.choice(
                        [None, starts + timedelta(days=chance.randrange(12))]
                    ),
                }
            )
        elif chance.random() < 0.25:
            self.overrides.append(
                {
                    "scope": chance.choice(["customer", "receivable"]),
                    "source": source,
                    "target_id": name,
                    "regua": chance.choice(["*", "empresas", "none"]),
                    "last_offset": None,
                    "goes_on_after_offset": None,
                    "reason": "combinado",
                    "author": "maria",
                    "starts_on": START + timedelta(days=chance.randrange(20)),
                    "expires_on": None,
                }
            )
            if self.overrides[-1]["scope"] == "receivable":
                self.overrides[-1]["target_id"] += "-0"

    def _owe(self, key: str, customer_id: str, customer_key: str) -> None:
        chance = self.chance
        due = START + timedelta(days=chance.randrange(-40, 45))
        amount = Decimal(chance.randrange(100, 200_000)) / 100
        owed = Receivable(
            key, customer_id, customer_key, "USD" if chance.random() < 0.06 else "BRL",
            due - timedelta(days=chance.choice([2, 30])),
            due, amount, chance.random() < 0.03,
        )  # fmt: skip
        for _ in range(chance.choice([0, 0, 0, 1, 1, 2])):
            paid_on = due + timedelta(days=chance.randrange(-6, 35))
            part = (
                amount * chance.choice([Decimal(1), Decimal("0.5"), Decimal("0.992")])
            ).quantize(Decimal("0.01"))
            owed.payments.append((paid_on, part))
            if chance.random() < 0.1:
                owed.payments.append((paid_on + timedelta(days=3), -part))
        owed.is_scheduled = self.foresight.random() < 0.1
        self.receivables[owed.key] = owed

    def _move(self) -> None:
        """The source corrects whose debts some of them are."""
        for owed in self.receivables.values():
            if self.moves.random() < 0.05:
                source = owed.key.partition(":")[0]
                accounts = [name for place, name in self.keys if place == source]
                owed.customer_id = self.moves.choice(accounts)
                owed.customer_key = self.keys[source, owed.customer_id]

    # Living it

    def live(self, path: DecisionPath, runs: Sequence[int] = RUNS) -> Iterator[Night]:
        """Run every night, some two or three times; the world answers in between."""
        with duckdb.connect(config={"threads": 1}) as connection:
            path.create_schemas(connection)
            self._put(connection, {name: [] for name in RAW} | self.policy_rows | self._entities())
            for number, offset in enumerate(runs):
                day = START + timedelta(days=offset)
                if offset in MOVES:
                    self._move()
                    self._put(connection, {"receivables": self._entities()["receivables"]})
                for run in range({2: 3, 9: 2}.get(number, 1)):
                    known = len(self.contacts)
                    self._put(connection, self._known_before(day))
                    path.run(connection, day)
                    decisions = _rows(connection, "int_receivables__decided")
                    yield Night(day, decisions, known, run > 0, _cases(connection, path))
                    if run == 0:
                        answers = decisions
                self._answer(day, answers)

    def _put(self, connection, tables: dict[str, list[dict]]) -> None:
        for name, rows in tables.items():
            connection.register("rows", pa.Table.from_pylist(rows, schema=RAW[name]))
            connection.execute(f"create or replace table raw.{name} as select * from rows")
            connection.unregister("rows")

    def _entities(self) -> dict[str, list[dict]]:
        receivables = []
        for owed in self.receivables.values():
            source, _, receivable_id = owed.key.partition(":")
            receivables.append(
                {
                    "source": source, "receivable_id": receivable_id,
                    "customer_id": owed.customer_id,
                    "issue_date": owed.issued, "due_date": owed.due, "amount": owed.amount,
                    "currency": owed.currency, "creditor": owed.creditor,
                    "status": "open", "disputed": owed.disputed,
                }
            )  # fmt: skip
        return {"customers": self.customers, "receivables": receivables}

    def _payments(self, day: date) -> list[dict]:
        """What the sources have of payments on a day: those made by then, and some to come."""
        payments = []
        for owed in self.receivables.values():
            source, _, receivable_id = owed.key.partition(":")
            payments += [
                {
                    "source": source, "payment_id": f"{receivable_id}-{n}",
                    "receivable_id": receivable_id, "paid_on": on,
                    "amount": amount, "kind": "payment" if amount > 0 else "reversal",
                }
                for n, (on, amount) in enumerate(owed.payments)
                if on <= day or owed.is_scheduled
            ]  # fmt: skip
        return payments

    def _known_before(self, day: date) -> dict[str, list[dict]]:
        contacts = [row for row in self.contacts if row["business_date"] < day]
        known = {row["message_key"] for row in contacts}
        return {
            "payments": self._payments(day),
            "contacts": contacts,
            "contact_items": [row for row in self.items if row["message_key"] in known],
            "outcomes": [row for row in self.outcomes if row["contacted_on"] < day],
            "promises": [row for row in self.promises if row["made_on"] < day],
            "holdouts": [row for row in self.holdouts if row["business_date"] < day],
            "policy_holds": self.holds,
            "policy_overrides": self.overrides,
        }

    def _answer(self, day: date, decisions: list[dict]) -> None:
        """What the ledger, the provider and the agents make of a night; then the provider's late
        news of earlier ones.
        """
        for row in decisions:
            # a call that is shared has one answer, for the creditor who leads it
            if row["receivable_key"] != row["episode_key"] or row["reason"] == "joined_call":
                continue
            known = {
                name: row[name]
                for name in (
                    "customer_key",
                    "creditor",
                    "episode_key",
                    "step",
                    "step_offset",
                    "policy_version",
                )
            }
            if row["decision"] == "remind":
                fate = self.chance.choice(FATES)
                if self.foresight.random() < 0.08:
                    fate = self.foresight.choice(STOPPED)
                self.contacts.append(
                    {
                        **known, "message_key": row["message_key"], "business_date": day,
                        "channel": row["channel"],
                        "template": row["template"], "state": fate,
                    }
                )  # fmt: skip
                # a few messages are of a release that kept no lists
                if self.moves.random() < 0.9:
                    self._list(row["message_key"], decisions)
            elif row["decision"] == "call" and self.chance.random() < 0.8:
                self._call(day, known, row)
            elif row["reason"] == "holdout":
                self.holdouts.append({**known, "business_date": day, "channel": row["channel"]})
        for contact in self.contacts:
            if (
                contact["business_date"] < day
                and contact["state"] in ("sending", "unknown")
                and self.chance.random() < 0.2
            ):
                contact["state"] = self.chance.choice(["sent", "delivered", "bounced"])

    def _list(self, message_key: str, decisions: list[dict]) -> None:
        columns = ("message_key", "receivable_key", "currency", "open_amount", "amount_due")
        self.items += [
            {name: row[name] for name in columns}
            for row in decisions
            if row["message_key"] == message_key
        ]

    def _call(self, day: date, known: dict, row: dict) -> None:
        code = self.chance.choice(OUTCOMES)
        follow_up = (
            day + timedelta(days=self.chance.randrange(1, 8)) if code == "PROMESSA" else None
        )
        self.outcomes.append(
            {
                **known, "outcome_id": f"O{len(self.outcomes)}", "contacted_on": day,
                "message_key": row["message_key"],
                "agent_id": "ana", "code": code, "follow_up_on": follow_up,
            }
        )  # fmt: skip
        if code == "PROMESSA":
            self.promises.append(
                {
                    "promise_id": f"P{len(self.promises)}", "customer_key": known["customer_key"],
                    "creditor": known["creditor"], "made_on": day,
                    "promised_on": follow_up, "currency": row["currency"],
                    "amount": row["open_amount"], "agent_id": "ana",
                }
            )  # fmt: skip

    # Asking

    def open_receivables(self, day: date) -> dict[str, Receivable]:
        return {key: owed for key, owed in self.receivables.items() if owed.is_open(day)}

    def reached(self, customer_key: str) -> list[date]:
        """Days on which the payer was or may have been contacted."""
        codes = {code.code: code for code in self.policy.outcome_codes}
        answered = {
            code
            for code, row in codes.items()
            if row.is_effective_contact and row.effect != "wrong_number"
        }
        return sorted(
            [
                row["business_date"]
                for row in self.contacts
                if row["customer_key"] == customer_key and row["state"] in ENGAGED
            ]
            + [
                row["contacted_on"]
                for row in self.outcomes
                if row["customer_key"] == customer_key and row["code"] in answered
            ]
        )

    def attempts(self, customer_key: str) -> list[date]:
        """Days on which something left for the payer or a telephone rang."""
        return sorted(
            [
                row["business_date"]
                for row in self.contacts
                if row["customer_key"] == customer_key and row["state"] in ENGAGED
            ]
            + [row["contacted_on"] for row in self.outcomes if row["customer_key"] == customer_key]
        )

    def is_stopped(self, customer_key: str, creditor: str, day: date) -> bool:
        """Whether a creditor's messages were stopped for something that is not known on a day.

        That is so where all that the message asked for is still open though a payment was seen, or
        after two nights, for a week.
        """
        week = [
            row
            for row in self.contacts
            if (row["customer_key"], row["creditor"]) == (customer_key, creditor)
            and day - timedelta(days=7) <= row["business_date"] < day
        ]
        left = [row["business_date"] for row in week if row["state"] in ATTEMPTS]
        stopped = [
            row
            for row in week
            if row["state"] in STOPPED and all(row["business_date"] > on for on in left)
        ]
        return len({row["business_date"] for row in stopped}) > 1 or any(
            row["state"] == "cancelled_paid" and self._is_as_open_as_then(row, day)
            for row in stopped
        )

    def _is_as_open_as_then(self, message: dict, day: date) -> bool:
        items = [row for row in self.items if row["message_key"] == message["message_key"]]
        return bool(items) and all(
            self.receivables[item["receivable_key"]].balance(day) >= item["open_amount"]
            for item in items
        )

    def overpaid(self, customer_key: str, currency: str, day: date) -> Decimal:
        """What a payer paid beyond its receivables, charges included."""
        return sum(
            (
                max(-owed.balance(day), Decimal(0))
                for owed in self.receivables.values()
                if (owed.customer_key, owed.currency) == (customer_key, currency)
                and owed.issued <= day
            ),
            Decimal(0),
        )

    def is_settled_soon(self, owed: Receivable, day: date) -> bool:
        """Whether payments to come, known on that day, leave nothing that would be asked for."""
        limits = self.policy.limits
        last = day + timedelta(days=limits.scheduled_payment_days)
        coming = sum((amount for on, amount in owed.to_come(day) if on <= last), Decimal(0))
        return coming > 0 and limits.is_rest(owed.balance(day) - coming, owed.amount)

    def is_held(self, owed: Receivable, day: date) -> bool:
        accounts = {account for account, key in self.keys.items() if key == owed.customer_key}
        return any(
            hold["starts_on"] <= day
            and (hold["expires_on"] is None or day <= hold["expires_on"])
            and (
                (hold["source"], hold["target_id"]) in accounts
                if hold["scope"] == "customer"
                else f"{hold['source']}:{hold['target_id']}" == owed.key
            )
            for hold in self.holds
        )

    def flags(self) -> dict[str, dict]:
        """What any account of a payer says holds for the payer."""
        found: dict[str, dict] = defaultdict(
            lambda: dict.fromkeys(("opt_out_email", "opt_out_phone", "deceased"), False)
        )
        for row in self.customers:
            for name in ("opt_out_email", "opt_out_phone", "deceased"):
                found[self.keys[row["source"], row["customer_id"]]][name] |= row[name]
        return found


def _rows(connection, model: str) -> list[dict]:
    found = connection.execute(f"select * from intermediate.{model} order by receivable_key")
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _cases(connection, path: DecisionPath) -> list[dict]:
    cases = "int_receivables__escalated"
    return _rows(connection, cases) if path.models[-1].name == cases else []
