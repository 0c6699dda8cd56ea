"""``cobranca check`` shows enough to repair a source, and nothing about a person."""

import re
from datetime import date

from cobranca.landing import land
from cobranca.settings import Settings
from cobranca.sources.check import check, report
from source_databases import ACCOUNT, CLIENT, INVOICE, PERSONAL, TITLE, D, MakeSource


def test_check_prints_one_table_of_everything(settings: Settings, erp, make_source: MakeSource):
    billing = make_source("billing")
    billing.add("account", ACCOUNT)
    billing.add("invoice", INVOICE)
    billing.run("drop table invoice_payment")
    text = report(check(settings))
    lines = text.splitlines()
    assert lines[0].split() == [
        "source",
        "entity",
        "engine",
        "columns",
        "rows",
        "tried",
        "quarantine",
        "state",
    ]
    shown = {tuple(line.split()[:2]): line.split() for line in lines[2:8]}
    assert shown["erp", "customers"][2:] == [
        "SQLite",
        "15",
        "of",
        "15",
        "2",
        "1",
        "rows",
        "for",
        "quarantine",
    ]
    assert shown["erp", "receivables"][2:6] == ["SQLite", "16", "of", "18"]
    assert shown["billing", "customers"][-1] == "ok" and shown["billing", "payments"][2:] == [
        "SQLite",
        "PROBLEM,",
        "see",
        "below",
    ]
    assert (
        "PROBLEM billing payments: the database refuses the query (no such table: "
        "invoice_payment); correct the query" in text
    )
    met = {tuple(re.split(r"\s{2,}", line)) for line in lines[9 : lines.index("", 9)]}
    assert {
        ("source", "entity", "column", "rule", "met in the rows tried", "count"),
        ("erp", "customers", "name", "missing", "row to quarantine", "1"),
        ("erp", "receivables", "amount", "not_positive", "row to quarantine", "1"),
        ("erp", "customers", "phone", "normalised", "value rewritten", "2"),
        ("billing", "receivables", "due_date", "reformatted", "value rewritten", "1"),
    } <= met
    assert (
        "columns billing customers: customer_id, name" in text
        and "; without preferred_channel, opt_out_email" in text
    )
    assert "erp: one moment by one transaction, file opened read only" in text
    assert not [word for word in PERSONAL if word in text]


def test_check_holds_rows_against_the_limits_of_the_policy(
    erp_only: Settings, make_source: MakeSource
):
    erp = make_source("erp")
    erp.add("clientes", CLIENT | {"cpf_cnpj": "123"})
    erp.add(
        "titulos",
        TITLE | {"valor": "12345678901.00"},
        TITLE | {"id": 2, "vencimento": date(2070, 1, 1)},
    )
    rows = {row.entity: row for row in check(erp_only, D)}
    assert rows["receivables"].reasons == {"amount too_large": 1, "due_date due_too_far": 1}
    assert rows["customers"].emptied == {"tax_id invalid": 1}
    assert not {row.entity: row for row in check(erp_only)}["receivables"].reasons


def test_what_a_database_refuses_names_its_own_cure(erp_only: Settings, make_source: MakeSource):
    """A column in quotes, a table of another schema, a table that the user may not read."""
    erp = make_source("erp", "postgresql")
    erp.add("clientes", CLIENT)
    path = erp_only.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8").replace("municipio as city", 'municipio as "City"')
    path.write_text(text.replace("from titulos", "from titulo"), encoding="utf-8")
    erp.run(
        "alter table baixas rename to settlements",
        "create view baixas as select * from settlements",
        "create role nobody_s",
    )
    try:
        erp.run("alter view baixas owner to nobody_s")
        found = {row.entity: (row.problem, row.cure) for row in check(erp_only)}
    finally:
        erp.run("drop view baixas", "drop role nobody_s")
    problem, cure = found["customers"]
    assert (
        "column 'City' is named in quotes" in problem
        and cure == "name it without quotes (... as city)"
    )
    assert found["receivables"][1].endswith(
        "a table of another schema is written with it (schema.table)"
    )
    assert "permission denied" in found["payments"][0]
    assert (
        found["payments"][1]
        == "have the user of connection 'erp' granted to read what the query names"
    )


def test_check_notes_what_is_new_since_the_last_landing(settings: Settings, erp):
    (settings.config / "sources" / "billing.yml").unlink()
    path = settings.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("          telefone as phone,\n", ""), encoding="utf-8")
    land.land_all(settings, D, "run")
    path.write_text(text, encoding="utf-8")
    assert "note erp customers: new since the last landing: phone" in report(check(settings))
