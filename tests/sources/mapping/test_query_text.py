"""A query is one SELECT and nothing else."""

from pathlib import Path

import pytest

from cobranca.errors import ConfigError
from source_files import load, with_query


@pytest.mark.parametrize(
    "query",
    [
        "select 1; delete from payments",
        "select 1; select 2",
        "delete from payments",
        "with gone as (delete from payments returning id) select id from gone",
        "select * into copy_of_it from payments",
        "select id from payments for update",
        "update payments set amount = 0",
        "drop table payments",
        "select 'unclosed",
        "select 1 /* unclosed",
        "select 1 /*! into outfile 'x' */",
        "-- only a comment",
        "call wipe()",
    ],
)
def test_a_query_is_one_select_and_nothing_else(tmp_path: Path, query: str):
    with pytest.raises(
        ConfigError, match=r"shop.yml:11: 'entities.payments.query' (is not|holds|has)"
    ):
        load(tmp_path, with_query(query))


@pytest.mark.parametrize(
    "query",
    [
        "select 1 as a;",
        "SELECT 'a; delete from b' as a -- drop table c",
        'select "update" as a, `insert` as b from t /* drop */',
        "with a as (select 1 as x) select x from a",
        "select replace(a, ';', '') as a, 10 % 3 as b, '12:30' as c from t",
    ],
)
def test_harmless_queries_are_accepted(tmp_path: Path, query: str):
    assert load(tmp_path, with_query(query)).entities.payments.query == query.rstrip(";")
