"""Credentials are read in both of Airflow's forms and never shown."""

import json

import pytest

from cobranca import connections
from cobranca.connections import Connection, get_connection, parse
from cobranca.errors import ConfigError


def test_uri():
    found = parse(
        "erp", "postgresql://reader:p%40ss%2Fword@db.local:5433/erp%20main?sslmode=require"
    )
    assert found == Connection(
        "erp",
        "postgresql",
        "db.local",
        5433,
        "reader",
        "p@ss/word",
        "erp main",
        {"sslmode": "require"},
    )
    assert found.url().render_as_string(hide_password=False) == (
        "postgresql+psycopg://reader:p%40ss%2Fword@db.local:5433/erp main?sslmode=require"
    )


def test_json():
    body = {
        "conn_type": "mysql",
        "host": "db",
        "port": "3306",
        "login": "u",
        "password": "s",
        "schema": "billing",
    }
    found = parse("billing", json.dumps({**body, "extra": json.dumps({"charset": "utf8mb4"})}))
    assert (
        found.url().render_as_string(hide_password=False)
        == "mysql+pymysql://u:s@db:3306/billing?charset=utf8mb4"
    )
    assert parse("billing", json.dumps({**body, "extra": {"charset": "utf8mb4"}})) == found


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("sqlite:////var/lib/billing.db", "sqlite:////var/lib/billing.db"),
        ('{"conn_type": "sqlite", "schema": "/x/y.db"}', "sqlite:////x/y.db"),
        ('{"conn_type": "sqlite", "host": "/x/y.db"}', "sqlite:////x/y.db"),
        ("postgres://localhost/erp", "postgresql+psycopg://localhost/erp"),
        ("postgresql+psycopg://u:s@localhost/erp", "postgresql+psycopg://u:s@localhost/erp"),
        ("mariadb://u@[::1]:3307/b", "mysql+pymysql://u@[::1]:3307/b"),
    ],
)
def test_database_urls(text, url):
    assert parse("x", text).url().render_as_string(hide_password=False) == url


def test_the_secret_is_not_in_the_repr():
    shown = repr(
        parse(
            "sendgrid",
            '{"conn_type": "sendgrid", "password": "SG.hunter2", "extra": {"api_key": "hunter3"}}',
        )
    )
    assert "hunter" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "no scheme hunter2",
        "{hunter2",
        '{"host": "hunter2"}',
        "postgresql://u:hunter2@h:port/x",
        "[1]",
        '{"conn_type": "mysql", "port": "hunter2"}',
        '{"conn_type": "mysql", "extra": "hunter2"}',
        '{"conn_type": "mysql", "extra": "[\\"hunter2\\"]"}',
    ],
)
def test_unreadable_text_is_refused_without_showing_it(text):
    with pytest.raises(ConfigError, match="AIRFLOW_CONN_ERP") as error:
        parse("erp", text)
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None and error.value.__suppress_context__


def test_a_type_that_is_no_database_is_refused():
    with pytest.raises(ConfigError, match="type 'sendgrid'; use one of: mariadb, mssql"):
        parse("sendgrid", "sendgrid://:key@").url()


def test_environment_is_asked_first_and_other_places_after(monkeypatch):
    monkeypatch.setattr(connections, "_lookups", [connections.from_environment])
    monkeypatch.setenv("AIRFLOW_CONN_ERP", "postgresql://one/x")
    connections.use_lookup(lambda conn_id: Connection(conn_id, "postgres", "two"))
    assert get_connection("erp").host == "one"
    assert get_connection("other").host == "two"


def test_an_unknown_connection_names_the_cure(monkeypatch):
    monkeypatch.setattr(connections, "_lookups", [connections.from_environment])
    with pytest.raises(ConfigError, match="'nowhere' is not defined; set AIRFLOW_CONN_NOWHERE"):
        get_connection("nowhere")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("mssql://sa:p%40ss@db:1433/protheus?tds_version=7.4",
            "mssql+pymssql://sa:p%40ss@db:1433/protheus?tds_version=7.4"),
        ("sqlserver://sa:x@db/p", "mssql+pymssql://sa:x@db/p"),
        ("oracle://u:x@db:1522/ERP", "oracle+oracledb://u:x@db:1522?service_name=ERP"),
        ("oracle://u:x@db/?service_name=erp.local",
            "oracle+oracledb://u:x@db:1521?service_name=erp.local"),
        ("oracle://u:x@db/?sid=ORCL", "oracle+oracledb://u:x@db:1521/ORCL"),
        ("oracle://u:x@/?dsn=erp_prod", "oracle+oracledb://u:x@erp_prod"),
        (('{"conn_type": "mysql", "host": "db", "extra": {"cursor": "sscursor", "charset": '
            '"utf8mb4"}}'),
         "mysql+pymysql://db?charset=utf8mb4"),
        ('{"conn_type": "postgres", "host": "db", "extra": {"iam": false, "sslmode": "require"}}',
         "postgresql+psycopg://db?sslmode=require"),
    ],
)  # fmt: skip
def test_airflow_connections_become_urls(text: str, url: str):
    assert parse("erp", text).url().render_as_string(hide_password=False) == url


def test_an_extra_that_the_driver_does_not_know_is_refused():
    with pytest.raises(
        ConfigError,
        match="connection 'erp' has the extra 'ssl_cipher', which pymysql does not know; remove it",
    ):
        parse("erp", "mysql://u:hunter2@db/x?ssl_cipher=weak").url()


def test_a_folder_is_a_connection_too():
    assert str(parse("erp", "file:///dados/erp").folder()) == "/dados/erp"
    assert (
        str(parse("erp", '{"conn_type": "fs", "extra": {"path": "/dados"}}').folder()) == "/dados"
    )
    for text, words in (
        ("file:dados", "names no absolute folder"),
        ("mysql://h/x", "type 'mysql', but its source reads files"),
    ):
        with pytest.raises(ConfigError, match=words):
            parse("erp", text).folder()
