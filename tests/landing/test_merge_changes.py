"""Changes are merged from any form of a date of change, on real servers."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from cobranca.errors import SourceError
from cobranca.landing import land
from cobranca.partitions.landing_totals import CHANGED, LEFT, READING
from cobranca.settings import Settings
from source_databases import (
    CLIENT,
    SETTLEMENT,
    TITLE,
    D,
    MakeSource,
    SourceDatabase,
    landed,
    refused,
)

SHAPES = {
    "timestamp": ("timestamp", "'{day} 08:00:00'"),
    "date": ("date", "'{day}'"),
    "iso text": ("varchar(30)", "'{day}T08:00:00'"),
    "YYYYMMDD": ("varchar(8)", "'{compact}'"),
    "number": ("integer", "{compact}"),
}


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize("shape", SHAPES)
def test_any_form_of_a_date_of_change_will_do(
    erp_only: Settings, make_source: MakeSource, kind: str, shape: str
):
    erp = make_source("erp", kind)
    column, literal = SHAPES[shape]
    if kind == "mariadb" and column == "timestamp":
        column = "datetime"

    def on(day: date) -> str:
        return literal.format(day=day, compact=f"{day:%Y%m%d}")

    erp.add("clientes", CLIENT)
    erp.run(
        "alter table titulos drop column alterado_em",
        f"alter table titulos add column alterado_em {column}",
    )
    titles = [
        {name: value for name, value in TITLE.items() if name != "alterado_em"} | {"id": n}
        for n in range(1, 41)
    ]
    table = sa.Table("titulos", sa.MetaData(), autoload_with=erp.engine)
    with erp.engine.begin() as connection:
        connection.execute(table.insert(), titles)
    erp.run(
        f"update titulos set alterado_em = {on(D - timedelta(days=60))}",
        f"update titulos set alterado_em = {on(D)} where id = 1",
    )
    erp.add("baixas", SETTLEMENT)
    land.land_all(erp_only, D, "run 1")
    erp.run(
        f"update titulos set valor = 12.34, alterado_em = {on(D + timedelta(days=1))} where id = 7"
    )
    erp.run(
        "delete from titulos where id = 9", "update titulos set alterado_em = null where id = 11"
    )
    published = land.land_all(erp_only, D + timedelta(days=1), "run 2")
    totals = published.entry("erp/receivables.parquet").totals
    assert (totals[READING], totals[CHANGED], totals[LEFT]) == ("changes", "3", "1")
    assert {row["receivable_id"]: row["amount"] for row in landed(published, "erp", "receivables")}[
        "7"
    ] == Decimal("12.34")
    apart = replace(erp_only, data=erp_only.data / "apart")
    assert land.land_all(apart, D + timedelta(days=1), "full").batch_id == published.batch_id


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_date_moved_silently_is_noticed(erp_only: Settings, make_source: MakeSource, kind: str):
    """Neither the date of change nor any amount, currency or status tells of it; a wrong due date
    means a wrong reminder.
    """
    path = erp_only.config / "sources" / "erp.yml"
    path.write_text(
        path.read_text(encoding="utf-8") + "    incremental: {column: updated_at}\n",
        encoding="utf-8",
    )
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    erp.add(
        "titulos",
        *[TITLE | {"id": n, "alterado_em": datetime(2026, 1, 1)} for n in range(1, 6)],
        TITLE | {"id": 9},
    )
    erp.add("baixas", SETTLEMENT | {"alterado_em": datetime(2026, 1, 1)}, SETTLEMENT | {"id": 2})
    land.land_all(erp_only, D, "run 1")
    erp.run(
        "update titulos set vencimento = '2026-12-24' where id = 3",
        "update baixas set data_pagamento = '2026-11-09' where id = 1",
    )
    published = land.land_all(erp_only, D + timedelta(days=1), "run 2")
    assert [row["due_date"] for row in landed(published, "erp", "receivables")].count(
        date(2026, 12, 24)
    ) == 1
    assert {row["paid_on"] for row in landed(published, "erp", "payments")} == {
        date(2026, 11, 9),
        date(2026, 11, 10),
    }
    for entity in ("receivables", "payments"):
        reading = published.entry(f"erp/{entity}.parquet").totals[READING]
        assert reading == "whole: the source's totals differ from the merged rows"
    third = land.land_all(erp_only, D + timedelta(days=2), "run 3")
    assert third.entry("erp/receivables.parquet").totals[READING] == "changes"


def test_too_many_different_codes_are_not_counted_one_by_one(
    erp_only: Settings, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
):
    """A column that holds something else in each row would fill the memory instead of proving
    anything.
    """
    monkeypatch.setattr("cobranca.sources.drivers.database.MOST_GROUPS", 3)
    erp = make_source("erp", "postgresql")
    erp.add("clientes", CLIENT)
    erp.add("titulos", *[TITLE | {"id": n, "vencimento": D + timedelta(days=n)} for n in range(5)])
    erp.add("baixas", SETTLEMENT)
    land.land_all(erp_only, D, "run 1")
    second = land.land_all(erp_only, D + timedelta(days=1), "run 2")
    reading = second.entry("erp/receivables.parquet").totals[READING]
    assert reading == "whole: its dates are too many to be told apart"
    erp.run(
        "alter table titulos alter moeda type varchar(20)", "update titulos set moeda = 'x' || id"
    )
    with pytest.raises(
        SourceError,
        match="currency hold more than 3 different values, which are no codes; have the query",
    ):
        land.land_all(erp_only, D + timedelta(days=2), "run 3")


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_quarantine_is_read_again_each_night(
    erp_only: Settings, make_source: MakeSource, kind: str
):
    erp: SourceDatabase = make_source("erp", kind)
    erp.add(
        "titulos",
        TITLE,
        TITLE | {"id": 2, "valor": None},
        TITLE | {"id": 3, "cod_cliente": "C9"},
        TITLE | {"id": 4},
    )
    erp.run("update titulos set alterado_em = '2020-01-01 00:00:00' where id > 1")
    erp.add("clientes", CLIENT)
    long = "C" * 151
    change = {"postgresql": "alter cod_cliente type text", "mariadb": "modify cod_cliente text"}[
        kind
    ]
    erp.run(
        f"alter table titulos {change}", f"update titulos set cod_cliente = '{long}' where id = 4"
    )
    first = land.land_all(erp_only, D, "run 1")
    assert refused(first, "erp", "receivables") == {
        "2": "missing",
        "3": "unknown_customer",
        "4": "too_long",
    }
    erp.add("clientes", CLIENT | {"cod_cliente": "C9"})
    erp.run("update titulos set valor = 5 where id = 2")  # corrected without a new date of change
    second = land.land_all(erp_only, D + timedelta(days=1), "run 2")
    assert second.entry("erp/receivables.parquet").totals[READING] == "changes"
    assert [row["receivable_id"] for row in landed(second, "erp", "receivables")] == ["1", "2", "3"]
    assert refused(second, "erp", "receivables") == {"4": "too_long"}
