"""One busy night, built once on each engine, for every test that only reads it."""

import dataclasses
import random
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cobranca import warehouse
from cobranca.partitions.manifest import Manifest
from cobranca.settings import PROJECT_ROOT, Settings
from cobranca.warehouse.dbt import run_dbt
from cobranca.warehouse.engines import open_warehouse
from creditor_files import copy_config
from warehouse.nights import contact, customer, land_night, payment, receivable
from warehouse.payers import five_profiles

NIGHT = date(2026, 11, 18)
# when the next receivable of each of the five profiles falls due
NEXT_DUE = {"today": "2026-11-18", "soon": "2026-11-19"}
DAYS_TO_DUE = (-400, -200, -90, -45, -20, -10, -6, -3, -2, -1, 0, 1, 3, 30)
CODES = (
    "PROMESSA",
    "RECADO",
    "NAO_ATENDE",
    "CONTESTA",
    "NAO_LIGAR",
    "NUMERO_ERRADO",
    "PAGO_INFORMADO",
)
BUSINESS_REGUA = """
      empresas:
        - {offset: 2, channel: sms, template: first_notice, entry: true}
        - {offset: 9, channel: phone, template: call, entry: true}
        - {offset: 25, channel: email, template: last_notice, entry: true, holdout_share: 30 %}
"""


def _tax_id_in_erp(number: int) -> str | None:
    """Of every fifth payer none; some payers have two accounts."""
    if number % 5 == 0:
        return None
    return f"{(number // 2 if number % 7 == 0 else number):011d}"


def _tax_id_in_crm(number: int) -> str | None:
    """A few payers of erp under another id, a few under the same; most are other people."""
    if number % 4 == 0:
        return None
    if number % 6 == 1:
        return _tax_id_in_erp(number + 1)
    return f"{number if number % 12 == 3 else 50_000 + number:011d}"


# What a person decided about a customer or a debt of one source, never about that of the same id.
POLICY_ROWS = {
    "overrides": [
        "customer;erp;3;none;;;combinado;maria;2026-11-01;2026-11-30",
        *(f"customer;erp;{n};empresas;;;combinado;maria;2026-11-01;" for n in range(4, 20, 4)),
        *(f"receivable;erp;{n}-0;*;d+10;d+5;combinado;maria;2026-11-01;" for n in range(4, 40, 3)),
        *(f"customer;crm;{n};none;;;combinado;maria;2026-11-02;" for n in range(5, 50, 9)),
        *(f"receivable;crm;{n}-0;none;;;combinado;maria;2026-11-02;" for n in range(6, 50, 9)),
    ],
    "holds": [
        *(f"customer;erp;{n};hardship;maria;2026-11-01;2026-11-{n}" for n in range(15, 30, 3)),
        *(f"customer;crm;{n};legal;maria;2026-11-01;" for n in range(7, 50, 9)),
        *(f"receivable;erp;{n}-0;agreement;maria;2026-11-01;" for n in range(41, 60, 3)),
        *(f"receivable;crm;{n}-0;hardship;maria;2026-11-01;2026-12-01" for n in range(42, 60, 3)),
    ],
    "waivers": [
        *(f"erp;{n}-0;all;;;combinado;maria;2026-11-01" for n in range(0, 60, 4)),
        *(f"crm;{n}-0;fine;;50 %;combinado;maria;2026-11-01" for n in range(1, 60, 4)),
        *(f"erp;{n}-1;interest;0,50;;combinado;maria;2026-11-01" for n in range(2, 60, 4)),
    ],
}

# The sources use the same ids for other people and other debts.
TAX_IDS = {"erp": _tax_id_in_erp, "crm": _tax_id_in_crm}


def settings_in(
    folder: Path, url: str | None = None, config: Path = PROJECT_ROOT / "include" / "config"
) -> Settings:
    return Settings(
        config=config,
        data=folder,
        warehouse=url or f"duckdb:///{folder / 'warehouse.duckdb'}",
        ledger=f"sqlite:///{folder / 'ledger.db'}",
        delivery="outbox",
    )


def random_ledger(seed: int, payers: int = 120, source: str = "erp") -> dict:
    """Entities and feedback of a made-up company, as one source has them.

    With every status, kind, currency, hold and odd date that the rules know. The ids of all sources
    are the same numbers.
    """
    chance = random.Random(seed)
    places = random.Random(seed + 1)
    customers, receivables, payments = [], [], []
    feedback: dict[str, list[dict]] = {
        "contacts": [],
        "contact_items": [],
        "outcomes": [],
        "promises": [],
        "agreements": [],
        "holdouts": [],
    }
    for number in range(payers):
        customers.append(
            customer(
                str(number),
                source=source,
                name=f"Cliente {number}",
                tax_id=TAX_IDS[source](number),
                contract_type=chance.choice(["consumer", "business"]),
                segment=chance.choice([None, "varejo", "empresas"]),
                state=chance.choice(["SP", "RJ", "CE", None]),
                city=places.choice(["São Paulo", "RIO DE JANEIRO", "Santos", None]),
                email=chance.choice([f"c{number}@example.com"] * 4 + [None]),
                phone=chance.choice(["+5511987654321"] * 4 + [None]),
                preferred_channel=("whatsapp", "sms", None)[number % 3],
                opt_out_email=chance.random() < 0.05,
                opt_out_phone=chance.random() < 0.05,
                legal_hold=chance.random() < 0.03,
                deceased=chance.random() < 0.02,
            )
        )
        for item in range(chance.randrange(1, 9)):
            key = f"{number}-{item}"
            due = NIGHT + timedelta(days=chance.choice(DAYS_TO_DUE) + chance.randrange(3))
            amount = Decimal(chance.randrange(100, 500_000)) / 100
            receivables.append(
                receivable(
                    key,
                    str(number),
                    due.isoformat(),
                    str(amount),
                    source=source,
                    issue_date=due - timedelta(days=30),
                    currency="USD" if chance.random() < 0.05 else "BRL",
                    status=chance.choice(["open"] * 12 + ["cancelled", "written_off", "agreed"]),
                    disputed=chance.random() < 0.04,
                    fine_rate=chance.choice([None, Decimal("0.02"), Decimal("0.10")]),
                    monthly_interest_rate=chance.choice(
                        [None, Decimal("0.01"), Decimal("0.003333")]
                    ),
                )
            )
            for part in range(chance.choice([0, 0, 1, 1, 2])):
                paid_on = min(
                    due + timedelta(days=chance.randrange(-5, 40)), NIGHT + timedelta(days=2)
                )
                share = chance.choice([Decimal("0.25"), Decimal("0.5"), Decimal(1)])
                payments.append(
                    payment(
                        f"{key}-{part}",
                        key,
                        paid_on.isoformat(),
                        str((amount * share).quantize(Decimal("0.01"))),
                        source=source,
                        kind=chance.choice(
                            ["payment"] * 6 + ["credit_note", "discount", "write_off", "reversal"]
                        ),
                    )
                )
    return {
        "customers": customers,
        "receivables": receivables,
        "payments": payments,
        "feedback": feedback,
    }


def add_feedback(ledger: dict, payers: list[tuple[str, list[str]]], seed: int) -> None:
    """Contacts of earlier nights with payers.

    Each payer is given by customer key and open receivables; the contacts are about the first.
    """
    chance = random.Random(seed)
    agreed = random.Random(seed + 1)
    listed = random.Random(seed + 2)
    for number, (customer_key, _) in enumerate(payers):
        if number % 6 == 0:
            ledger["feedback"]["agreements"].append(
                {
                    "agreement_id": f"A-{customer_key}",
                    "customer_key": customer_key,
                    "agreed_on": NIGHT - timedelta(days=agreed.randrange(1, 150)),
                    "currency": "BRL",
                    "amount": Decimal("300.00"),
                    "installments": agreed.randrange(1, 6),
                    "discount_rate": Decimal("0.10"),
                    "agent_id": "ana",
                }
            )
    for customer_key, (episode_key, *others) in payers:
        for back in chance.sample([1, 2, 3, 5, 9, 20, 40], k=chance.randrange(0, 3)):
            step, offset = chance.choice(
                [("d-3", -3), ("d+1", 1), ("d+3", 3), ("d+10", 10), ("d+180", 180)]
            )
            state = chance.choice(
                ["sent", "sent", "delivered", "unknown", "rejected", "superseded"]
            )
            day = (NIGHT - timedelta(days=back)).isoformat()
            ledger["feedback"]["contacts"].append(
                contact(day, customer_key, episode_key, step, offset, state=state)
            )
            message_key = ledger["feedback"]["contacts"][-1]["message_key"]
            # a third of the messages are of a release that kept no lists
            if listed.random() < 0.66:
                named = [episode_key, *(key for key in others if listed.random() < 0.5)]
                ledger["feedback"]["contact_items"] += [
                    {"message_key": message_key, "receivable_key": key, "open_amount": Decimal(1)}
                    for key in named
                ]
        if customer_key[-1] in "0123":
            day = NIGHT - timedelta(days=2 + int(customer_key[-1]) * 9)
            ledger["feedback"]["holdouts"].append(
                {
                    "business_date": day,
                    "customer_key": customer_key,
                    "episode_key": episode_key,
                    "step": "d+3",
                    "step_offset": 3,
                    "channel": "email",
                    "policy_version": "2026-01",
                }
            )
        if chance.random() < 0.15:
            ledger["feedback"]["outcomes"].append(
                {
                    "outcome_id": f"O-{customer_key}",
                    "contacted_on": NIGHT - timedelta(days=chance.randrange(1, 6)),
                    "customer_key": customer_key,
                    "episode_key": episode_key,
                    "step": "d+10",
                    "step_offset": 10,
                    "agent_id": "ana",
                    "code": chance.choice(CODES),
                }
            )
        if chance.random() < 0.1:
            made_on = NIGHT - timedelta(days=chance.randrange(1, 20))
            ledger["feedback"]["promises"].append(
                {
                    "promise_id": f"P-{customer_key}",
                    "customer_key": customer_key,
                    "made_on": made_on,
                    "promised_on": made_on + timedelta(days=5),
                    "currency": "BRL",
                    "amount": Decimal("100.00"),
                    "agent_id": "ana",
                }
            )


@pytest.fixture(scope="session")
def busy_config(tmp_path_factory) -> Path:
    """The default configuration with what it leaves out.

    Texts, hold-outs, a share, a segment's régua, overrides and holds.
    """
    config = tmp_path_factory.mktemp("busy") / "config"
    copy_config(config)
    regua = (config / "regua.yml").read_text(encoding="utf-8")
    for before, after in (
        ("{offset: 1, channel: email,", "{offset: 1, channel: whatsapp,"),
        ("{offset: 3, channel: email,", "{offset: 3, holdout_share: 20 %, channel: email,"),
        ("{offset: 10, channel: phone,", "{offset: 10, minimum_share: 10 %, channel: phone,"),
    ):
        assert before in regua
        regua = regua.replace(before, after)
    (config / "regua.yml").write_text(regua + BUSINESS_REGUA, encoding="utf-8")
    for name, lines in POLICY_ROWS.items():
        with (config / f"{name}.csv").open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    return config


@pytest.fixture(scope="session")
def busy_settings(tmp_path_factory, busy_config) -> Settings:
    return settings_in(tmp_path_factory.mktemp("duckdb"), config=busy_config)


@pytest.fixture(scope="session")
def busy_ledger(busy_settings) -> dict:
    """Random ledgers of two sources with a history of contacts, and the five profiles twice."""
    ledger = random_ledger(seed=7)
    for entity, rows in random_ledger(seed=8, payers=60, source="crm").items():
        if entity != "feedback":
            ledger[entity] += rows
    land_night(busy_settings, NIGHT, **ledger)
    add_feedback(ledger, _payers(busy_settings), seed=7)
    for prefix, next_due in NEXT_DUE.items():
        for entity, rows in five_profiles(prefix, next_due).items():
            ledger[entity] += rows
    return ledger


def _payers(settings: Settings) -> list[tuple[str, list[str]]]:
    """Each payer's key with its open receivables.

    Only SQL knows them, so the few models that compute them are run.
    """
    import duckdb

    warehouse.prepare(settings, NIGHT)
    environment = open_warehouse(settings.warehouse).dbt_environment()
    run_dbt(
        *("run", "--select", "+fct_receivables"),
        environment=environment,
        business_date=NIGHT,
        work=settings.data / ".dbt",
    )
    with duckdb.connect(settings.warehouse.removeprefix("duckdb:///")) as connection:
        query = (
            "select customer_key, list(receivable_key order by receivable_key) from "
            "marts.fct_receivables group by customer_key order by customer_key"
        )
        return connection.execute(query).fetchall()


@pytest.fixture(scope="session")
def busy_night(busy_settings, busy_ledger) -> tuple[Settings, Manifest]:
    """The busy night's settings and its candidate batch, on DuckDB."""
    land_night(busy_settings, NIGHT, **busy_ledger)
    return busy_settings, warehouse.build(busy_settings, NIGHT)


@pytest.fixture(scope="session")
def busy_night_on_postgres(
    busy_settings, busy_ledger, postgres_server, tmp_path_factory
) -> tuple[Settings, Manifest]:
    """The same ledger landed and built on PostgreSQL."""
    url = str(postgres_server.create_database("warehouse_parity"))
    settings = dataclasses.replace(
        busy_settings, data=tmp_path_factory.mktemp("postgres"), warehouse=url
    )
    land_night(settings, NIGHT, **busy_ledger)
    return settings, warehouse.build(settings, NIGHT)
