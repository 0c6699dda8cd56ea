"""Connections that Airflow keeps."""

import pytest
from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from cobranca.orchestration.airflow_connections import from_airflow


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("postgresql://ana:p%40ss@db:5433/erp", "postgresql+psycopg://ana:p%40ss@db:5433/erp"),
        ("mysql://ana:x@db:3306/billing", "mysql+pymysql://ana:x@db:3306/billing"),
        ("sqlite:////data/billing.db", "sqlite:////data/billing.db"),
    ],
)
def test_connections_of_airflow_become_urls(monkeypatch, uri, url):
    monkeypatch.setattr(
        BaseHook, "get_connection", lambda conn_id: Connection.from_uri(uri, conn_id=conn_id)
    )
    assert from_airflow("some").url().render_as_string(hide_password=False) == url


def test_a_connection_that_airflow_does_not_know_is_none(monkeypatch):
    def unknown(conn_id):
        raise AirflowNotFoundException(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", unknown)
    assert from_airflow("absent") is None
