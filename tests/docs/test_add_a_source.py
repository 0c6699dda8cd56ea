"""The steps of docs/add-a-source.md, followed as they stand there."""

import re
import shutil
import sqlite3
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cobranca.cli import commands
from cobranca.landing import land
from cobranca.schema import ENTITIES, OURS, REQUIRED
from cobranca.settings import PROJECT_ROOT, Settings
from source_databases import D, landed, refused

PAGE = (PROJECT_ROOT / "docs" / "add-a-source.md").read_text(encoding="utf-8")


@pytest.fixture
def crm(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A stranger's database, its connection, and the example of the page as its source file."""
    path = tmp_path / "crm.db"
    with sqlite3.connect(path) as database:
        database.executescript(
            """
            create table clients (id integer primary key, full_name text, cpf text, email text,
                phone text, uf text);
            create table invoices (id integer primary key, client_id int, number text,
                issued_on text, due_on text, total text, state text);
            create table receipts (id integer primary key, invoice_id int, paid_on text,
                value text, type text);
            insert into clients values (1, 'Maria da Silva', '529.982.247-25',
                'a@exemplo.com.br', '(11) 98888-7777', 'sp');
            insert into invoices values
                (1, 1, 'NF-1', '2026-10-01', '2026-11-03', '1000.00', 'paid'),
                (2, 1, 'NF-2', '20261001', '20261103', '1.234,56', 'void');
            insert into receipts values (1, 1, '2026-11-10', '400.00', 'pix'),
                (2, 1, '2026-11-12', '400.00', 'chargeback');
            """
        )
    monkeypatch.setenv("AIRFLOW_CONN_CRM", f"sqlite:///{path}")
    monkeypatch.setenv("COBRANCA_CONFIG", str(settings.config))
    monkeypatch.setenv("COBRANCA_DATA", str(settings.data))
    sources = settings.config / "sources"
    for name in re.search(r"`rm -r (.*?)`", PAGE).group(1).split():
        removed = settings.config / Path(name).relative_to("include/config")
        if removed.is_dir():
            shutil.rmtree(removed)
        elif removed.exists():
            removed.unlink()
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)
    (sources / "crm.yml").write_text(
        "".join(line[3:] for line in example.splitlines(keepends=True)), encoding="utf-8"
    )
    return settings


def test_the_example_works_as_it_stands(crm: Settings):
    checked = CliRunner().invoke(commands, ["check", "--business-date", D.isoformat()])
    assert checked.exit_code == 0 and "problem" not in checked.output.lower()
    seen = CliRunner().invoke(commands, ["sources", "preview"])
    assert seen.exit_code == 0 and "Maria" not in seen.output and "52998224725" not in seen.output
    published = land.land_all(crm, D, "run")
    assert {entity: refused(published, "crm", entity) for entity in ENTITIES} == {
        entity: {} for entity in ENTITIES
    }
    receivables = landed(published, "crm", "receivables")
    columns = ("receivable_id", "amount", "due_date", "status")
    assert [tuple(row[name] for name in columns) for row in receivables] == [
        ("1", Decimal("1000.00"), date(2026, 11, 3), "open"),
        ("2", Decimal("1234.56"), date(2026, 11, 3), "cancelled"),
    ]
    assert [row["kind"] for row in landed(published, "crm", "payments")] == ["payment", "reversal"]


def test_the_table_names_every_column_and_what_is_required():
    for entity, schema in ENTITIES.items():
        row = re.search(rf"^\| {entity} \| (.*) \|$", PAGE, re.MULTILINE).group(1)
        names = [part.strip() for part in re.sub(r"\([^)]*\)", "", row).split(",")]
        assert {name.strip("*") for name in names} == set(schema.names) - set(OURS)
        assert {name.strip("*") for name in names if name.startswith("**")} == set(REQUIRED[entity])


def test_the_presets_command_writes_a_source_file():
    command = re.search(r"`cobranca (sources preset \w+ --connection \w+) >", PAGE).group(1)
    written = CliRunner().invoke(commands, command.split())
    assert written.exit_code == 0 and set(yaml.safe_load(written.output)["entities"]) == set(
        ENTITIES
    )
