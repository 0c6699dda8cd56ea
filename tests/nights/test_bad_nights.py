"""Nights with a bad input: they say why and change nothing."""

import re
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from nights.installation import SECOND, SECRET

pytestmark = pytest.mark.timeout(900)


def _edit(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def _sql(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)


def unknown_column(place):
    _edit(place.config / "sources" / "billing.yml", "as customer_id", "as customer_nickname")


def missing_entity(place):
    source = place.config / "sources" / "billing.yml"
    text = source.read_text(encoding="utf-8")
    source.write_text(text[: text.index("  payments:")], encoding="utf-8")


def invalid_yaml(place):
    _edit(place.config / "sources" / "erp.yml", "entities:", "entities: [")


def lost_column(place):
    _sql(place.erp, "alter table titulos rename column vencimento to venc")


def regua_with_a_gap(place):
    regua = place.config / "regua.yml"
    kept = [
        line
        for line in regua.read_text(encoding="utf-8").splitlines()
        if not re.search(r"offset: (7|10|20|35|65)\b", line)
    ]
    regua.write_text("\n".join(kept) + "\n", encoding="utf-8")


def wrong_policy(place):
    """Every kind of mistake in the manager's files at once.

    Each is reported with its own file and line.
    """
    _edit(place.config / "regua.yml", "template: first_notice", "template: first_notise")
    _edit(place.config / "limits.yml", 'promise_kept_share: "95 %"', 'promise_kept_share: "195 %"')
    for name, *rows in (
        ("negotiation.csv", "*;20;40;5 %;3"),
        ("holds.csv", "customer;erp;1;;maria;2026-11-01;"),
        ("agents.csv", "ana;Ana;senior;1;;0.1;1"),
        ("overrides.csv", *["customer;erp;1;none;;;combinado;maria;2026-11-01;"] * 2),
    ):
        with (place.config / name).open("a", encoding="utf-8") as file:
            file.writelines(f"{row}\n" for row in rows)


def half_empty(place):
    _sql(place.billing, "delete from invoice where id % 3 <> 0")


def empty(place):
    _sql(place.erp, "delete from titulos", "delete from baixas")


@pytest.mark.parametrize(
    ("damage", "code", "message"),
    [
        pytest.param(
            unknown_column, 1, ["billing", "customers", "customer_nickname"], id="unknown column"
        ),
        pytest.param(missing_entity, 2, ["billing.yml", "payments"], id="missing entity"),
        pytest.param(invalid_yaml, 2, ["erp.yml"], id="invalid YAML"),
        pytest.param(
            lost_column, 1, ["erp", "receivables", "vencimento"], id="a table that lost a column"
        ),
        pytest.param(regua_with_a_gap, 2, ["regua.yml:"], id="a régua with a gap"),
        pytest.param(
            wrong_policy,
            2,
            [
                "'first_notise' is unknown",
                "195 % is not between",
                "the band overlaps the one on line",
                "'reason' is empty",
                "agent 'ana' is already on line",
                "the override is in force at the same time",
            ],
            id="mistakes in every policy file",
        ),
        pytest.param(half_empty, 1, ["billing"], id="a half-empty extract"),
        pytest.param(empty, 1, ["erp"], id="an empty extract"),
    ],
)
def test_a_bad_night_says_why_and_leaves_the_last_outputs_whole(
    installation, damage, code, message
):
    place = installation
    before = place.outputs()
    place.fill(SECOND)
    damage(place)
    done = place.night_here(SECOND)
    assert done.returncode == code, done.stdout + done.stderr
    for part in message:
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert place.outputs() == before
    assert place.contacted(SECOND) == {}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param(f"postgresql://reader:{SECRET}@127.0.0.1:1/erp", "erp", id="unreachable"),
        pytest.param("oracle-of-delphi://x", "erp", id="unknown kind of database"),
        pytest.param("sqlite:////nowhere/at/all.db", "erp", id="no such file"),
    ],
)
def test_an_unreachable_source_names_the_connection_and_no_secret(installation, url, message):
    place = installation
    before = place.outputs()
    for done in (
        place.night_here(SECOND, AIRFLOW_CONN_ERP=url),
        place.here("check", AIRFLOW_CONN_ERP=url),
    ):
        assert done.returncode in (1, 2)
        assert message in done.stderr + done.stdout
        assert SECRET not in done.stderr + done.stdout and "Traceback" not in done.stderr
    assert place.outputs() == before


def test_a_wrong_password_is_reported_without_it(installation, postgres_server):
    place = installation
    right = sa.make_url(str(postgres_server.create_database("wrong_password")))
    wrong = right.set(drivername="postgresql", password=SECRET).render_as_string(
        hide_password=False
    )
    done = place.night(SECOND, AIRFLOW_CONN_ERP=wrong)
    assert done.returncode == 1
    assert "erp" in done.stderr and "password" in done.stderr.lower()
    assert SECRET not in done.stderr and "Traceback" not in done.stderr
