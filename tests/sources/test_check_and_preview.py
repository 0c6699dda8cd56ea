"""What ``cobranca check`` and ``cobranca sources preview`` show: enough to repair a source, nothing about a person."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from cobranca import landing
from cobranca.aligned import table
from cobranca.cli import commands
from cobranca.errors import ConfigError
from cobranca.settings import Settings
from cobranca.sources import check
from cobranca.sources.preview import masked, preview
from cobranca.sources.probe import report
from source_databases import ACCOUNT, CLIENT, INVOICE, SETTLEMENT, TITLE, D, MakeSource

PERSONAL = ("529.982", "52998224725", "canario", "98888", "João", "Silva", "23793.38128")


@pytest.fixture
def erp(settings: Settings, make_source: MakeSource):
    erp = make_source("erp")
    erp.add(
        "clientes",
        CLIENT | {"razao_social": "João da Silva", "cpf_cnpj": "529.982.247-25", "emails": "canario@empresa.com.br"},
        CLIENT | {"cod_cliente": "52998224725", "razao_social": None, "municipio": "fale com canario@empresa.com.br"},
    )
    erp.add("titulos", TITLE | {"numero": "CPF 529.982.247-25", "linha_digitavel": "23793.38128 60007.827136"})
    erp.add("titulos", TITLE | {"id": 2, "valor": "-1"})
    erp.add("baixas", SETTLEMENT)
    return erp


def test_numbers_are_aligned_to_the_right_and_long_cells_cut():
    assert table(("a", "rows"), [("x" * 20, 5), ("y", None), ("z\nz", 1000)], widest=8) == (
        "a         rows\n--------  ----\nxxxxxxx…     5\ny\nz z       1000"
    )


def test_check_prints_one_table_of_everything(settings: Settings, erp, make_source: MakeSource):
    billing = make_source("billing")
    billing.add("account", ACCOUNT)
    billing.add("invoice", INVOICE)
    billing.run("drop table invoice_payment")
    text = report(check(settings))
    lines = text.splitlines()
    assert lines[0].split() == ["source", "entity", "engine", "columns", "rows", "tried", "quarantine", "state"]
    shown = {tuple(line.split()[:2]): line.split() for line in lines[2:8]}
    assert shown["erp", "customers"][2:] == ["SQLite", "15", "of", "15", "2", "1", "rows", "for", "quarantine"]
    assert shown["erp", "receivables"][2:6] == ["SQLite", "16", "of", "17"]
    assert shown["billing", "customers"][-1] == "ok" and shown["billing", "payments"][2:] == [
        "SQLite",
        "PROBLEM,",
        "see",
        "below",
    ]
    assert "PROBLEM billing payments: the database refuses the query (no such table: invoice_payment); correct the query" in text
    met = {tuple(re.split(r"\s{2,}", line)) for line in lines[9 : lines.index("", 9)]}
    assert {
        ("source", "entity", "column", "rule", "met in the rows tried", "count"),
        ("erp", "customers", "name", "missing", "row to quarantine", "1"),
        ("erp", "receivables", "amount", "not_positive", "row to quarantine", "1"),
        ("erp", "customers", "phone", "normalised", "value rewritten", "2"),
        ("billing", "receivables", "due_date", "reformatted", "value rewritten", "1"),
    } <= met
    assert "columns billing customers: customer_id, name" in text and "; without preferred_channel, opt_out_email" in text
    assert "erp: one moment by one transaction, file opened read only" in text
    assert not [word for word in PERSONAL if word in text]


def test_check_holds_rows_against_the_limits_of_the_policy(erp_only: Settings, make_source: MakeSource):
    erp = make_source("erp")
    erp.add("clientes", CLIENT | {"cpf_cnpj": "123"})
    erp.add("titulos", TITLE | {"valor": "12345678901.00"}, TITLE | {"id": 2, "vencimento": date(2070, 1, 1)})
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
    erp.run("alter table baixas rename to settlements", "create view baixas as select * from settlements", "create role nobody_s")
    try:
        erp.run("alter view baixas owner to nobody_s")
        found = {row.entity: (row.problem, row.cure) for row in check(erp_only)}
    finally:
        erp.run("drop view baixas", "drop role nobody_s")
    problem, cure = found["customers"]
    assert "column 'City' is named in quotes" in problem and cure == "name it without quotes (... as city)"
    assert found["receivables"][1].endswith("a table of another schema is written with it (schema.table)")
    assert "permission denied" in found["payments"][0]
    assert found["payments"][1] == "have the user of connection 'erp' granted to read what the query names"


def test_check_notes_what_is_new_since_the_last_landing(settings: Settings, erp):
    (settings.config / "sources" / "billing.yml").unlink()
    path = settings.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("          telefone as phone,\n", ""), encoding="utf-8")
    landing.land_all(settings, D, "run")
    path.write_text(text, encoding="utf-8")
    assert "note erp customers: new since the last landing: phone" in report(check(settings))


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("name", "João da Silva", "J•••"), ("tax_id", "529.982.247-25", "•••25"), ("phone", "(11) 98888-7777", "•••77"),
        ("email", "canario@empresa.com.br", "•••@•••.br"), ("email", "sem arroba", "•••"),
        ("boleto_line", "23793.38128", "••• (11 characters)"), ("pix_code", "0002", "••• (4 characters)"),
        ("payment_url", "https://x", "••• (9 characters)"),
        ("customer_id", "52998224725", "•••"), ("customer_id", 52998224725, "•••"),
        ("customer_id", "0042", "0042"), ("document_number", "CPF 529.982.247-25", "•••"), ("city", "São Paulo", "São Paulo"),
        ("amount", Decimal("1234.50"), "1234.50"), ("due_date", "2026-11-18 10:30:00-03", "2026-11-18 10:30:00-03"),
        ("unknown column 3", "anything", "•••"), ("name", None, None), ("name", "  ", ""), ("city", b"Rio", "Rio"),
    ],
)  # fmt: skip
def test_masking(column: str, value, shown: str | None):
    assert masked(column, value) == shown


def test_preview_shows_the_first_rows_masked(settings: Settings, erp):
    [customers] = preview(settings, "erp", "customers", 1)
    assert len(customers.rows) == 1 and customers.rows[0][customers.columns.index("name")] == "J•••"
    text = "\n".join(map(str, preview(settings, "erp")))
    assert "erp receivables (SQLite)" in text and "2026-11-03" in text and "1000" in text
    assert not [word for word in PERSONAL if word in text]
    with pytest.raises(ConfigError, match="there is no entity 'invoices'; use one of: customers"):
        list(preview(settings, "erp", "invoices"))


def test_the_command_previews(settings: Settings, erp, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COBRANCA_CONFIG", str(settings.config))
    monkeypatch.setenv("COBRANCA_DATA", str(settings.data))
    done = CliRunner().invoke(commands, ["sources", "preview", "--source", "erp", "--rows", "1"])
    assert done.exit_code == 0 and done.output.count("\nerp ") == 2 and done.output.startswith("erp customers (SQLite)\n")


def test_a_file_without_a_header_shows_nobody(settings: Settings, tmp_path: Path):
    for path in (settings.config / "sources").glob("*.yml"):
        path.unlink()
    (settings.config / "sources" / "x.yml").write_text(
        f"source: x\nfolder: {tmp_path}\nentities:\n"
        "  customers: {files: c.csv, csv: {}}\n  receivables: {files: c.csv, csv: {}}\n  payments: {files: c.csv, csv: {}}\n"
    )
    (tmp_path / "c.csv").write_text("1,João da Silva,529.982.247-25,canario@empresa.com.br\n" * 2, encoding="utf-8")
    text = "\n".join(map(str, preview(settings))) + report(check(settings))
    assert not [word for word in PERSONAL if word.lower() in text.lower()]
