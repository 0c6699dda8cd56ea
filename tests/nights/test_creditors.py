"""Nights of two creditors who share payers and agents: nothing written names the wrong one."""

import csv
import email
import email.policy
import re
from collections import Counter, defaultdict
from datetime import date

import pytest
from python_calamine import CalamineWorkbook

from cobranca.policy import load_policy
from creditor_files import SECOND_TAX_ID, copy_config
from nights.installation import FIRST, NEXT, Installation

NIGHTS = (FIRST, NEXT, date(2026, 11, 25))
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
    named = erp.read_text(encoding="utf-8").replace(
        " id as receivable_id,", f" id as receivable_id, {OF_ROWS} as creditor,"
    )
    erp.write_text(named, encoding="utf-8")


def creditor_of(receivable_key: str) -> str:
    return (
        "atacado"
        if receivable_key.startswith("billing:") or receivable_key[-1] in "147"
        else "varejo"
    )


@pytest.fixture(scope="session")
def group(tmp_path_factory) -> Installation:
    place = Installation(tmp_path_factory.mktemp("group"))
    make_group(place)
    for night in NIGHTS:
        place.fill(night)
        done = place.night_here(night)
        assert done.returncode == 0, done.stdout + done.stderr
    return place


def letters(place: Installation, night: date):
    """Each letter of a night by its message key, headers and bodies as text."""
    for path in sorted(place.settings.folder("outbox", night).glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        bodies = [
            part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"
        ]
        headers = "\n".join(f"{name}: {value}" for name, value in mail.items())
        yield path.stem, mail, "\n".join([headers, *bodies])


@pytest.mark.parametrize("night", NIGHTS)
def test_a_letter_names_its_own_creditor_alone(group, night):
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
    assert set(seen) == set(MARKS), "a creditor who wrote to no one proves nothing"


def test_a_payer_hears_of_creditor_files_a_day(group):
    query = """
        select customer_key, count(distinct message_key), count(distinct creditor)
        from {} where decision in ('remind', 'call') and reason <> 'joined_call'
            and receivable_key = episode_key
        group by customer_key having count(distinct creditor) > 1
    """
    yielded = Counter()
    for night in NIGHTS:
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
    import sqlalchemy as sa

    from cobranca.ledger.tables import contact_items, contacts

    query = sa.select(contacts.c.creditor, contact_items.c.receivable_key).join(
        contact_items, contact_items.c.message_key == contacts.c.message_key
    )
    found = defaultdict(set)
    for creditor, receivable in group.recorded(query):
        found[creditor].add(creditor_of(receivable))
    assert dict(found) == {creditor: {creditor} for creditor in MARKS}


def test_each_call_says_on_whose_behalf(group):
    names = {
        one.id: one.trade_name for one in load_policy(group.config, NIGHTS[0]).creditors.values()
    }
    calls = 0
    for night in NIGHTS:
        expected = {
            key: names[creditor]
            for key, creditor in group.rows(
                night, "out_call_queue", "select message_key, creditor from {}"
            )
        }
        folder = group.settings.folder("queues", night)
        with next(folder.rglob("fila_*.csv")).open(encoding="utf-8-sig", newline="") as file:
            listed = list(csv.DictReader(file, delimiter=";"))
        assert {row["message_key"]: row["Credor"] for row in listed} == expected
        for path in folder.rglob("fila_*.xlsx"):
            for row in CalamineWorkbook.from_path(path).get_sheet_by_name("Fila").to_python():
                if row[0] in expected:
                    assert f"credor: {expected[row[0]]}" in str(row)
                    calls += 1
    assert calls


def test_cases_and_reasons_are_told_by_creditor(group):
    night = NIGHTS[-1]
    ((customer,),) = group.rows(
        night,
        "fct_decisions",
        "select customer_key from {} group by 1 having count(distinct creditor) = 2 limit 1",
    )
    told = group.here("why", "--customer", customer)
    assert told.returncode == 0, told.stderr
    assert "Credor atacado" in told.stdout and "Credor varejo" in told.stdout


def test_the_check_tells_who_signs_what(group):
    checked = group.here("check", "--business-date", NIGHTS[-1].isoformat())
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
    night = NIGHTS[-1]
    names = {one.id: one.trade_name for one in load_policy(group.config, night).creditors.values()}
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
