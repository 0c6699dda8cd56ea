"""Nights of two creditors who share payers and agents: nothing written names the wrong one."""

import contextlib
import csv
import dataclasses
import email
import email.policy
import json
import re
import shutil
import sqlite3
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from python_calamine import CalamineWorkbook

from cobranca import warehouse
from cobranca.demo.agent_answers import return_workbooks
from cobranca.ledger.tables import (
    agreements,
    commitment_items,
    contact_items,
    contacts,
    outcomes,
    promises,
)
from cobranca.partitions.manifest import read_manifest
from cobranca.policy import load_policy
from cobranca.privacy.export import DATA, export
from creditor_files import SECOND_TAX_ID, copy_config
from nights.installation import FIRST, HOLIDAY, Installation
from seeds import few_or_many
from warehouse.parity import differences

# Days on which payers may be contacted; in a long run two weeks of them.
NIGHTS = tuple(
    day
    for day in (FIRST + timedelta(days=number) for number in range(15))
    if day.weekday() < 5 and day != HOLIDAY
)
# One creditor has a régua (from the second night on), limits and a negotiation of its own.
OWN_REGUA_FROM = NIGHTS[1]
OWN = f"""
regua:
  versions:
    - version: atacado-1
      effective_from: {OWN_REGUA_FROM}
      maximum_gap_days: 60
      steps:
        "*":
          - {{offset: 2, channel: email, template: first_notice, entry: true}}
          - {{offset: 9, channel: phone, template: call, entry: true}}
          - {{offset: 40, channel: phone, template: call_offer, entry: true}}
          - {{offset: 95, channel: email, template: last_notice}}
limits: {{default_fine_rate: "1 %"}}
negotiation:
  - {{level: "*", from_day: 1, to_day: null, max_discount_rate: "1 %", max_installments: 2}}
"""
# The ERP is shared, and its rows say whose they are; the billing system is of one creditor.
OF_ROWS = (
    "case when substr(cast(id as text), -1) in ('1', '4', '7') then 'atacado' else 'varejo' end"
)
# What may never stand in a message of the other creditor.
MARKS = {
    "varejo": ("Ipê Amarelo", "11.222.333/0001-81", "Rua das Jabuticabeiras", "varejo@pix.example"),
    "atacado": ("Jacarandá Serviços", SECOND_TAX_ID, "Alameda dos Ipês", "atacado@pix.example"),
}

pytestmark = pytest.mark.timeout(900)


def make_group(place: Installation) -> None:
    """Give each source of the company a creditor of its own."""
    copy_config(place.config)
    folder = place.config / "creditors"
    folder.mkdir()
    text = (place.config / "creditor.yml").read_text(encoding="utf-8")
    (place.config / "creditor.yml").unlink()
    for creditor, (name, tax_id, street, key) in MARKS.items():
        own = (
            text.replace("Ipê Amarelo", name)
            .replace("11.222.333/0001-81", tax_id)
            .replace("Rua das Jabuticabeiras", street)
            .replace("financeiro@example.com.br", f"financeiro@{creditor}.example")
            .replace("atendimento@example.com.br", f"atendimento@{creditor}.example")
            .replace("pix_key: null", f"pix_key: {key}")
        )
        (folder / f"{creditor}.yml").write_text(own, encoding="utf-8")
    billing, erp = (place.config / "sources" / f"{source}.yml" for source in ("billing", "erp"))
    billing.write_text(
        f"creditor: atacado\n{billing.read_text(encoding='utf-8')}", encoding="utf-8"
    )
    with (folder / "atacado.yml").open("a", encoding="utf-8") as file:
        file.write(OWN)
    named = erp.read_text(encoding="utf-8").replace(
        " id as receivable_id,", f" id as receivable_id, {OF_ROWS} as creditor,"
    )
    erp.write_text(named, encoding="utf-8")


def open_counter(place: Installation) -> None:
    """A third source, whose payers owe both creditors since one day: they are called for both."""
    database = place.folder / "counter.db"
    place.environment["AIRFLOW_CONN_COUNTER"] = f"sqlite:///{database}"
    payers = (
        "with recursive payers (n) as (select 1 union all select n + 1 from payers where n < 8)"
    )
    with contextlib.closing(sqlite3.connect(database)) as counter:
        counter.executescript(f"""
            create table customers as {payers}
            select n as customer_id, 'Rita Prado ' || n as name, 'SP' as state,
                '1198765432' || n as phone, 'rita' || n || '@example.com' as email,
                'consumer' as contract_type
            from payers;
            create table receivables as {payers}, debts (id, creditor) as (
                values (1, 'atacado'), (2, 'varejo')
            )
            select n || '0' || id as receivable_id, n as customer_id, creditor,
                '2026-10-01' as issue_date, '2026-11-06' as due_date, '200.00' as amount
            from payers cross join debts;
            -- a payment of each day keeps its payments fresh
            insert into receivables
                values ('992', 1, 'varejo', '2026-01-02', '2040-01-02', '100.00');
            create table payments as with recursive days (day) as (
                select '2026-11-01'
                union all select date(day, '+1 day') from days where day < '2026-12-05'
            )
            select day as payment_id, '992' as receivable_id, day as paid_on, '0.01' as amount,
                null as customer_id, null as creditor
            from days;
            -- money that one of them paid in advance, to one creditor
            insert into payments values ('advance', null, '2026-11-16', '5.00', 3, 'varejo');
        """)
    (place.config / "sources" / "counter.yml").write_text(
        "source: counter\nconnection: counter\nentities:\n"
        "  customers: {query: select * from customers}\n"
        "  receivables: {query: select * from receivables}\n"
        "  payments: {query: select * from payments}\n",
        encoding="utf-8",
    )


def creditor_of(receivable_key: str) -> str:
    return (
        "atacado"
        if receivable_key.startswith("billing:") or receivable_key[-1] in "147"
        else "varejo"
    )


@pytest.fixture(scope="session")
def group(tmp_path_factory) -> Installation:
    """The group after three nights, in a long run after ten; its agents answer by day."""
    place = Installation(tmp_path_factory.mktemp("group"))
    make_group(place)
    open_counter(place)
    for night in nights():
        place.fill(night)
        return_workbooks(place.settings, night)
        done = place.night_here(night)
        assert done.returncode == 0, done.stdout + done.stderr
    return place


def nights() -> tuple[date, ...]:
    return NIGHTS[: few_or_many(3, 10)]


def letters(place: Installation, night: date):
    """Each letter of a night by its message key, headers and bodies as text."""
    for path in sorted(place.settings.folder("outbox", night).glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        bodies = [
            part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"
        ]
        headers = "\n".join(f"{name}: {value}" for name, value in mail.items())
        yield path.stem, mail, "\n".join([headers, *bodies])


def test_a_letter_names_its_own_creditor_alone(group):
    seen = Counter()
    for night in nights():
        seen += _letters_of_one_creditor(group, night)
    assert set(seen) == set(MARKS), "a creditor who wrote to no one proves nothing"


def _letters_of_one_creditor(group: Installation, night: date) -> Counter:
    query = "select message_key, any_value(creditor), list(receivable_key) from {} group by all"
    planned = {
        key: (creditor, items) for key, creditor, items in group.rows(night, "out_reminders", query)
    }
    seen: Counter = Counter()
    for key, mail, text in letters(group, night):
        creditor, items = planned[key]
        assert set(map(creditor_of, items)) == {creditor}
        assert mail["From"].addresses[0].domain == f"{creditor}.example"
        assert mail["Reply-To"].addresses[0].domain == f"{creditor}.example"
        for other, marks in MARKS.items():
            named = [mark for mark in marks[:3] if mark in text]
            assert named == (list(marks[:3]) if other == creditor else []), (key, other)
            assert other == creditor or marks[3] not in text
        seen[creditor] += 1
    return seen


def test_a_payer_hears_of_creditor_files_a_day(group):
    query = """
        select customer_key, count(distinct message_key), count(distinct creditor)
        from {} where decision in ('remind', 'call') and reason <> 'joined_call'
            and receivable_key = episode_key
        group by customer_key having count(distinct creditor) > 1
    """
    yielded = Counter()
    for night in nights():
        assert group.rows(night, "fct_decisions", query) == []
        yielded += Counter(
            reason
            for (reason,) in group.rows(
                night,
                "fct_decisions",
                "select reason from {} where reason in ('yielded_to_creditor', 'joined_call')",
            )
        )
    assert yielded["yielded_to_creditor"], "payers are shared"


def test_the_ledger_knows_whose_each_contact_is(group):
    query = sa.select(contacts.c.creditor, contact_items.c.receivable_key).join(
        contact_items, contact_items.c.message_key == contacts.c.message_key
    )
    found = defaultdict(set)
    for creditor, receivable in group.recorded(query):
        found[creditor].add(creditor_of(receivable))
    assert dict(found) == {creditor: {creditor} for creditor in MARKS}


def test_each_line_of_a_queue_says_on_whose_behalf(group):
    """The list names the creditor of each call, and the workbooks also those who share it."""
    names = load_policy(group.config, FIRST).creditor_names
    joined = 0
    for night in nights():
        calls, shared = (
            {key: names[creditor] for key, creditor in group.rows(night, table, query)}
            for table, query in (
                ("out_call_queue", "select message_key, creditor from {}"),
                ("out_joined_calls", "select message_key || ':' || creditor, creditor from {}"),
            )
        )
        joined += len(shared)
        folder = group.settings.folder("queues", night)
        with next(folder.rglob("fila_*.csv")).open(encoding="utf-8-sig", newline="") as file:
            listed = list(csv.DictReader(file, delimiter=";"))
        assert {row["message_key"]: row["Credor"] for row in listed} == calls
        lines = {
            row[0]: str(row)
            for path in folder.rglob("fila_*.xlsx")
            for row in CalamineWorkbook.from_path(path).get_sheet_by_name("Fila").to_python()
        }
        for key, creditor in (calls | shared).items():
            assert f"credor: {creditor}" in lines[key]
    assert joined, "a call that is not shared proves nothing"


def test_cases_and_reasons_are_told_by_creditor(group):
    night = nights()[-1]
    ((customer,),) = group.rows(
        night,
        "fct_decisions",
        "select customer_key from {} group by 1 having count(distinct creditor) = 2 limit 1",
    )
    told = group.here("why", "--customer", customer)
    assert told.returncode == 0, told.stderr
    for creditor, (name, *_) in MARKS.items():
        assert f"Credor {name} ({creditor})\n" in told.stdout


def test_each_creditor_s_answer_of_a_shared_call_is_told_with_its_own_account(group):
    said = defaultdict(dict)
    query = sa.select(outcomes.c.customer_key, outcomes.c.creditor, outcomes.c.code)
    for customer, creditor, code in group.recorded(
        query.where(outcomes.c.contacted_on == FIRST, outcomes.c.episode_key.like("counter:%"))
    ):
        said[customer][creditor] = code
    answered = {customer: codes for customer, codes in said.items() if len(codes) == 2}
    assert any(len(set(codes.values())) == 2 for codes in answered.values())
    for customer, codes in answered.items():
        told = group.here("why", "--customer", customer, "--business-date", FIRST.isoformat())
        _, *accounts = re.split(r"^Credor .* \((\w+)\)$", told.stdout, flags=re.MULTILINE)
        for creditor, account in zip(accounts[::2], accounts[1::2], strict=True):
            assert re.findall(r"retorno do agente: (\w+)", account) == [codes[creditor]]


def test_who_asks_reads_of_each_row_whose_it_is(group, tmp_path):
    names = {creditor: name for creditor, (name, *_) in MARKS.items()}
    export(group.settings, "counter:3", tmp_path)
    data = json.loads((tmp_path / DATA).read_text(encoding="utf-8"))
    for section, column in (
        ("títulos", "código"),
        ("valores em aberto", "título"),
        ("decisões de cada noite", "título"),
    ):
        told = {(row["credor"], creditor_of(row[column])) for row in data[section]}
        assert told == {(name, creditor) for creditor, name in names.items()}
    assert [(row["credor"], row["título"], row["valor"]) for row in data["pagamentos"]] == [
        (names["varejo"], None, "5,00")
    ]


def test_the_check_tells_who_signs_what(group):
    checked = group.here("check", "--business-date", nights()[-1].isoformat())
    assert checked.returncode == 0, checked.stdout
    for creditor, (name, tax_id, street, _) in MARKS.items():
        (line,) = [
            line for line in checked.stdout.splitlines() if line.startswith(f"creditor {creditor} ")
        ]
        assert name in line and tax_id in line and street in line
    tried = re.findall(
        r"creditor erp receivables: (\w+) \((\d+) of the rows tried\)", checked.stdout
    )
    assert {creditor for creditor, _ in tried} == set(MARKS)
    assert sum(int(count) for _, count in tried) == 50
    assert "creditor billing receivables: atacado (50 of the rows tried)" in checked.stdout


def test_finance_reads_each_creditor_and_the_group(group):
    night = nights()[-1]
    names = load_policy(group.config, night).creditor_names
    folder = group.settings.folder("reports", night)
    assert {path.name for path in folder.glob("financeiro*")} == {
        f"financeiro{whose}.{kind}"
        for whose in ("", "_atacado", "_varejo")
        for kind in ("html", "xlsx")
    }
    for creditor, name in names.items():
        page = (folder / f"financeiro_{creditor}.html").read_text(encoding="utf-8")
        (other,) = set(names) - {creditor}
        assert f"<h1>Relatório financeiro · {name}</h1>" in page and names[other] not in page
    query = """
        select creditor, sum(open_amount) from {}
        where basis = 'effective' and currency = 'BRL' group by creditor
    """
    books = dict(group.rows(night, "rpt_aging", query))
    assert books["*"] == books["atacado"] + books["varejo"] and min(books.values()) > 0
    for report in ("rpt_dso", "rpt_cei", "rpt_liquidity", "rpt_allowance", "rpt_roll_rates"):
        assert {
            creditor
            for (creditor,) in group.rows(night, report, "select distinct creditor from {}")
        } == {"*", "atacado", "varejo"}


def test_each_creditor_follows_its_own_regua_limits_and_negotiation(group):
    """From the day on which its régua begins; the discounts and the fine from the first."""
    followed = defaultdict(set)
    for night in nights():
        query = """
            select creditor, split_part(policy_version, '/', 1)
            from {} where decision in ('remind', 'call') and days_past_due > 0 group by all
        """
        for creditor, version in group.rows(night, "fct_decisions", query):
            followed[creditor, night >= OWN_REGUA_FROM].add(version)
        for table in ("out_call_queue", "out_joined_calls"):
            query = """
                select max(max_discount_rate), max(max_installments)
                from {} where creditor = 'atacado' having count(max_installments) > 0
            """
            for discount, installments in group.rows(night, table, query):
                assert discount <= Decimal("0.01") and installments <= 2
    assert dict(followed) == {
        ("atacado", False): {"2026-01"},
        ("atacado", True): {"atacado-1"},
        ("varejo", False): {"2026-01"},
        ("varejo", True): {"2026-01"},
    }


def test_each_creditor_on_a_call_has_its_own_answers(group):
    """What is recorded for a creditor is about its own receivables, promises and agreements too."""
    about = defaultdict(set)
    answered = defaultdict(set)
    for key, creditor, episode in group.recorded(
        sa.select(outcomes.c.message_key, outcomes.c.creditor, outcomes.c.episode_key)
    ):
        about[creditor].add(creditor_of(episode))
        answered[key].add(creditor)
    for table, key in ((promises, "promise_id"), (agreements, "agreement_id")):
        made = sa.select(table.c.creditor, commitment_items.c.receivable_key).join(
            commitment_items, commitment_items.c.commitment_id == table.c[key]
        )
        for creditor, receivable in group.recorded(made):
            about[creditor].add(creditor_of(receivable))
    assert dict(about) == {creditor: {creditor} for creditor in MARKS}
    assert max(map(len, answered.values())) == 2, "a call that is not shared proves nothing"


def test_each_creditor_on_a_call_is_asked_for_by_itself(group):
    """A decided call is one line for each of its creditors, with what that one is owed."""
    for night in nights():
        query = """
            select message_key, creditor, currency, sum(open_amount - credit_applied)
            from {} where decision = 'call' group by all
        """
        decided = {tuple(key): amount for *key, amount in group.rows(night, "fct_decisions", query)}
        query = "select message_key, creditor, currency, open_amount from {}"
        lines = {
            tuple(key): amount
            for table in ("out_call_queue", "out_joined_calls")
            for *key, amount in group.rows(night, table, query)
        }
        assert lines.items() <= decided.items()
        # what is owed in another currency than the oldest debt's is told beside it
        assert Counter({key[:2] for key in decided}) == Counter(key[:2] for key in lines)


def test_both_engines_build_equal_tables(group, postgres_server, tmp_path):
    night = nights()[-1]
    url = str(postgres_server.create_database("two_creditors"))
    place = dataclasses.replace(group.settings, data=tmp_path, warehouse=url)
    shutil.copytree(group.settings.data / "landing", tmp_path / "landing")
    batch = warehouse.build(place, night)
    assert differences(read_manifest(group.settings.folder("outbound", night)), batch) == {}
