"""What cleaning writes differently is counted by column and rule, stands in the manifest and on the
quality page.
"""

import re
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from cobranca.errors import GateFailed
from cobranca.landing import land
from cobranca.partitions import landing_partition
from cobranca.quality import check_arrivals
from cobranca.quality.quality_page import REASONS
from cobranca.settings import PROJECT_ROOT, Settings
from cobranca.sources.cleaning.bounds import Bounds, arrival_bounds
from cobranca.sources.cleaning.cleaner import Cleaner
from source_databases import (
    CLIENT,
    SETTLEMENT,
    TITLE,
    D,
    MakeSource,
    SourceDatabase,
    landed,
    refused,
)

CUSTOMER = {"customer_id": "1", "name": "Ana"}
RECEIVABLE = {
    "receivable_id": "1",
    "customer_id": "1",
    "due_date": "2026-11-03",
    "amount": Decimal("10.00"),
}
PAYMENT = {
    "payment_id": "1",
    "receivable_id": "1",
    "paid_on": "2026-11-03",
    "amount": Decimal("10.00"),
}


def repairs(entity: str, base: dict, *changes: dict) -> Counter[str]:
    names = list(base) + [name for name in changes[0] if name not in base]
    cleaner = Cleaner("erp", entity, names)
    cleaner.clean([[(base | change).get(name) for name in names] for change in changes])
    return cleaner.repairs


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("name", ["Ana", " Ana ", "Ana\nMaria", None, "   "], {"name trimmed": 2}),
        ("name", ["Jo\u0061\u0303o", "Jo\u00e3o"], {"name normalised": 1}),
        ("customer_id", ["1", "2  "], {"customer_id trimmed": 1}),
        ("tax_id", ["52998224725", "529.982.247-25", "111.111.111-11"], {"tax_id normalised": 1}),
        ("tax_id", ["360305000104", 360305000104], {"tax_id zeros_restored": 2}),
        ("email", ["a@b.com.br", "a@b.com.br; c@d.com.br", "A@B.com.br"],
            {"email first_of_several": 1, "email normalised": 1}),
        ("phone", ["+5511988887777", "(11) 98888-7777", "98888-7777 / (21) 98888-7777", "nenhum"],
         {"phone normalised": 1, "phone first_of_several": 1}),
        ("state", ["SP", "sp", "XX"], {"state normalised": 1}),
        ("contract_type", ["business", None, ""], {"contract_type defaulted": 2}),
    ],
)  # fmt: skip
def test_each_repair_of_a_customer_is_counted(column: str, values: list, expected: dict):
    assert repairs("customers", CUSTOMER, *({column: value} for value in values)) == expected


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("due_date", ["20261103", "2026-11-04", " 20261105 "], {"due_date reformatted": 2}),
        (
            "due_date",
            ["20261103", "A DEFINIR", 20261104, date(2026, 11, 5), "00000000"],
            {"due_date reformatted": 2},
        ),
        ("currency", ["BRL", None, "", "USD"], {"currency defaulted": 2}),
        ("issue_date", ["2026-11-01", "20261101", ""], {"issue_date reformatted": 1}),
    ],
)
def test_each_repair_of_a_receivable_is_counted(column: str, values: list, expected: dict):
    assert repairs("receivables", RECEIVABLE, *({column: value} for value in values)) == expected


def test_a_reversal_below_zero_is_turned_and_counted():
    changes = [{"kind": "reversal", "amount": Decimal(amount)} for amount in ("-10.00", "10.00")]
    assert repairs("payments", PAYMENT, *changes) == {"amount sign_turned": 1}


def test_the_page_on_cleaning_names_every_rule_and_reason():
    codes = set(REASONS) - {"invalid"}  # noted, and the row lands
    page = (PROJECT_ROOT / "docs" / "sources" / "cleaning.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ([a-z_, ]+) \|", page, re.MULTILINE)
    assert {code for cell in cells for code in cell.split(", ")} - {"rule", "reason"} == codes


def test_clean_values_count_nothing():
    assert repairs("customers", CUSTOMER | {"tax_id": "52998224725", "state": "SP"}, {}) == {}
    assert repairs("receivables", RECEIVABLE | {"currency": "BRL", "status": "open"}, {}) == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"due_date": "2041-12-31"}, None),
        ({"due_date": "2042-01-01"}, "due_too_far"),
        ({"amount": Decimal("1000000.00")}, None),
        ({"amount": Decimal("1000000.01")}, "too_large"),
    ],
)
def test_the_implausible_goes_to_quarantine(change: dict, reason: str | None):
    row = RECEIVABLE | change
    cleaner = Cleaner(
        "erp", "receivables", list(row), (), Bounds(date(2041, 12, 31), Decimal(1_000_000))
    )
    cleaned = cleaner.clean([list(row.values())])
    assert cleaned.quarantine["reason"].to_pylist() == ([] if reason is None else [reason])
    assert cleaned.rows.num_rows == (reason is None)


@pytest.mark.parametrize(
    ("issued", "kept"), [("2026-11-02", True), ("2026-11-03", True), ("2026-11-04", False)]
)
def test_a_debt_issued_after_its_due_date_lands_without_that_day(issued, kept):
    row = RECEIVABLE | {"issue_date": issued}
    cleaner = Cleaner("erp", "receivables", list(row), ())
    cleaned = cleaner.clean([list(row.values())])
    assert cleaned.quarantine.num_rows == 0
    assert cleaned.rows["issue_date"].to_pylist() == [date.fromisoformat(issued) if kept else None]
    assert cleaner.notes == ({} if kept else {"issue_date due_before_issue": 1})


HIGHEST = (("fine_rate", Decimal("0.2")), ("monthly_interest_rate", Decimal("0.1")))


@pytest.mark.parametrize(
    ("column", "rate", "is_used"),
    [
        ("fine_rate", "0.2", True),
        ("fine_rate", "0.200001", False),
        ("monthly_interest_rate", "0.1", True),
        ("monthly_interest_rate", "0.100001", False),
    ],
)
def test_a_rate_above_the_limit_is_set_aside_and_named(column, rate, is_used):
    rows = [RECEIVABLE | {column: rate}, RECEIVABLE | {column: None}]
    cleaner = Cleaner("erp", "receivables", list(rows[0]), (), Bounds(highest_rates=HIGHEST))
    landed = cleaner.clean([list(row.values()) for row in rows]).rows
    assert landed[column].to_pylist() == [Decimal(rate) if is_used else None, None]
    assert landed["refused_rates"].to_pylist() == [None if is_used else column, None]
    assert cleaner.notes == ({} if is_used else {f"{column} rate_too_high": 1})


def test_the_limits_bound_the_rates_of_a_landing(settings: Settings):
    assert arrival_bounds(settings, D).highest_rates == HIGHEST


@pytest.fixture
def erp(erp_only: Settings, make_source: MakeSource) -> SourceDatabase:
    database = make_source("erp")
    database.add("clientes", *[CLIENT | {"cod_cliente": f"C{number}"} for number in range(1, 5)])
    database.add("titulos", *[TITLE | {"id": number} for number in range(1, 21)])
    database.add("baixas", SETTLEMENT)
    return database


def test_the_limits_of_the_plausible_are_the_managers(erp_only: Settings, erp: SourceDatabase):
    erp.add(
        "titulos",
        TITLE | {"id": 21, "vencimento": date(2030, 5, 4)},
        TITLE | {"id": 22, "valor": "5000.00"},
    )
    limits = erp_only.config / "limits.yml"
    text = limits.read_text(encoding="utf-8")
    assert refused(land.land_all(erp_only, D, "one"), "erp", "receivables") == {}
    text = text.replace("maximum_years_ahead: 15", "maximum_years_ahead: 3").replace(
        "largest_amount: 1000000000.00", "largest_amount: 4999.99"
    )
    limits.write_text(text, encoding="utf-8")
    published = land.land_all(erp_only, D, "two")
    assert refused(published, "erp", "receivables") == {"21": "due_too_far", "22": "too_large"}


def test_repairs_stand_in_the_manifest_and_on_the_quality_page(
    erp_only: Settings, erp: SourceDatabase
):
    published = land.land_all(erp_only, D, "run", lambda draft: check_arrivals(erp_only, draft))
    totals = published.entry("erp/customers.parquet").totals
    assert (totals["repaired tax_id normalised"], totals["repaired phone normalised"]) == ("4", "4")
    page = (erp_only.data / "quality" / D.isoformat() / "index.html").read_text(encoding="utf-8")
    assert "Valores reescritos na chegada" in page and "escrito na forma padrão" in page


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_what_the_source_itself_adds_up_stands_next_to_what_came(
    erp_only: Settings, make_source: MakeSource, kind: str
):
    """In each currency, of whole nights and of nights that read only changes; a difference refuses
    the landing.
    """
    long_ago = datetime(2026, 1, 1)
    erp = make_source("erp", kind)
    if kind == "mariadb":
        erp.run("alter table titulos modify moeda varchar(3) character set utf8mb4")
    erp.add("clientes", CLIENT)
    erp.add("titulos", *[TITLE | {"id": n, "alterado_em": long_ago} for n in range(1, 81)])
    erp.add(
        "titulos",
        TITLE | {"id": 91, "moeda": "USD"},
        TITLE | {"id": 92, "moeda": "USD", "valor": "-7.00"},
    )
    erp.add("titulos", TITLE | {"id": 93, "moeda": "ÚSD"}, TITLE | {"id": 94, "cod_cliente": "C9"})
    erp.add(
        "baixas",
        SETTLEMENT,
        SETTLEMENT | {"id": 2, "tipo": "ES", "valor": "-100.00"},
        SETTLEMENT | {"id": 3, "titulo_id": 500},
    )
    erp.add("baixas", *[SETTLEMENT | {"id": n, "valor": "1.00"} for n in range(10, 40)])
    land.land_all(erp_only, D, "one", lambda draft: check_arrivals(erp_only, draft))
    erp.run("update titulos set valor = 999.00 where id = 91")
    drafts = []
    land.land_all(
        erp_only,
        D + timedelta(1),
        "two",
        lambda draft: drafts.append(check_arrivals(erp_only, draft)),
    )
    facts = drafts[0].facts
    control = {
        (row["entity"], row["currency"]): (row["right"], row["rows"], row["totals"])
        for row in facts["control"]
    }
    assert control == {
        ("customers", ""): (True, [1, 1, 0], None),
        ("receivables", "?"): (True, [1, 0, 1], ["1000.00", "0", "1000.00"]),
        ("receivables", "BRL"): (True, [81, 80, 1], ["81000.00", "80000.00", "1000.00"]),
        ("receivables", "USD"): (True, [2, 1, 1], ["992.00", "999.00", "-7.00"]),
        ("payments", ""): (True, [33, 32, 1], ["930.00", "530.00", "400.00"]),
    }
    [how] = [row["reading"] for row in facts["arrivals"] if row["entity"] == "receivables"]
    assert (how["how"], how["left"], how["swept"]) == ("changes", 0, False)
    page = (erp_only.data / "quality" / f"{D + timedelta(1)}" / "index.html").read_text(
        encoding="utf-8"
    )
    assert f"só mudanças: {how['changed']} lidas, 0 fora" in page and "81.000,00" in page

    def spoilt(draft: landing_partition.LandingDraft) -> None:
        entries = [
            replace(one, totals={**one.totals, "source rows USD": "3"})
            if "source rows USD" in one.totals
            else one
            for one in draft.entries
        ]
        check_arrivals(erp_only, replace(draft, entries=entries))

    with pytest.raises(
        GateFailed, match="all_of_the_source on erp.receivables: observed difere: USD"
    ):
        land.land_all(erp_only, D + timedelta(2), "three", spoilt)


def test_repeated_rows_are_reported_and_are_no_lost_money(erp_only: Settings, erp: SourceDatabase):
    path = erp_only.config / "sources" / "erp.yml"
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            "      id as receivable_id,", "      abs(id) as receivable_id,"
        )
    )
    # Two of twenty titles come twice: far more than may be unreadable, and all of it readable.
    later = date(2026, 11, 18)
    erp.add(
        "titulos",
        *[TITLE | {"id": -number, "valor": "750.00", "alterado_em": later} for number in (1, 2)],
    )
    published = land.land_all(erp_only, D, "run", lambda draft: check_arrivals(erp_only, draft))
    amounts = {
        row["receivable_id"]: row["amount"] for row in landed(published, "erp", "receivables")
    }
    assert len(amounts) == 20 and amounts["1"] == amounts["2"] == Decimal("750.00")
    assert refused(published, "erp", "receivables") == {"1": "duplicate_key", "2": "duplicate_key"}
    good = published.entry("erp/receivables.parquet").totals
    left_out = published.entry("erp/receivables__quarantine.parquet").totals
    assert left_out == {"reason duplicate_key": "2", "repeated BRL": "2000.00"}
    # What the source holds is what landed and what was repeated.
    assert (
        Decimal(good["amount BRL"]) + Decimal(left_out["repeated BRL"])
        == 18 * 1000 + 2 * 1000 + 2 * 750
    )
    assert int(good["rows_read"]) == 22


def test_too_much_that_cannot_be_read_stops_the_night(erp_only: Settings, erp: SourceDatabase):
    erp.add("titulos", *[TITLE | {"id": number, "valor": None} for number in (31, 32)])
    with pytest.raises(GateFailed, match="few_quarantined on erp.receivables"):
        land.land_all(erp_only, D, "run", lambda draft: check_arrivals(erp_only, draft))


def of_creditors(entity: str, rows: list[dict], own: str | None = None) -> tuple[list, list]:
    """The creditors that rows land with, and why rows are refused."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cleaner = Cleaner("erp", entity, names)
    cleaner.creditors, cleaner.creditor = ("atacado", "varejo"), own
    cleaned = cleaner.clean([[row.get(name) for name in names] for row in rows])
    refused = cleaned.quarantine.select(["record_key", "column_name", "reason"]).to_pylist()
    return cleaned.rows["creditor"].to_pylist(), [tuple(row.values()) for row in refused]


def test_a_row_is_of_the_creditor_that_it_names_else_of_the_source_s():
    rows = [RECEIVABLE | {"receivable_id": str(n)} for n in range(5)]
    named = ["varejo", " Varejo ", None, "", "atacado"]
    rows = [row | {"creditor": name} for row, name in zip(rows, named, strict=True)]
    found = ["varejo", "varejo", "atacado", "atacado", "atacado"]
    assert of_creditors("receivables", rows, own="atacado") == (found, [])
    assert of_creditors("receivables", [RECEIVABLE], own="varejo") == (["varejo"], [])


def test_an_unknown_creditor_is_refused_and_so_is_none():
    rows = [
        RECEIVABLE | {"receivable_id": "1", "creditor": "varejao"},
        RECEIVABLE | {"receivable_id": "2", "creditor": None},
        RECEIVABLE | {"receivable_id": "3", "creditor": "varejo"},
    ]
    landed, refused = of_creditors("receivables", rows)
    assert landed == ["varejo"]
    assert refused == [("1", "creditor", "unknown_creditor"), ("2", "creditor", "missing")]


def test_money_for_no_receivable_needs_a_creditor_and_other_money_does_not():
    advance = PAYMENT | {"receivable_id": None, "customer_id": "1"}
    rows = [
        PAYMENT,
        advance | {"payment_id": "2"},
        advance | {"payment_id": "3", "creditor": "varejo"},
        PAYMENT | {"payment_id": "4", "creditor": "varejao"},
    ]
    landed, refused = of_creditors("payments", rows)
    assert landed == [None, "varejo"]
    assert refused == [("2", "creditor", "missing"), ("4", "creditor", "unknown_creditor")]
