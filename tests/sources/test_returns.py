"""Bank return files as payments of a source whose receivables are in a database: each payment once, none missed."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca import landing
from cobranca.errors import ConfigError, SourceError
from cobranca.settings import Settings
from cobranca.sources import check
from cobranca.sources.mapping import SourceMapping
from cobranca.sources.returns import ReturnPayment, _Known
from return_files import Told, return_file
from source_databases import CLIENT, SETTLEMENT, TITLE, D, MakeSource, landed, refused

PAID = date(2026, 11, 16)
ANY = {"query": "select 1"}
MAPPING = SourceMapping.model_validate(
    {"source": "x", "connection": "x", "entities": {"customers": ANY, "receivables": ANY, "payments": ANY}}
)


def with_returns(settings: Settings, folder: Path, cnab: str, *, query: bool) -> None:
    path = settings.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    head, _, tail = text.partition("  payments:\n")
    body = tail if query else ""
    path.write_text(f"folder: {folder}\n{head}  payments:\n    cnab: {cnab}\n{body}", encoding="utf-8")


@pytest.fixture
def returned(erp_only: Settings, make_source: MakeSource, tmp_path: Path):
    """An ERP with three titles, and a folder of the bank's files."""
    erp = make_source("erp")
    erp.add("clientes", CLIENT)
    erp.add("titulos", *[TITLE | {"id": number, "valor": "100.00"} for number in (1, 2, 3)])
    folder = tmp_path / "banco"
    (folder / "retorno").mkdir(parents=True)
    return erp, folder / "retorno"


CNAB = "{files: 'retorno/*.ret', layout: bradesco400, bank: '237'}"


@pytest.mark.parametrize("layout,bank", [("febraban240", "237"), ("bradesco400", "237"), ("itau400", "341"), ("bb400", "001")])
def test_return_files_alone_are_the_payments(erp_only: Settings, returned, layout: str, bank: str):
    _, folder = returned
    codes = (
        Told("1", paid=101_33, interest=1_33),
        Told("2", code="02", paid=0),
        Told("3", code="06", paid=90_00, discount=10_00),
    )
    reversal = [Told("1", code="40", paid=5_00)] if layout == "bradesco400" else []
    (folder / "a.ret").write_bytes(return_file(layout, bank, *codes, *reversal, Told("99"), Told("2", code="99")))
    with_returns(erp_only, folder.parent, f"{{files: 'retorno/*.ret', layout: {layout}, bank: '{bank}'}}", query=False)
    published = landing.land_all(erp_only, D, "run")
    found = sorted((row["receivable_id"], row["kind"], row["amount"]) for row in landed(published, "erp", "payments"))
    assert found == sorted(
        [("1", "payment", Decimal("101.33")), ("3", "payment", Decimal("90.00")), ("3", "discount", Decimal("10.00"))]
        + [("1", "reversal", Decimal("5.00"))] * bool(reversal)
    )
    assert {row["paid_on"] for row in landed(published, "erp", "payments")} == {PAID}
    assert {row["method"] for row in landed(published, "erp", "payments")} == {"boleto"}
    assert sorted(refused(published, "erp", "payments").values()) == ["unknown_kind", "unknown_receivable"]
    assert published.entry("erp/payments.parquet").totals["source_control"] == "compared"


def test_a_file_sent_twice_counts_once(erp_only: Settings, returned):
    _, folder = returned
    content = return_file("bradesco400", "237", Told("1"), Told("2", our_number="9"))
    (folder / "1.ret").write_bytes(content)
    with_returns(erp_only, folder.parent, CNAB, query=False)
    first = landing.land_all(erp_only, D, "run 1")
    (folder / "1 (copy).ret").write_bytes(content)
    (folder / "2.ret").write_bytes(return_file("bradesco400", "237", Told("2", our_number="9"), end="\n", mark="\x1a"))
    assert landing.land_all(erp_only, D, "run 2").batch_id == first.batch_id
    assert first.entry("erp/payments.parquet").rows == 2


def test_a_payment_that_both_have_is_the_erps(erp_only: Settings, returned):
    erp, folder = returned
    booked = SETTLEMENT | {"data_pagamento": PAID + timedelta(1)}
    erp.add(
        "baixas",
        booked | {"id": 1, "titulo_id": 1, "valor": "100.00"},  # what was paid without interest
        booked | {"id": 2, "titulo_id": 2, "valor": "40.00"},  # another payment of that title
        booked | {"id": 3, "titulo_id": 3, "valor": "100.00"},  # the face value: the discount is in it
    )
    told = (Told("1", paid=102_00, interest=2_00), Told("2", paid=60_00), Told("3", paid=90_00, discount=10_00))
    (folder / "1.ret").write_bytes(return_file("bradesco400", "237", *told))
    with_returns(erp_only, folder.parent, CNAB, query=True)
    published = landing.land_all(erp_only, D, "run")
    assert sorted((row["receivable_id"], row["amount"]) for row in landed(published, "erp", "payments")) == [
        ("1", Decimal("100.00")), ("2", Decimal("40.00")), ("2", Decimal("60.00")), ("3", Decimal("100.00")),
    ]  # fmt: skip
    paid = landing.paid_now(erp_only, "erp", ["1", "2", "3"])
    assert paid == {"1": Decimal("100.00"), "2": Decimal("100.00"), "3": Decimal("100.00")}
    # last month's equal payment is another one
    erp.run("update baixas set data_pagamento = '2026-10-16' where id = 1")
    assert landing.paid_now(erp_only, "erp", ["1"]) == {"1": Decimal("202.00")}


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_files_beside_a_real_server(erp_only: Settings, make_source: MakeSource, tmp_path: Path, kind: str):
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    erp.add("titulos", TITLE, TITLE | {"id": 2})
    erp.add("baixas", SETTLEMENT | {"data_pagamento": PAID, "valor": "100.00"})
    (tmp_path / "x.ret").write_bytes(return_file("febraban240", "237", Told("1"), Told("0002", paid=7_00, our_number="2")))
    with_returns(erp_only, tmp_path, "{files: '*.ret', layout: febraban240, bank: '237', strip_zeros: true}", query=True)
    published = landing.land_all(erp_only, D, "run")
    assert sorted((row["receivable_id"], row["amount"]) for row in landed(published, "erp", "payments")) == [
        ("1", Decimal("100.00")), ("2", Decimal("7.00")),
    ]  # fmt: skip
    assert published.entry("erp/payments.parquet").totals["source_control"] == "compared"
    assert landing.paid_now(erp_only, "erp", ["1", "2"]) == {"1": Decimal("100.00"), "2": Decimal("7.00")}
    totals = published.entry("erp/payments.parquet").totals
    assert (totals["source rows"], totals["source sum"]) == ("2", "107.00")
    # the receivables beside the files are read by changes, as those of a database alone
    erp.add("titulos", TITLE | {"id": 3})
    second = landing.land_all(erp_only, D + timedelta(days=1), "the next night")
    assert second.entry("erp/receivables.parquet").totals["reading"] == "changes"
    assert (second.entry("erp/receivables.parquet").rows, second.entry("erp/payments.parquet").rows) == (3, 2)
    # amounts that the database keeps as text cannot be added there
    path = erp_only.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("b.valor as amount", "concat('R$ ', b.valor) as amount"), encoding="utf-8")
    published = landing.land_all(erp_only, D, "run 2")
    assert published.entry("erp/payments.parquet").totals["amount BRL"] == "107.00"


def test_two_banks_of_one_source(erp_only: Settings, returned):
    _, folder = returned
    (folder / "b.ret").write_bytes(return_file("bradesco400", "237", Told("1")))
    (folder / "i.rt").write_bytes(return_file("itau400", "341", Told("2", document="2")))
    both = f"[{CNAB}, {{files: 'retorno/*.rt', layout: itau400, bank: '341', receivable_id: document_number}}]"
    with_returns(erp_only, folder.parent, both, query=False)
    published = landing.land_all(erp_only, D, "run")
    assert sorted(row["payment_id"][:4] for row in landed(published, "erp", "payments")) == ["237-", "341-"]


def test_one_damaged_file_stops_the_source(erp_only: Settings, returned):
    _, folder = returned
    (folder / "1.ret").write_bytes(return_file("bradesco400", "237", Told("1")))
    with_returns(erp_only, folder.parent, CNAB, query=True)
    first = landing.land_all(erp_only, D, "run 1")
    (folder / "2.ret").write_bytes(return_file("bradesco400", "237", Told("2"), Told("3"))[:-500])
    with pytest.raises(
        SourceError, match=r"source 'erp', payments: return file '2.ret', line 3: it has \d+ characters instead"
    ) as e:
        landing.land_all(erp_only, D, "run 2")
    assert "JOSÉ" not in str(e.value)
    assert landing.read_landing(erp_only, D, verify=True) == first
    [row] = check(erp_only)
    assert "return file '2.ret', line 3" in row.problem


def test_a_bank_without_codes_names_the_file(erp_only: Settings, returned):
    _, folder = returned
    (folder / "1.ret").write_bytes(return_file("febraban240", "756", Told("1")))
    with_returns(erp_only, folder.parent, "{files: 'retorno/*.ret', layout: febraban240, bank: '756'}", query=False)
    with pytest.raises(ConfigError, match=r"cnab/756.csv does not exist: nothing says what that bank's occurrence codes mean"):
        landing.land_all(erp_only, D, "run")
    with_returns_text = (erp_only.config / "sources" / "erp.yml").read_text(encoding="utf-8")
    (erp_only.config / "sources" / "erp.yml").write_text(
        with_returns_text.replace("bank: '756'", "bank: '756', codes: febraban"), encoding="utf-8"
    )
    assert landing.land_all(erp_only, D, "run").entry("erp/payments.parquet").rows == 1


@given(
    told=st.lists(st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(0, 12)), max_size=6),
    booked=st.lists(st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(0, 12)), max_size=6),
)
def test_matching_drops_at_most_what_the_database_has(told: list, booked: list):
    """One-to-one: nothing told is lost unless an equal payment near its day is booked for it alone."""
    returns = [
        ReturnPayment(f"{n}", str(title), PAID + timedelta(day), None, amount * 100, "payment", frozenset({amount * 100}), 5)
        for n, (title, amount, day) in enumerate(told)
    ]
    known = _Known(MAPPING, ("payment_id", "receivable_id", "paid_on", "amount"), returns)
    known.notice([(str(n), str(t), PAID + timedelta(day), Decimal(amount)) for n, (t, amount, day) in enumerate(booked)])
    missing = known.missing()
    for title in ("1", "2"):
        for amount in (100, 200, 300):
            asked = [one for one in returns if (one.receivable_id, one.amount) == (title, amount)]
            left = [one for one in missing if (one.receivable_id, one.amount) == (title, amount)]
            there = [item for item in booked if (str(item[0]), item[1] * 100) == (title, amount)]
            assert len(asked) - len(left) <= len(there)
            for one in left:  # whoever stays has no free booking near: all near ones are taken by others
                near = [item for item in there if abs((PAID + timedelta(item[2]) - one.paid_on).days) <= 5]
                assert len(near) <= len(asked) - len(left)
