"""PostgreSQL's binaries: which are used, and what is said when there are none."""

import pytest

from cobranca.local.postgres import PrivatePostgres
from cobranca.local.postgres_binaries import PostgresUnavailable, binaries


def test_missing_binaries_are_named_with_the_cure(monkeypatch, tmp_path):
    monkeypatch.setenv("COBRANCA_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(PostgresUnavailable, match="install the package"):
        PrivatePostgres(tmp_path / "data").start()
    assert not (tmp_path / "data").exists()


def test_a_kept_cluster_of_an_absent_version_is_refused():
    with pytest.raises(PostgresUnavailable, match="PostgreSQL 9 "):
        binaries("9")
