"""A preview of a source shows enough to write its queries, and nothing about a person."""

from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from cobranca.cli import commands
from cobranca.errors import ConfigError
from cobranca.settings import Settings
from cobranca.sources.check import check, report
from cobranca.sources.query_preview import masked, preview
from source_databases import PERSONAL


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("name", "João da Silva", "J•••"), ("tax_id", "529.982.247-25", "•••25"),
        ("phone", "(11) 98888-7777", "•••77"),
        ("email", "canario@empresa.com.br", "•••@•••.br"), ("email", "sem arroba", "•••"),
        ("boleto_line", "23793.38128", "••• (11 characters)"),
        ("pix_code", "0002", "••• (4 characters)"),
        ("payment_url", "https://x", "••• (9 characters)"),
        ("customer_id", "52998224725", "•••"), ("customer_id", 52998224725, "•••"),
        ("customer_id", "0042", "0042"), ("document_number", "CPF 529.982.247-25", "•••"),
        ("city", "São Paulo", "São Paulo"),
        ("amount", Decimal("1234.50"), "1234.50"),
        ("due_date", "2026-11-18 10:30:00-03", "2026-11-18 10:30:00-03"),
        ("unknown column 3", "anything", "•••"), ("name", None, None), ("name", "  ", ""),
        ("city", b"Rio", "Rio"),
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
    assert (
        done.exit_code == 0
        and done.output.count("\nerp ") == 2
        and done.output.startswith("erp customers (SQLite)\n")
    )


def test_a_file_without_a_header_shows_no_person(settings: Settings, tmp_path: Path):
    for path in (settings.config / "sources").glob("*.yml"):
        path.unlink()
    (settings.config / "sources" / "x.yml").write_text(
        f"source: x\nfolder: {tmp_path}\nentities:\n"
        "  customers: {files: c.csv, csv: {}}\n  receivables: {files: c.csv, csv: {}}\n  "
        "payments: {files: c.csv, csv: {}}\n"
    )
    (tmp_path / "c.csv").write_text(
        "1,João da Silva,529.982.247-25,canario@empresa.com.br\n" * 2, encoding="utf-8"
    )
    text = "\n".join(map(str, preview(settings))) + report(check(settings))
    assert not [word for word in PERSONAL if word.lower() in text.lower()]
