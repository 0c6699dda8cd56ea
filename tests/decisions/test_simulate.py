"""Two réguas over landed nights: each evolves by its own contacts, and nothing real is touched."""

import csv
import shutil
import textwrap
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from cobranca import simulation
from cobranca.errors import ConfigError
from cobranca.settings import PROJECT_ROOT, Settings
from cobranca.simulation.compare import Pair
from cobranca.simulation.decision_path import ANY_DATE, DecisionPath
from cobranca.simulation.report import render_report, write_customers
from creditor_files import copy_config, make_group
from warehouse.nights import contact, customer, key_of, land_night, payment, receivable

# Monday to Wednesday of the week after; Friday 20 November is a bank holiday.
NIGHTS = [date(2026, 11, day) for day in (16, 17, 18, 19, 20, 23, 25)]
HEAD = """\
segments: []
versions:
  - version: {version}
    effective_from: {start}
    steps:
      "*":
"""
CURRENT = (
    HEAD.format(version="atual", start="2026-01-01")
    + """\
        - {offset: 1, channel: email, template: first_notice, entry: true}
        - {offset: 3, channel: email, template: second_notice}
        - {offset: 7, channel: phone, template: call, entry: true}
"""
)
# Begins later on purpose: a proposal is looked at before it holds.
PROPOSED = (
    HEAD.format(version="proposta", start="2027-01-01")
    + """\
        - {offset: 1, channel: email, template: first_notice, entry: true, minimum_amount: 200.00}
        - {offset: 7, channel: phone, template: call, entry: true}
"""
)


@pytest.fixture(autouse=True, scope="module")
def compiled_once(decision_path):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DecisionPath, "compile", classmethod(lambda cls, work: decision_path))
        yield


@pytest.fixture(scope="module")
def landed_once(tmp_path_factory) -> Path:
    """Three payers who fall overdue on Friday the 13th; the second pays on Thursday."""
    folder = tmp_path_factory.mktemp("landed")
    settings = settings_in(folder)
    entities = {
        "customers": [customer(name) for name in ("large", "paying", "small", "cheque")],
        "receivables": [
            receivable("large", "large", "2026-11-13", "1000.00"),
            receivable("paying", "paying", "2026-11-13", "500.00"),
            receivable("small", "small", "2026-11-13", "100.00"),
            # no one is asked for what a cheque of a later date will pay
            receivable("cheque", "cheque", "2026-11-13", "700.00"),
        ],
        "payments": [payment("c1", "cheque", "2026-12-05", "700.00")],
    }
    for night in NIGHTS:
        if night >= date(2026, 11, 19):
            entities["payments"].append(payment("p1", "paying", "2026-11-19", "500.00"))
        land_night(settings, night, **entities)
    return folder


@pytest.fixture
def landed(landed_once, tmp_path) -> Settings:
    """The same nights, free to be changed."""
    shutil.copytree(landed_once, tmp_path / "copy")
    return settings_in(tmp_path / "copy", fresh=False)


def settings_in(folder: Path, fresh: bool = True) -> Settings:
    config, data = folder / "config", folder / "data"
    if fresh:
        copy_config(config)
        (config / "regua.yml").write_text(CURRENT, encoding="utf-8")
    ledger = f"sqlite:///{folder / 'ledger.db'}"
    return Settings(config, data, f"duckdb:///{folder / 'warehouse.duckdb'}", ledger, "outbox")


def proposal(settings, text: str) -> Path:
    path = settings.config / "proposal.yml"
    path.write_text(text, encoding="utf-8")
    return path


def compared(
    settings,
    text: str = PROPOSED,
    first: date = NIGHTS[0],
    last: date = NIGHTS[-1],
    creditor: str | None = None,
):
    return simulation.simulate(settings, proposal(settings, text), first, last, creditor)


@pytest.fixture(scope="module")
def found(landed_once, compiled_once):
    return compared(settings_in(landed_once, fresh=False))


def test_each_regua_follows_its_own_contacts(found):
    assert found.nights == tuple(NIGHTS) and len(found.missing) == 3
    # Tuesday 17: d+1 (Monday is within the clearing time). Thursday 19: d+3 to the two still open.
    # The call of d+7 waits for the clock that runs from the last step: d+3 on the 19th, so the
    # 23rd; after d+1 on the 17th, the 23rd as well.
    steps = {(line.step, line.channel): line.contacts for line in found.steps}
    assert steps == {
        ("d+1", "email"): Pair(3, 2),
        ("d+3", "email"): Pair(2, 0),
        ("d+7", "phone"): Pair(2, 2),
    }
    assert (found.messages, found.calls, found.customers) == (Pair(5, 2), Pair(2, 2), Pair(3, 3))
    assert found.amounts == {"BRL": Pair(Decimal("1600.00"), Decimal("1600.00"))}
    assert (found.versions, found.proposed_version) == (("atual",), "proposta")
    by_amount = {line.amount: line for line in found.changed}
    assert {amount: (line.change, line.contacts) for amount, line in by_amount.items()} == {
        Decimal("1000.00"): ("fewer", Pair(3, 2)),
        Decimal("100.00"): ("fewer", Pair(3, 1)),
    }


def test_the_regua_in_force_compared_with_itself_changes_nothing(landed):
    found = compared(landed, CURRENT.replace("version: atual", "version: outra"), last=NIGHTS[3])
    assert found.changed == () and found.messages.difference == found.calls.difference == 0
    assert "Nenhum cliente teria contatos diferentes" in render_report(found)


def test_both_start_from_the_ledger_as_it_stood(landed):
    told = [contact("2026-11-16", key_of("large"), "erp:large", "d+1", 1)]
    entities = {
        "customers": [customer("large")],
        "receivables": [receivable("large", "large", "2026-11-13", "1000.00")],
    }
    for night in NIGHTS[1:3]:
        land_night(landed, night, feedback={"contacts": told}, **entities)
    found = compared(landed, first=NIGHTS[1], last=NIGHTS[2])
    assert {(line.step, line.channel): line.contacts for line in found.steps} == {
        ("d+3", "email"): Pair(1, 0)
    }


def test_a_simulated_message_names_what_it_lists(landed):
    """The message of the 18th lists the younger debt, which goes on once the older one is paid.

    By the dates alone a contact in reais would not have named one in dollars. On the 16th the other
    payer's younger debt was in its clearing days, so that no message listed it.
    """
    entities = {
        "customers": [customer("two"), customer("young")],
        "receivables": [
            receivable("old", "two", "2026-11-12", "1000.00"),
            receivable("next", "two", "2026-11-13", "700.00", currency="USD"),
            receivable("old_paid", "young", "2026-11-12", "1000.00"),
            receivable("unnamed", "young", "2026-11-13", "500.00"),
        ],
    }
    paid = [
        payment("p1", "old_paid", "2026-11-17", "1000.00"),
        payment("p2", "old", "2026-11-19", "1000.00"),
    ]
    for night in NIGHTS:
        known = [row for row in paid if row["paid_on"] <= night]
        land_night(landed, night, **entities, payments=known)
    # Without the entry of d+7 only a debt that has heard of it comes to the call.
    found = compared(landed, CURRENT.replace("template: call, entry: true", "template: call"))
    steps = {(line.step, line.channel): line for line in found.steps}
    assert {key: line.contacts.proposed for key, line in steps.items()} == {
        ("d+1", "email"): 3,
        ("d+3", "email"): 2,
        ("d+7", "phone"): 1,
    }
    assert steps["d+7", "phone"].amounts["USD"].proposed == Decimal("700.00")


@pytest.mark.parametrize(
    ("creditor", "has_own", "changed", "versions"),
    [
        (None, False, {"1000.00", "100.00"}, ("atual",)),
        ("atacado", False, {"100.00"}, ("atual",)),
        (None, True, {"1000.00"}, ("atual",)),
        ("atacado", True, {"100.00"}, ("própria",)),
    ],
)
def test_a_proposal_may_be_for_one_creditor(tmp_path, creditor, has_own, changed, versions):
    """Those who follow another régua keep it: the group's, or one of their own."""
    settings = settings_in(tmp_path)
    folder = make_group(settings.config)
    if has_own:
        own = textwrap.indent(CURRENT.replace("atual", "própria"), "  ")
        with (folder / "atacado.yml").open("a", encoding="utf-8") as file:
            file.write(f"regua:\n{own}")
    for night in NIGHTS[:4]:
        land_night(
            settings,
            night,
            customers=[customer("large"), customer("small")],
            receivables=[
                receivable("large", "large", "2026-11-13", "1000.00", creditor="varejo"),
                receivable("small", "small", "2026-11-13", "100.00", creditor="atacado"),
            ],
        )
    found = compared(settings, last=NIGHTS[3], creditor=creditor)
    assert {str(line.amount) for line in found.changed} == changed
    assert found.versions == versions


def test_nothing_but_the_landing_is_read_and_nothing_is_written(landed):
    before = {path: path.read_bytes() for path in landed.data.rglob("*") if path.is_file()}
    compared(landed, last=NIGHTS[1])
    assert {path: path.read_bytes() for path in landed.data.rglob("*") if path.is_file()} == before
    assert {path.name for path in landed.data.iterdir()} == {"landing"}


def test_a_manager_can_read_it_and_sort_it(found, tmp_path):
    text = render_report(found, top=1)
    for part in (
        "régua proposta (proposta) contra a atual (atual)",
        "16/11/2026 a 25/11/2026 · 7 noites com dados",
        "21/11, 22/11, 24/11",
        "Têm menos contatos: 2 (maiores valores: 1)",
        "1.600,00",
        "−3 (−60 %)",
    ):
        assert part in text, text
    assert max(len(line) for line in text.splitlines()) <= 121
    assert write_customers(found, tmp_path / "customers.csv") == 2
    rows = list(
        csv.DictReader((tmp_path / "customers.csv").open(encoding="utf-8-sig"), delimiter=";")
    )
    assert [(row["mudanca"], row["diferenca"], row["valor_em_aberto"]) for row in rows] == [
        ("menos contatos", "-1", "1.000,00"),
        ("menos contatos", "-2", "100,00"),
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: compared(s, last=date(2026, 11, 1)), "swap --from and --to"),
        (
            lambda s: compared(s, first=date(2026, 10, 1), last=date(2026, 10, 2)),
            "has landed completely",
        ),
        (
            lambda s: compared(s, PROPOSED.replace("first_notice", "first_notise")),
            "proposal.yml:7: ",
        ),
        (
            lambda s: simulation.simulate(s, s.config / "absent.yml", NIGHTS[0], NIGHTS[0]),
            "absent.yml:1: the file does not exist",
        ),
        (
            lambda s: compared(s, creditor="atacado"),
            "there is no creditor 'atacado'; use one of: principal",
        ),
    ],
    ids=["reversed dates", "no landing", "wrong proposal", "no file", "unknown creditor"],
)
def test_what_cannot_be_simulated_is_refused(landed, change, told):
    with pytest.raises(ConfigError, match=told):
        change(landed)


def test_an_override_to_a_regua_that_the_proposal_lacks_is_refused(landed):
    regua = (
        CURRENT.replace("segments: []", "segments: [vip]")
        + "      vip:\n        - {offset: 2, channel: email, template: first_notice, entry: true}\n"
    )
    (landed.config / "regua.yml").write_text(regua, encoding="utf-8")
    with (landed.config / "overrides.csv").open("a") as file:
        file.write("customer;erp;large;vip;;;combinado;maria;2026-11-01;\n")
    land_night(landed, NIGHTS[0], customers=[customer("large")])
    with pytest.raises(ConfigError, match="'vip', which the proposed file does not have"):
        compared(landed, last=NIGHTS[0])


def test_no_rule_knows_the_date_that_stands_for_the_business_date():
    dbt = PROJECT_ROOT / "dbt"
    texts = [path for folder in ("macros", "models") for path in (dbt / folder).rglob("*.sql")]
    assert texts
    knowing = [path.name for path in texts if ANY_DATE.isoformat() in path.read_text("utf-8")]
    assert knowing == []
