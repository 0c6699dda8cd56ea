"""A source that lost or retyped a column stops the landing; a new column is noted."""

from pathlib import Path

import pytest

from cobranca.errors import SourceError
from cobranca.landing import land
from cobranca.partitions import landing_totals
from cobranca.settings import Settings
from cobranca.sources import current_state
from source_databases import CLIENT, SETTLEMENT, TITLE, D, MakeSource, SourceDatabase, landed

NEXT = D.replace(day=19)


@pytest.fixture
def everything(
    erp_only: Settings, make_source: MakeSource, request: pytest.FixtureRequest
) -> SourceDatabase:
    """The ERP behind a view and ``select *``, the kind of query that hides a change."""
    erp = make_source("erp", request.param)
    erp.add("clientes", CLIENT)
    erp.add("titulos", TITLE)
    erp.add("baixas", SETTLEMENT)
    path = erp_only.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    head, _, tail = text.partition("  customers:\n")
    _, _, rest = tail.partition("  receivables:\n")
    path.write_text(
        f"{head}  customers:\n    query: select * from pagadores\n\n  receivables:\n{rest}",
        encoding="utf-8",
    )
    view(
        erp,
        "cod_cliente as customer_id, razao_social as name, cpf_cnpj as tax_id, alterado_em as "
        "updated_at",
    )
    return erp


def view(erp: SourceDatabase, columns: str) -> None:
    erp.run(
        "drop view if exists pagadores", f"create view pagadores as select {columns} from clientes"
    )


def noted(manifest, what: str) -> str | None:
    return manifest.entry("erp/customers.parquet").totals.get(what)


@pytest.mark.parametrize("everything", ["sqlite", "postgresql"], indirect=True)
def test_a_lost_column_stops_the_source_and_is_named(
    erp_only: Settings, everything: SourceDatabase
):
    first = land.land_all(erp_only, D, "run")
    assert noted(first, landing_totals.COLUMNS).startswith("customer_id")
    view(everything, "cod_cliente as customer_id, razao_social as name, alterado_em as updated_at")
    with pytest.raises(
        SourceError,
        match=(
            "source 'erp', customers: column 'tax_id' came last time and is gone; have the source"
        ),
    ):
        land.land_all(erp_only, NEXT, "run")
    assert not (erp_only.folder("landing", NEXT, "sources") / "manifest.json").exists()
    assert not list(erp_only.folder("landing", NEXT, "sources").glob(".draft-*/*"))
    # a changed query is meant
    path = erp_only.config / "sources" / "erp.yml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("from pagadores", "from pagadores p"),
        encoding="utf-8",
    )
    assert noted(land.land_all(erp_only, NEXT, "run"), landing_totals.GONE) == "tax_id"


@pytest.mark.parametrize("everything", ["postgresql", "mariadb"], indirect=True)
def test_a_retyped_column_stops_the_source_and_is_named(
    erp_only: Settings, everything: SourceDatabase
):
    land.land_all(erp_only, D, "run")
    view(
        everything,
        "cod_cliente as customer_id, razao_social as name, cpf_cnpj as tax_id, '2026-11-17' as "
        "updated_at",
    )
    with pytest.raises(
        SourceError,
        match="column 'updated_at' was date last time and is text now; have the source give it",
    ):
        land.land_all(erp_only, NEXT, "run")


@pytest.mark.parametrize("everything", ["postgresql", "mariadb"], indirect=True)
def test_a_new_column_is_noted(erp_only: Settings, everything: SourceDatabase):
    land.land_all(erp_only, D, "run")
    same = (
        "cod_cliente as customer_id, razao_social as name, cpf_cnpj as tax_id, alterado_em as "
        "updated_at"
    )
    region = "`Região`" if everything.kind == "mariadb" else '"Região"'
    view(everything, f"{same}, municipio as city, uf as {region}")
    published = land.land_all(erp_only, NEXT, "run")
    assert (noted(published, landing_totals.NEW), noted(published, landing_totals.LEFT_OUT)) == (
        "city",
        "região",
    )
    assert landed(published, "erp", "customers")[0]["city"] == CLIENT["municipio"]
    standing = current_state.read_current_state(erp_only, "erp", ["1"])
    assert not standing["1"].gone
    # the night after, the known one is no news any more, and the other is still left out
    again = land.land_all(erp_only, D.replace(day=20), "run")
    assert (noted(again, landing_totals.NEW), noted(again, landing_totals.LEFT_OUT)) == (
        None,
        "região",
    )


@pytest.mark.parametrize("everything", ["sqlite"], indirect=True)
def test_a_first_landing_refuses_what_the_contract_does_not_know(
    erp_only: Settings, everything: SourceDatabase
):
    view(everything, "cod_cliente as customer_id, razao_social as name, uf as regiao")
    with pytest.raises(
        SourceError, match="source 'erp', customers: unknown column 'regiao'; rename it"
    ):
        land.land_all(erp_only, D, "run")


def test_a_column_missing_in_a_file_is_named(settings: Settings, tmp_path: Path):
    for path in (settings.config / "sources").glob("*.yml"):
        path.unlink()
    (settings.config / "sources" / "x.yml").write_text(
        f"source: x\nfolder: {tmp_path}\nentities:\n"
        "  customers: {files: c.csv, csv: {}}\n  receivables: {files: r.csv, csv: {}}\n  "
        "payments: {files: p.csv, csv: {}}\n"
    )
    (tmp_path / "c.csv").write_text("customer_id,name,city\n1,A,B\n")
    (tmp_path / "r.csv").write_text(
        "receivable_id,customer_id,due_date,amount\n1,1,2026-11-03,10.00\n"
    )
    (tmp_path / "p.csv").write_text(
        "payment_id,receivable_id,paid_on,amount\n1,1,2026-11-03,1.00\n"
    )
    land.land_all(settings, D, "run")
    (tmp_path / "c.csv").write_text("customer_id,name,uf\n1,A,B\n")
    with pytest.raises(
        SourceError, match="source 'x', customers: column 'city' came last time and is gone"
    ):
        land.land_all(settings, NEXT, "run")
    (tmp_path / "c.csv").write_text("customer_id,name,city,Região\n1,A,B,C\n", encoding="utf-8")
    published = land.land_all(settings, NEXT, "run")
    assert published.entry("x/customers.parquet").totals[landing_totals.LEFT_OUT] == "região"


@pytest.mark.parametrize("everything", ["sqlite"], indirect=True)
def test_the_arrivals_gate_warns_of_a_new_column(erp_only: Settings, everything: SourceDatabase):
    from cobranca.quality.arrival_checks import check_columns

    drafts = []
    land.land_all(erp_only, D, "run", drafts.append)
    view(
        everything,
        "cod_cliente as customer_id, razao_social as name, cpf_cnpj as tax_id, alterado_em as "
        "updated_at, uf as regiao",
    )
    land.land_all(erp_only, NEXT, "run", drafts.append)
    [[before], [after]] = map(check_columns, drafts)
    assert before.passed and not after.passed and after.severity == "warning"
    assert after.observed == "erp.customers: novo e desconhecido, deixado de fora: regiao"
