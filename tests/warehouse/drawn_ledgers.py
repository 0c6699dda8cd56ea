"""Random ledgers for the models of balances and charges: raw rows of two sources."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from warehouse.busy_nights import NIGHT
from warehouse.nights import DEFAULTS, key_of

CENT = Decimal("0.01")
# Both sources use the same ids, for other payers and other debts.
SOURCES = ("erp", "crm")
CUSTOMERS = {
    ("erp", "c"): {"state": "SP", "contract_type": "consumer"},
    ("erp", "b"): {"state": "RJ", "contract_type": "business"},
    ("crm", "c"): {"state": "RJ", "contract_type": "business"},
    ("crm", "b"): {"state": "SP", "contract_type": "consumer"},
}
KEYS = {
    (source, customer_id): key_of(customer_id, source=source) for source, customer_id in CUSTOMERS
}
# Whose tax id the customers of CUSTOMERS have: one payer, two in both sources, or each their own.
TAX_IDS = ("11122230109", "22233340167", "33344450115", "44455560173")
PAYERS = ((0, 0, 0, 0), (0, 1, 1, 0), (0, 1, 2, 3))
COVERED = [Decimal(share) for share in ("0.3", "0.6", "0.9")]
STATUSES = ("open",) * 4 + ("agreed",) * 2 + ("cancelled", "written_off")
KINDS = ("payment",) * 4 + ("reversal",) * 2 + ("credit_note", "discount", "write_off")
WAIVED = ([], [], ["all"], ["fine"], ["interest"], ["fine", "interest"])

cents = st.integers(1, 5_000_000).map(lambda number: Decimal(number) / 100)
rates = st.sampled_from(
    [None, Decimal(0), Decimal("0.01"), Decimal("0.003333"), Decimal("0.02"), Decimal("0.15")]
)
shares = st.sampled_from([Decimal(share) for share in ("0.03", "0.25", "0.5", "0.97", "1", "1.05")])
# Most of what can go wrong lies around the due date and around the first instalment: 30 days after
# the agreement, 2 of grace, and what bank days add.
days_to_payment = st.one_of(st.integers(-2, 4), st.integers(-15, 250))
days_since_agreement = st.one_of(st.integers(31, 40), st.integers(1, 150))


@st.composite
def ledgers(draw, last_day: date = NIGHT) -> dict:
    """Raw rows of two sources with two payers each: a consumer and a company, here and there."""
    customers = [
        {"source": source, "customer_id": customer_id} | columns
        for (source, customer_id), columns in CUSTOMERS.items()
    ]
    receivables, payments, waivers = [], [], []
    for number in range(draw(st.integers(1, 20))):
        row = draw(_receivables(*divmod(number, len(SOURCES))))
        receivables.append(row)
        payments += [
            draw(_payments(row, part, last_day)) for part in range(draw(st.integers(0, 4)))
        ]
        waivers += draw(_waivers(row))
    defaulted = {
        "customers": customers,
        "receivables": receivables,
        "payments": draw(st.permutations([*payments, *draw(_advances(last_day))])),
    }
    agreements, promises = draw(_agreements()), draw(_promises())
    return {table: [DEFAULTS[table] | row for row in rows] for table, rows in defaulted.items()} | {
        "policy_waivers": waivers,
        "agreements": agreements,
        "promises": promises,
        "commitment_items": draw(_items([*agreements, *promises], receivables)),
        "policy_limits": [draw(_limits())],
    }


@st.composite
def known_payers_ledgers(draw) -> dict:
    """A ledger in which each customer has a tax id, of one to four payers, and a credit is there
    for a part of some bills: one that covers all of them, or none, would show little.
    """
    ledger = draw(ledgers())
    of_customer = dict(
        zip(CUSTOMERS, (TAX_IDS[number] for number in draw(st.sampled_from(PAYERS))), strict=True)
    )
    payer_of_key = {KEYS[customer]: key_of("", tax_id) for customer, tax_id in of_customer.items()}
    bills = [draw(_bills(number)) for number in range(100, 100 + draw(st.integers(2, 4)))]
    owed = sum(row["amount"] for row in bills)
    source, customer_id = draw(st.sampled_from(list(CUSTOMERS)))
    credit = DEFAULTS["payments"] | {
        "source": source,
        "payment_id": "credit",
        "receivable_id": None,
        "customer_id": customer_id,
        "paid_on": NIGHT - timedelta(days=draw(st.integers(0, 60))),
        "amount": (owed * draw(st.sampled_from(COVERED))).quantize(CENT),
    }
    return ledger | {
        "customers": [
            row | {"tax_id": of_customer[row["source"], row["customer_id"]]}
            for row in ledger["customers"]
        ],
        "receivables": [*ledger["receivables"], *bills],
        "payments": [*ledger["payments"], credit],
        **{
            name: [
                row | {"customer_key": payer_of_key[row["customer_key"]]} for row in ledger[name]
            ]
            for name in ("agreements", "promises")
        },
    }


@st.composite
def _bills(draw, number: int) -> dict:
    return DEFAULTS["receivables"] | {
        "source": draw(st.sampled_from(SOURCES)),
        "receivable_id": str(number),
        "customer_id": draw(st.sampled_from("cb")),
        "due_date": NIGHT - timedelta(days=draw(st.integers(10, 200))),
        "amount": draw(st.integers(100_00, 900_00).map(lambda cents: Decimal(cents) / 100)),
    }


@st.composite
def _receivables(draw, number: int, source: int) -> dict:
    due = NIGHT + timedelta(days=draw(st.integers(-450, 20)))
    amount = draw(cents)
    # a few are not issued yet: their payments are advances until they are
    issued = [None, None, *[due - timedelta(days=30)] * 2, NIGHT + timedelta(days=1)]
    stated = [None, None, None, (amount / 2).quantize(CENT), Decimal(0)]
    return {
        "source": SOURCES[source],
        "receivable_id": str(number),
        "customer_id": draw(st.sampled_from("cb")),
        "due_date": due,
        "issue_date": draw(st.sampled_from(issued)),
        "amount": amount,
        "open_amount": draw(st.sampled_from(stated)),
        "currency": draw(st.sampled_from(["BRL", "BRL", "USD"])),
        "status": draw(st.sampled_from(STATUSES)),
        "fine_rate": draw(rates),
        "monthly_interest_rate": draw(rates),
    }


@st.composite
def _payments(draw, receivable: dict, part: int, last_day: date) -> dict:
    paid_on = min(
        receivable["due_date"] + timedelta(days=draw(days_to_payment)),
        last_day + timedelta(days=draw(st.integers(-3, 2))),
    )
    return {
        "source": receivable["source"],
        "payment_id": f"{receivable['receivable_id']}-{part}",
        "receivable_id": receivable["receivable_id"],
        "paid_on": paid_on,
        "amount": (receivable["amount"] * draw(shares)).quantize(CENT),
        "kind": draw(st.sampled_from(KINDS)),
    }


@st.composite
def _advances(draw, last_day: date) -> list[dict]:
    """Money for no receivable, most of it around today's promises, and its reversals."""
    return [
        {
            "source": source,
            "payment_id": f"advance {number}",
            "receivable_id": None,
            "customer_id": customer_id,
            "currency": draw(st.sampled_from([None, "BRL", "USD"])),
            "paid_on": last_day - timedelta(days=draw(st.integers(0, 60))),
            "amount": draw(cents),
            "kind": draw(st.sampled_from(KINDS)),
        }
        for number in range(draw(st.integers(0, 3)))
        for source, customer_id in [draw(st.sampled_from(list(CUSTOMERS)))]
    ]


@st.composite
def _waivers(draw, receivable: dict) -> list[dict]:
    part = st.sampled_from([{}, {"amount": Decimal("3.50")}, {"share": Decimal("0.333333")}])
    of = {name: receivable[name] for name in ("source", "receivable_id")}
    return [of | {"kind": kind} | draw(part) for kind in draw(st.sampled_from(WAIVED))]


@st.composite
def _agreements(draw) -> list[dict]:
    return [
        {
            "agreement_id": f"A{number}",
            "customer_key": key,
            "agreed_on": NIGHT - timedelta(days=draw(days_since_agreement)),
            "currency": draw(st.sampled_from(["BRL", "USD"])),
            "amount": draw(cents),
            "installments": draw(st.integers(2, 6)),
        }
        for number, key in enumerate(KEYS.values())
        if draw(st.booleans())
    ]


@st.composite
def _promises(draw) -> list[dict]:
    found = []
    for number in range(draw(st.integers(0, 5))):
        made_on = NIGHT - timedelta(days=draw(st.integers(1, 30)))
        found.append(
            {
                "promise_id": f"P{number}",
                "customer_key": draw(st.sampled_from(list(KEYS.values()))),
                "made_on": made_on,
                "promised_on": made_on + timedelta(days=draw(st.integers(0, 15))),
                "currency": draw(st.sampled_from(["BRL", "BRL", "USD"])),
                "amount": draw(cents),
                "agent_id": "ana",
            }
        )
    return found


@st.composite
def _items(draw, made: list[dict], receivables: list[dict]) -> list[dict]:
    """What some were about, as their queue row said: also of what is somebody else's by now."""
    return [
        {
            "commitment_id": row.get("promise_id") or row["agreement_id"],
            "receivable_key": f"{debt['source']}:{debt['receivable_id']}",
            "made_on": row.get("made_on") or row["agreed_on"],
        }
        for row in made
        if draw(st.booleans())
        for debt in receivables
        if draw(st.booleans())
    ]


@st.composite
def _limits(draw) -> dict:
    start = st.sampled_from(["original_due", "effective_due"])
    return {
        "policy_version": "test",
        "minimum_amount": draw(st.sampled_from([Decimal(0), Decimal("5.00"), Decimal("500.00")])),
        "tolerance_amount": draw(st.sampled_from([Decimal(0), Decimal("2.00")])),
        "tolerance_share": draw(st.sampled_from([Decimal(0), Decimal("0.03")])),
        "default_fine_rate": Decimal("0.02"),
        "consumer_fine_cap": Decimal("0.02"),
        "default_monthly_interest_rate": draw(st.sampled_from([None, Decimal("0.01")])),
        "interest_start_consumer": draw(start),
        "interest_start_business": draw(start),
        "promise_grace_days": 2,
        "clearing_bank_days": draw(st.integers(0, 2)),
        "promise_kept_share": Decimal("0.95"),
    }
