"""The pre-send check asks a source for the state of receivables and customers, on every engine."""

import sqlite3
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cobranca.landing import land
from cobranca.settings import Settings
from cobranca.sources import current_state
from cobranca.sources.current_state import ReceivableState
from source_databases import (
    ACCOUNT,
    CLIENT,
    ENGINES,
    INVOICE,
    INVOICE_PAYMENT,
    SETTLEMENT,
    TITLE,
    D,
    MakeSource,
    SourceDatabase,
)


@pytest.mark.parametrize("kind", ENGINES)
def test_the_source_tells_how_a_receivable_and_its_customer_stand(
    erp_only: Settings, make_source: MakeSource, kind: str
):
    erp = make_source("erp", kind)
    assert current_state.read_current_state(erp_only, "erp", ["1"]) == {
        "1": ReceivableState(gone=True)
    }
    erp.add(
        "clientes",
        CLIENT,
        CLIENT | {"cod_cliente": "C2", "nao_enviar_email": True, "bloqueio_juridico": True},
    )
    erp.add("clientes", CLIENT | {"cod_cliente": "C3", "nao_ligar": True, "falecido": True})
    erp.add(
        "titulos",
        TITLE,
        TITLE | {"id": 2, "cod_cliente": "C2", "contestado": True},
        TITLE
        | {
            "id": 3,
            "cod_cliente": "C3",
            "situacao": "C",
            "moeda": "USD",
            "vencimento": date(2026, 12, 1),
        },
        TITLE | {"id": 4, "excluido": True},
        TITLE | {"id": 5, "valor": None},
        TITLE | {"id": 6, "cod_cliente": "C9"},
    )
    erp.add("baixas", SETTLEMENT, SETTLEMENT | {"id": 2, "tipo": "ES", "valor": "100.00"})
    found = current_state.read_current_state(
        erp_only, "erp", ["6", "5", "4", "3", "2", "1", "x", "1"]
    )
    assert list(found) == ["6", "5", "4", "3", "2", "1", "x"]
    assert found["1"] == ReceivableState(
        gone=False, status="open", disputed=False, due_date=date(2026, 11, 3),
        amount=Decimal("1000.00"), open_amount=None,
        currency="BRL", paid=Decimal("300.00"), customer_id="C1", creditor="principal",
    )  # fmt: skip
    assert (found["2"].disputed, found["2"].opt_out_email, found["2"].legal_hold) == (
        True,
        True,
        True,
    )
    third = found["3"]
    assert (third.status, third.currency, third.opt_out_phone, third.deceased) == (
        "cancelled", "USD", True, True,
    )  # fmt: skip
    assert [key for key, standing in found.items() if standing.gone] == ["6", "4", "x"]
    assert found["5"] == ReceivableState(gone=False, unreadable=True)
    assert current_state.read_current_state(erp_only, "erp", []) == {}


def test_what_is_dated_later_is_scheduled_and_not_paid(erp_only: Settings, make_source: MakeSource):
    """A loss that will be written off is nothing that will be paid."""
    erp = make_source("erp")
    erp.add("clientes", CLIENT)
    erp.add("titulos", TITLE)
    day = date(2026, 11, 18)
    for number, (days, kind, amount) in enumerate(
        [
            (-1, None, "1.00"),
            (0, None, "2.00"),
            (1, None, "4.00"),
            (30, "ES", "8.00"),
            (30, "PE", "16.00"),
        ],
        1,
    ):
        erp.add(
            "baixas",
            SETTLEMENT
            | {"id": number, "data_pagamento": day + timedelta(days=days), "valor": amount}
            | ({"tipo": kind} if kind else {}),
        )
    found = current_state.read_current_state(erp_only, "erp", ["1"], day=day)["1"]
    assert found.paid == Decimal("3.00")
    assert sorted(found.scheduled) == [
        (day + timedelta(days=1), Decimal("4.00")),
        (day + timedelta(days=30), Decimal("-8.00")),
    ]
    everything = current_state.read_current_state(erp_only, "erp", ["1"])["1"]
    assert (everything.paid, everything.scheduled) == (Decimal("15.00"), ())


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("titulos", "valor", "12345678901.00"), ("titulos", "vencimento", "2096-01-01"),
        ("clientes", "razao_social", ""),
        ("baixas", "valor", "12345678901.00"), ("baixas", "data_pagamento", "1026-11-10"),
        ("baixas", "tipo", "??"),
    ],
)  # fmt: skip
def test_an_absurd_row_is_neither_money_nor_gone(
    erp_only: Settings, make_source: MakeSource, table: str, column: str, value: str
):
    """What landing would put aside, by the same limits, leaves unknown how the
    receivable stands.
    """
    erp = make_source("erp")
    erp.add("clientes", CLIENT, CLIENT | {"cod_cliente": "C2"})
    erp.add("titulos", TITLE, TITLE | {"id": 2, "cod_cliente": "C2"})
    erp.add("baixas", SETTLEMENT, SETTLEMENT | {"id": 2, "titulo_id": 2})
    land.land_all(erp_only, date(2026, 11, 18), "run")
    row = "cod_cliente = 'C1'" if table == "clientes" else "id = 1"
    erp.run(f"update {table} set {column} = '{value}' where {row}")
    found = current_state.read_current_state(erp_only, "erp", ["1", "2"])
    assert found["1"] == ReceivableState(gone=False, unreadable=True)
    assert (found["2"].unreadable, found["2"].paid) == (False, Decimal("400.00"))


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_joined_key_is_asked_for_by_its_parts(
    erp_only: Settings, make_source: MakeSource, kind: str
):
    """The same rows as without, the separator inside a part and impossible keys included; served by
    an index.
    """
    path = erp_only.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    text = text.replace(
        "b.titulo_id as receivable_id", "concat(b.forma, '/', b.titulo_id) as receivable_id"
    )
    plain = text.rstrip() + "\n      \n"
    narrow = text.rstrip() + (
        "\n        /* by receivable_id.1 and b.forma in (?) */ /* by receivable_id.2 and "
        "b.titulo_id in (#) */\n"
    )
    narrow += "    joined: {receivable_id: 1/2}\n"
    erp = make_source("erp", kind)
    values = ", ".join(
        f"({n}, {n % 400}, '2026-11-10', 2, 'PG', '{('a', 'a/b', 'á')[n % 3]}')"
        for n in range(4000)
    )
    erp.run(
        f"insert into baixas (id, titulo_id, data_pagamento, valor, tipo, forma) values {values}",
        "create index by_title on baixas (titulo_id)",
    )
    erp.run("analyze" if kind == "postgresql" else "analyze table baixas")
    asked = ["a/7", "a/b/7", "á/8", "b/7", "7", "a/x", "a/b/1/7", ""]
    path.write_text(plain, encoding="utf-8")
    whole = current_state.read_payments(erp_only, "erp", asked)
    before = _scans(erp) if kind == "postgresql" else None
    path.write_text(narrow, encoding="utf-8")
    assert current_state.read_payments(erp_only, "erp", asked) == whole
    assert whole["a/b/7"] == Decimal("8.00") and sorted(
        key for key, paid in whole.items() if paid
    ) == ["a/7", "a/b/7", "á/8"]
    deadline = time.monotonic() + 10
    while before is not None and _scans(erp) == before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert before is None or _scans(erp) > before


@pytest.mark.parametrize("kind", ENGINES)
def test_a_neighbouring_key_is_not_the_one_asked_for(
    erp_only: Settings, make_source: MakeSource, kind: str
):
    """MariaDB compares without regard to case and accents."""
    path = erp_only.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("b.titulo_id as receivable_id", "b.forma as receivable_id"), encoding="utf-8"
    )
    erp = make_source("erp", kind)
    erp.add(
        "baixas",
        SETTLEMENT | {"forma": "A1"},
        SETTLEMENT | {"id": 2, "forma": "a1"},
        SETTLEMENT | {"id": 3, "forma": "á1"},
    )
    assert current_state.read_payments(erp_only, "erp", ["a1"]) == {"a1": Decimal("400.00")}


@pytest.mark.parametrize("column", ["varchar(40)", "bigint", "uuid"])
def test_the_pre_send_check_is_served_by_an_index(
    erp_only: Settings, make_source: MakeSource, column: str
):
    """Keys of any type are compared with the bare column, once a landing has shown that they come
    unpadded.
    """
    erp = make_source("erp", "postgresql")
    number = {"varchar(40)": "'T' || n", "bigint": "n", "uuid": "md5(n::text)::uuid"}[column]
    erp.run(
        f"alter table titulos alter id type {column} using null",
        f"alter table baixas alter titulo_id type {column} using null",
    )
    erp.add("clientes", CLIENT)
    erp.run(
        f"insert into titulos (id, cod_cliente, vencimento, valor) select {number}, 'C1', "
        "'2026-11-03', 5 "
        "from generate_series(1, 20000) n",
        f"insert into baixas (id, titulo_id, data_pagamento, valor, tipo) select n, {number}, "
        "'2026-11-10', 2, 'PG' "
        "from generate_series(1, 20000) n",
        "create index by_title on baixas (titulo_id)",
        "analyze",
    )
    with erp.engine.connect() as connection:
        wanted = str(
            connection.exec_driver_sql(f"select {number} from (select 777 as n) q").scalar()
        )
    land.land_all(erp_only, date(2026, 11, 18), "run")
    before = _scans(erp)
    assert current_state.read_payments(erp_only, "erp", [wanted]) == {wanted: Decimal("2.00")}
    assert current_state.read_current_state(erp_only, "erp", [wanted])[wanted].paid == Decimal(
        "2.00"
    )
    deadline = time.monotonic() + 10
    while _scans(erp) == before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _scans(erp) > before


def _scans(source: SourceDatabase) -> int:
    with source.engine.connect() as connection:
        return connection.exec_driver_sql(
            "select idx_scan from pg_stat_user_indexes where indexrelname = 'by_title'"
        ).scalar()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_the_source_itself_tells_what_was_paid_by_now(
    billing_only: Settings, make_source: MakeSource, kind: str
):
    source = make_source("billing", kind)
    source.add("account", ACCOUNT)
    source.add("invoice", INVOICE)
    assert current_state.read_payments(billing_only, "billing", ["1"]) == {"1": Decimal("0.00")}
    source.add(
        "invoice_payment",
        INVOICE_PAYMENT,
        INVOICE_PAYMENT | {"id": 2, "type": "refund", "amount_cents": 345},
    )
    source.add(
        "invoice_payment",
        INVOICE_PAYMENT | {"id": 3, "amount_cents": None},
        INVOICE_PAYMENT | {"id": 4, "invoice_id": 2},
    )
    big = str(2**40)
    asked = ["1", "2", "3", "x", big, *map(str, range(10, 2500))]
    paid = current_state.read_payments(billing_only, "billing", asked)
    assert list(paid) == asked
    assert {key: value for key, value in paid.items() if value} == {
        "1": Decimal("20.00"),
        "2": Decimal("23.45"),
    }
    assert current_state.read_payments(billing_only, "billing", []) == {}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_padded_text_keys_are_found_by_the_pre_send_check(
    erp_only: Settings, make_source: MakeSource, kind: str
):
    path = erp_only.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    joined = (
        "' T:' || b.titulo_id || '  '" if kind == "sqlite" else "concat(' T:', b.titulo_id, '  ')"
    )
    path.write_text(
        text.replace("b.titulo_id as receivable_id", f"{joined} as receivable_id"), encoding="utf-8"
    )
    source = make_source("erp", kind)
    source.add(
        "baixas",
        SETTLEMENT,
        SETTLEMENT | {"id": 2, "tipo": "ES", "valor": "100.00"},
        SETTLEMENT | {"id": 3, "tipo": "NC"},
    )
    assert current_state.read_payments(erp_only, "erp", ["T:1", "T:2"]) == {
        "T:1": Decimal("700.00"),
        "T:2": Decimal("0.00"),
    }


def test_the_source_tells_of_money_for_no_receivable(crm_only: Settings, tmp_path: Path):
    """By its customer, up to the day of the question; one that cannot be read leaves a doubt."""
    with sqlite3.connect(tmp_path / "crm.db") as database:
        database.executescript("""
            create table customers (customer_id text, name text);
            create table receivables (receivable_id text, customer_id text, due_date text,
                amount text);
            create table payments (payment_id text, receivable_id text, customer_id text,
                paid_on text, amount text);
            insert into customers values ('A', 'Ana'), ('B', 'Bia'), ('C', 'Cid');
            insert into receivables values ('A1', 'A', '2026-11-10', '300.00'),
                ('A2', 'A', '2026-11-10', '300.00'), ('B1', 'B', '2026-11-10', '300.00'),
                ('C1', 'C', '2026-11-10', '300.00');
            insert into payments values
                ('of a receivable', 'A2', 'A', '2026-11-18', '10.00'),
                ('yesterday', null, 'A', '2026-11-17', '20.00'),
                ('today', null, 'A', '2026-11-18', '20.00'),
                ('tomorrow', null, 'A', '2026-11-19', '20.00'),
                ('unreadable', null, 'C', '2026-11-18', 'much');
        """)
    land.land_all(crm_only, D, "run")
    found = current_state.read_current_state(crm_only, "crm", ["A1", "B1", "C1"], day=D)
    assert found["A1"].advances == {"yesterday", "today"} and found["A1"].paid == 0
    assert found["B1"].advances == frozenset() and not found["B1"].unreadable
    assert found["C1"].unreadable
