"""The finance pack: it ties to the marts, shows no tax id, and is published whole or not at
all.
"""

import json
import re
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser

import duckdb
import pytest
from python_calamine import CalamineWorkbook

from cobranca.errors import CobrancaError, PartitionError
from cobranca.partitions.outbound_partition import read_batch
from cobranca.reports import write_reports
from cobranca.reports.figures import read_pack
from cobranca.reports.report_tables import NUMBERS, TABLES
from cobranca.reports.report_workbook import FIRST_ROW
from cobranca.reports.table_rows import rows_of, shown
from reports.batches import MAILBOX, NIGHT, TAX_IDS, approve, build_night, changed, settings_in

TABLES_READ = (
    "fct_receivables", "fct_aging", "fct_decisions", "dim_payer_ranking", "rpt_aging",
    "rpt_aging_trend", "rpt_dso", "rpt_cei",
    "rpt_roll_rates", "rpt_liquidity", "rpt_allowance", "rpt_allowance_movement",
    "rpt_recovery_by_band", "rpt_contact_effect",
    "rpt_promises", "out_reminders", "out_call_queue",
)  # fmt: skip
CENT = "cast({} + 0.01 as decimal(18, 2)) as {}"


@pytest.fixture(scope="session")
def written(finance_night):
    settings, _ = finance_night
    return settings, write_reports(settings, NIGHT)


@pytest.fixture(scope="session")
def page(written) -> str:
    return (written[0].folder("reports", NIGHT) / "financeiro.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def workbook(written) -> CalamineWorkbook:
    return CalamineWorkbook.from_path(written[0].folder("reports", NIGHT) / "financeiro.xlsx")


def contents(settings, night=NIGHT) -> dict[str, bytes]:
    folder = settings.folder("reports", night)
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_totals_equal_the_open_receivables_of_the_marts(written, finance_night):
    _, batch = finance_night
    expected = duckdb.sql(
        "select currency, cast(count(*) as varchar), cast(sum(open_amount) as varchar), "
        "cast(sum(amount_due) as varchar), "
        "cast(sum(case when days_past_due > 0 then open_amount else 0 end) as varchar) "
        f"from read_parquet('{batch.path('fct_receivables.parquet')}') group by 1 order by 1"
    ).fetchall()
    told = written[1]["totals"]
    measures = ("receivables", "open_amount", "amount_due", "overdue_amount")
    assert [
        (currency, *(told[currency][name] for name in measures)) for currency in sorted(told)
    ] == expected
    assert {row[0] for row in expected} == {"BRL", "USD"}


def test_every_sheet_holds_the_rows_of_the_batch(workbook, finance_night):
    settings, _ = finance_night
    pack = read_pack(read_batch(settings, NIGHT))
    assert workbook.sheet_names == ["Resumo", *(table.sheet for table in TABLES), "Definições"]
    for table in (shown(table, pack) for table in TABLES):
        lines = workbook.get_sheet_by_name(table.sheet).to_python(skip_empty_area=False)
        assert lines[FIRST_ROW] == ["Moeda", *(column.label for column in table.columns)], (
            table.sheet
        )
        expected = [
            (currency, row)
            for currency in pack.currencies
            for row in rows_of(pack, table, currency)
        ]
        assert expected, f"{table.sheet}: this night must fill every table"
        for line, (currency, row) in zip(lines[FIRST_ROW + 1 :], expected, strict=False):
            assert line[0] == currency
            for cell, column in zip(line[1:], table.columns, strict=True):
                value = row[column.name]
                if value is None:
                    assert cell == ""
                elif column.kind in NUMBERS:
                    assert Decimal(repr(cell)) == Decimal(value), (table.sheet, column.name)
                elif column.kind in ("date", "month"):
                    assert cell == value, (table.sheet, column.name)


def test_totals_of_the_workbook_add_up_by_currency(workbook, finance_night):
    settings, _ = finance_night
    pack = read_pack(read_batch(settings, NIGHT))
    lines = workbook.get_sheet_by_name("Decisões").to_python(skip_empty_area=False)
    totals = {line[0]: Decimal(repr(line[5])) for line in lines if line[1] == "Total"}
    assert totals == {
        currency: Decimal(told["open_amount"]) for currency, told in _totals(pack).items()
    }


def _totals(pack) -> dict:
    from cobranca.reports.figures import totals

    return totals(pack)


class _Page(HTMLParser):
    """Tags, addresses and problems of structure of a page."""

    VOID = frozenset({"meta", "br", "path", "line", "link", "rect"})

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self.open: list[str] = []
        self.plots: list[dict] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.ids |= {attrs["id"]} if "id" in attrs else set()
        self.addresses += [
            value
            for name, value in attrs.items()
            if name in ("href", "src", "xlink:href", "action", "srcset", "data")
        ]
        if tag == "svg":
            self.plots.append(attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_asks_for_nothing_outside_itself(page):
    read = _Page(page)
    assert not read.open
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(
        read.tags
    )
    assert read.addresses and all(
        address.startswith("#") and address[1:] in read.ids for address in read.addresses
    )
    assert not re.search(r"url\((?!#)|@import|javascript:", page)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_every_plot_is_named_and_stands_beside_a_table(page):
    read = _Page(page)
    assert len(read.plots) >= 10
    assert all(plot.get("role") == "img" and plot.get("aria-label") for plot in read.plots)
    assert read.tags.count("table") >= len({plot["aria-label"] for plot in read.plots}) - 2
    assert read.tags.count("caption") == read.tags.count("table")


def test_no_tax_id_and_no_address_reach_the_files(page, workbook):
    cells = " ".join(
        str(cell)
        for name in workbook.sheet_names
        for line in workbook.get_sheet_by_name(name).to_python()
        for cell in line
    )
    for secret in (*TAX_IDS, MAILBOX, "example.com"):
        assert secret not in page
        assert secret not in cells
    assert "Maria Silva" in page and "Maria Silva" in cells


def test_text_of_the_sources_is_text(page, workbook):
    assert "<b>Ipê</b>" not in page
    assert "Padaria &lt;b&gt;Ipê&lt;/b&gt; &amp; Filhos" in page
    names = [
        line[2]
        for line in workbook.get_sheet_by_name("Maiores devedores").to_python(skip_empty_area=False)
    ]
    assert "=HYPERLINK(0)" in names


def test_the_same_batch_gives_the_same_bytes(written):
    settings, told = written
    before = contents(settings)
    assert write_reports(settings, NIGHT) == told
    assert contents(settings) == before


def test_the_manifest_names_the_batch_and_its_files(written, finance_night):
    _, batch = finance_night
    body = json.loads(contents(written[0])["manifest.json"])
    assert body["batch_id"] == batch.batch_id
    assert [file["name"] for file in body["files"]] == ["financeiro.html", "financeiro.xlsx"]


@pytest.mark.parametrize(
    ("table", "query", "named"),
    [
        (
            "fct_decisions",
            "* from {t} where receivable_key <> (select max(receivable_key) from {t})",
            "fct_decisions",
        ),
        (
            "fct_aging",
            (
                f"* replace ({CENT.format('open_amount', 'open_amount')}) from {{t}} where "
                f"currency = "
                "'BRL'"
            ),
            "fct_aging",
        ),
        ("rpt_aging", "* from {t} where aging_band <> '181+' or basis <> 'original'", "original"),
        (
            "rpt_aging_trend",
            f"* replace ({CENT.format('open_amount', 'open_amount')}) from {{t}}",
            "rpt_aging_trend",
        ),
        ("rpt_allowance", "* from {t} where aging_band <> 'not_due'", "rpt_allowance"),
        (
            "fct_receivables",
            f"* replace ({CENT.format('amount_due', 'amount_due')}) from {{t}}",
            "amount_due",
        ),
    ],
)
def test_a_batch_that_differs_by_a_cent_is_refused_and_the_previous_report_stays(
    finance_night, tmp_path, table, query, named
):
    _, batch = finance_night
    settings = changed(tmp_path, batch, **{table: "select " + query.replace("{t}", f"{{{table}}}")})
    folder = settings.folder("reports", NIGHT)
    folder.mkdir(parents=True)
    (folder / "financeiro.html").write_text("the previous one")
    with pytest.raises(CobrancaError, match=named):
        write_reports(settings, NIGHT)
    assert contents(settings) == {"financeiro.html": b"the previous one"}


def test_nothing_is_written_without_an_approved_batch(tmp_path):
    settings = settings_in(tmp_path)
    with pytest.raises(PartitionError):
        write_reports(settings, NIGHT)
    assert contents(settings) == {}


def test_a_refused_batch_is_not_reported(finance_night, tmp_path):
    _, batch = finance_night
    settings = changed(tmp_path, batch)
    verdict = settings.folder("quality", NIGHT) / "plan.json"
    verdict.write_text(verdict.read_text().replace('"passed": true', '"passed": false'))
    with pytest.raises(PartitionError):
        write_reports(settings, NIGHT)
    assert contents(settings) == {}


def test_a_night_without_anything_has_its_reports(finance_night, tmp_path):
    _, batch = finance_night
    settings = changed(
        tmp_path,
        batch,
        **{table: f"select * from {{{table}}} where false" for table in TABLES_READ},
    )
    assert write_reports(settings, NIGHT)["totals"] == {}
    _Page(contents(settings)["financeiro.html"].decode())
    book = CalamineWorkbook.from_path(settings.folder("reports", NIGHT) / "financeiro.xlsx")
    assert book.get_sheet_by_name("Aging").to_python()


def test_a_currency_in_which_nothing_is_open_is_shown_as_such(finance_night, tmp_path):
    _, batch = finance_night
    marts = ("fct_receivables", "fct_aging", "fct_decisions")
    changes = {table: f"select * from {{{table}}} where currency <> 'USD'" for table in marts}
    amounts = {
        "rpt_aging": ("open_amount", "amount_due"),
        "rpt_aging_trend": ("open_amount",),
        "rpt_allowance": ("open_amount",),
    }
    for table, columns in amounts.items():
        zeros = [
            f"cast(if(currency = 'USD', 0, {column}) as decimal(18, 2)) as {column}"
            for column in columns
        ]
        if table != "rpt_allowance":
            zeros.append("if(currency = 'USD', 0, receivables) as receivables")
        changes[table] = f"select * replace ({', '.join(zeros)}) from {{{table}}}"
    settings = changed(tmp_path, batch, **changes)
    told = write_reports(settings, NIGHT)["totals"]
    assert told["USD"]["open_amount"] == "0.00"
    assert "não há saldo em aberto nesta moeda" in contents(settings)["financeiro.html"].decode()


def test_the_first_night_of_a_young_company_on_a_sunday(tmp_path):
    sunday = date(2026, 11, 22)
    rows = {
        "customers": [{"customer_id": "1", "name": "Primeira Cliente"}],
        "receivables": [
            {"receivable_id": str(n), "customer_id": "1",
                "due_date": sunday - timedelta(days=3 - n), "amount": Decimal("10.00"),
             "issue_date": sunday - timedelta(days=5)}
            for n in range(6)
        ],
    }  # fmt: skip
    settings, batch = build_night(tmp_path, sunday, **rows)
    approve(settings, batch)
    assert write_reports(settings, sunday)["totals"]["BRL"]["receivables"] == "6"
    text = contents(settings, sunday)["financeiro.html"].decode()
    assert "sem histórico suficiente" in text
    assert "Ainda não há contatos registrados" in text
