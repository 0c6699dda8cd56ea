"""Connections end in time, and their errors give nothing away."""

import logging
import time
import traceback

import pytest
import sqlalchemy as sa

from cobranca.errors import CobrancaError, SourceError
from cobranca.landing import land
from cobranca.settings import Settings
from cobranca.sources import open_snapshot
from cobranca.sources.check import check
from cobranca.sources.mapping.load import get_mapping
from source_databases import (
    CLIENT,
    ENGINES,
    SERVERS,
    TITLE,
    D,
    MakeSource,
)  # fmt: skip

# What must never be seen outside the data itself.
CANARIES = (
    "s3nh4-secreta",
    "529.982.247-25",
    "52998224725",
    "canario@empresa.com.br",
    "98888-7777",
)


@pytest.mark.parametrize("kind", ENGINES)
def test_a_statement_that_takes_too_long_is_ended(
    erp_only: Settings, make_source: MakeSource, kind: str
):
    make_source("erp", kind)
    slow = {
        "postgresql": "select pg_sleep(30)::text as customer_id, 'x' as name",
        "mariadb": (
            "select sleep(30) as customer_id, 'x' as name from (select 1 union select 2) t "
            "where sleep(30) = 0"
        ),
        "sqlite": (
            "with recursive n(x) as (select 1 union all select x + 1 from n) select max(x) "
            "as customer_id, 1 name from n"
        ),
    }[kind]
    mapping = get_mapping(erp_only, "erp").model_copy(update={"statement_timeout_seconds": 1})
    started = time.monotonic()
    with (
        open_snapshot.open_snapshot(mapping) as snapshot,
        pytest.raises(
            SourceError, match="a statement took longer than 1 s; make the query lighter or raise"
        ),
    ):
        for _ in snapshot.stream("customers", slow).chunks:
            pass
    assert time.monotonic() - started < 25, "it would have slept for 30 s"


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"password": "s3nh4-secreta"},
            "refused the login or has no such database; correct user, password and database name",
        ),
        ({"database": "no_such_database"}, "refused the login or has no such database"),
        (
            {"port": 1},
            (
                "no database answers at 127.0.0.1:1; start the database or correct host and port "
                "in AIRFLOW_CONN_ERP"
            ),
        ),
    ],
)
def test_an_unreachable_database_is_one_clear_error(
    erp_only: Settings,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    change: dict,
    words: str,
):
    server = request.getfixturevalue(
        "postgres_server" if kind == "postgresql" else "mariadb_server"
    )
    url = sa.make_url(server.create_database("reachable")).set(**change)
    monkeypatch.setenv("AIRFLOW_CONN_ERP", url.render_as_string(hide_password=False))
    with pytest.raises(SourceError) as error:
        land.land_source(erp_only, D, "erp", "run")
    assert str(error.value).startswith("source 'erp': connection 'erp'") and words in str(
        error.value
    )
    shown = "".join(traceback.format_exception(error.value))
    assert str(url.password) not in shown and "OperationalError" not in shown
    [row] = check(erp_only)
    assert words.partition(";")[0] in row.problem


@pytest.mark.parametrize("kind", ENGINES)
def test_no_error_log_or_manifest_shows_a_secret_or_a_person(
    erp_only: Settings,
    make_source: MakeSource,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture,
):
    """Canaries in every column; then a cast that fails on the tax id, the error that drivers love
    to quote.
    """
    caplog.set_level(logging.DEBUG)
    erp = make_source("erp", kind)
    erp.add(
        "clientes",
        CLIENT
        | {
            "cpf_cnpj": "529.982.247-25",
            "emails": "canario@empresa.com.br",
            "telefone": "(11) 98888-7777",
        },
        CLIENT | {"cod_cliente": "C2", "razao_social": None, "cpf_cnpj": "529.982.247-25"},
    )
    erp.add("titulos", TITLE | {"numero": "529.982.247-25", "valor": None})
    published = land.land_all(erp_only, D, "run 1")
    path = erp_only.config / "sources" / "erp.yml"
    cast = {
        "postgresql": "cast(cpf_cnpj as integer)",
        "mariadb": "extractvalue(cpf_cnpj, concat('~', emails))",
        "sqlite": "json_extract(cpf_cnpj, '$.x')",
    }[kind]
    path.write_text(
        path.read_text(encoding="utf-8").replace("cpf_cnpj as tax_id", f"{cast} as tax_id"),
        encoding="utf-8",
    )
    with pytest.raises(CobrancaError) as error:
        land.land_all(erp_only, D, "run 2")
    shown = [
        *traceback.format_exception(error.value), caplog.text, *capfd.readouterr(),
        repr(check(erp_only)),
        (published.folder.parent / "manifest.json").read_text(),
    ]  # fmt: skip
    chained = error.value
    while chained is not None:
        shown += [str(chained), repr(chained)]
        chained = chained.__cause__ or chained.__context__
    for canary in (*CANARIES, sa.make_url(erp.url).password or CANARIES[0]):
        assert not [text for text in shown if canary in text], canary
