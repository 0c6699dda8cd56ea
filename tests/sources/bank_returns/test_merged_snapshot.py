"""Bank return files as payments of a source whose receivables are in a database: each payment once,
none missed.
"""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca.errors import ConfigError, SourceError
from cobranca.landing import land
from cobranca.partitions import landing_partition
from cobranca.settings import Settings
from cobranca.sources import current_state
from cobranca.sources.bank_returns.merged_snapshot import _KnownPayments
from cobranca.sources.bank_returns.payments import ReturnPayment
from cobranca.sources.check import check
from cobranca.sources.mapping.model import SourceMapping
from return_files import ReturnRecord, return_file
from source_databases import CLIENT, SETTLEMENT, TITLE, D, MakeSource, landed, refused

PAID = date(2026, 11, 16)
ANY = {"query": "select 1"}
MAPPING = SourceMapping.model_validate(
    {
        "source": "x",
        "connection": "x",
        "entities": {"customers": ANY, "receivables": ANY, "payments": ANY},
    }
)


def with_returns(settings: Settings, folder: Path, cnab: str, *, query: bool) -> None:
    path = settings.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    head, _, tail = text.partition("  payments:\n")
    body = tail if query else ""
    path.write_text(
        f"folder: {folder}\n{head}  payments:\n    cnab: {cnab}\n{body}", encoding="utf-8"
    )


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


@pytest.mark.parametrize(
    ("layout", "bank"),
    [("febraban240", "237"), ("bradesco400", "237"), ("itau400", "341"), ("bb400", "001")],
)
def test_return_files_alone_are_the_payments(erp_only: Settings, returned, layout: str, bank: str):
    _, folder = returned
    codes = (
        ReturnRecord("1", paid=101_33, interest=1_33),
        ReturnRecord("2", code="02", paid=0),
        ReturnRecord("3", code="06", paid=90_00, discount=10_00),
    )
    reversal = [ReturnRecord("1", code="40", paid=5_00)] if layout == "bradesco400" else []
    (folder / "a.ret").write_bytes(
        return_file(
            layout, bank, *codes, *reversal, ReturnRecord("99"), ReturnRecord("2", code="99")
        )
    )
    with_returns(
        erp_only,
        folder.parent,
        f"{{files: 'retorno/*.ret', layout: {layout}, bank: '{bank}'}}",
        query=False,
    )
    published = land.land_all(erp_only, D, "run")
    found = sorted(
        (row["receivable_id"], row["kind"], row["amount"])
        for row in landed(published, "erp", "payments")
    )
    assert found == sorted(
        [
            ("1", "payment", Decimal("101.33")),
            ("3", "payment", Decimal("90.00")),
            ("3", "discount", Decimal("10.00")),
        ]
        + [("1", "reversal", Decimal("5.00"))] * bool(reversal)
    )
    assert {row["paid_on"] for row in landed(published, "erp", "payments")} == {PAID}
    assert {row["method"] for row in landed(published, "erp", "payments")} == {"boleto"}
    assert sorted(refused(published, "erp", "payments").values()) == [
        "unknown_kind",
        "unknown_receivable",
    ]
    assert published.entry("erp/payments.parquet").totals["source_control"] == "compared"


def test_a_file_sent_twice_counts_once(erp_only: Settings, returned):
    _, folder = returned
    content = return_file(
        "bradesco400", "237", ReturnRecord("1"), ReturnRecord("2", our_number="9")
    )
    (folder / "1.ret").write_bytes(content)
    with_returns(erp_only, folder.parent, CNAB, query=False)
    first = land.land_all(erp_only, D, "run 1")
    (folder / "1 (copy).ret").write_bytes(content)
    (folder / "2.ret").write_bytes(
        return_file("bradesco400", "237", ReturnRecord("2", our_number="9"), end="\n", mark="\x1a")
    )
    assert land.land_all(erp_only, D, "run 2").batch_id == first.batch_id
    assert first.entry("erp/payments.parquet").rows == 2


def test_a_payment_that_both_have_is_the_erps(erp_only: Settings, returned):
    erp, folder = returned
    booked = SETTLEMENT | {"data_pagamento": PAID + timedelta(1)}
    erp.add(
        "baixas",
        booked | {"id": 1, "titulo_id": 1, "valor": "100.00"},  # what was paid without interest
        booked | {"id": 2, "titulo_id": 2, "valor": "40.00"},  # another payment of that title
        booked
        | {"id": 3, "titulo_id": 3, "valor": "100.00"},  # the face value: the discount is in it
    )
    reported = (
        ReturnRecord("1", paid=102_00, interest=2_00),
        ReturnRecord("2", paid=60_00),
        ReturnRecord("3", paid=90_00, discount=10_00),
    )
    (folder / "1.ret").write_bytes(return_file("bradesco400", "237", *reported))
    with_returns(erp_only, folder.parent, CNAB, query=True)
    published = land.land_all(erp_only, D, "run")
    payments = landed(published, "erp", "payments")
    assert sorted((row["receivable_id"], row["amount"]) for row in payments) == [
        ("1", Decimal("100.00")), ("2", Decimal("40.00")), ("2", Decimal("60.00")),
        ("3", Decimal("100.00")),
    ]  # fmt: skip
    paid = current_state.read_payments(erp_only, "erp", ["1", "2", "3"])
    assert paid == {"1": Decimal("100.00"), "2": Decimal("100.00"), "3": Decimal("100.00")}
    # last month's equal payment is another one
    erp.run("update baixas set data_pagamento = '2026-10-16' where id = 1")
    assert current_state.read_payments(erp_only, "erp", ["1"]) == {"1": Decimal("202.00")}


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_return_files_and_a_real_server_are_merged(
    erp_only: Settings, make_source: MakeSource, tmp_path: Path, kind: str
):
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    erp.add("titulos", TITLE, TITLE | {"id": 2})
    erp.add("baixas", SETTLEMENT | {"data_pagamento": PAID, "valor": "100.00"})
    (tmp_path / "x.ret").write_bytes(
        return_file(
            "febraban240", "237", ReturnRecord("1"), ReturnRecord("0002", paid=7_00, our_number="2")
        )
    )
    with_returns(
        erp_only,
        tmp_path,
        "{files: '*.ret', layout: febraban240, bank: '237', strip_zeros: true}",
        query=True,
    )
    published = land.land_all(erp_only, D, "run")
    payments = landed(published, "erp", "payments")
    assert sorted((row["receivable_id"], row["amount"]) for row in payments) == [
        ("1", Decimal("100.00")), ("2", Decimal("7.00")),
    ]  # fmt: skip
    assert published.entry("erp/payments.parquet").totals["source_control"] == "compared"
    assert current_state.read_payments(erp_only, "erp", ["1", "2"]) == {
        "1": Decimal("100.00"),
        "2": Decimal("7.00"),
    }
    totals = published.entry("erp/payments.parquet").totals
    assert (totals["source rows"], totals["source sum"]) == ("2", "107.00")
    # the receivables next to the files are read by changes, as those of a database alone
    erp.add("titulos", TITLE | {"id": 3})
    second = land.land_all(erp_only, D + timedelta(days=1), "the next night")
    assert second.entry("erp/receivables.parquet").totals["reading"] == "changes"
    assert (
        second.entry("erp/receivables.parquet").rows,
        second.entry("erp/payments.parquet").rows,
    ) == (3, 2)
    # amounts that the database keeps as text cannot be added there
    path = erp_only.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("b.valor as amount", "concat('R$ ', b.valor) as amount"), encoding="utf-8"
    )
    published = land.land_all(erp_only, D, "run 2")
    assert published.entry("erp/payments.parquet").totals["amount BRL"] == "107.00"


def test_two_banks_of_one_source(erp_only: Settings, returned):
    _, folder = returned
    (folder / "b.ret").write_bytes(return_file("bradesco400", "237", ReturnRecord("1")))
    (folder / "i.rt").write_bytes(return_file("itau400", "341", ReturnRecord("2", document="2")))
    both = (
        f"[{CNAB}, {{files: 'retorno/*.rt', layout: itau400, bank: '341', receivable_id: "
        f"document_number}}]"
    )
    with_returns(erp_only, folder.parent, both, query=False)
    published = land.land_all(erp_only, D, "run")
    assert sorted(row["payment_id"][:4] for row in landed(published, "erp", "payments")) == [
        "237-",
        "341-",
    ]


def test_one_damaged_file_stops_the_source(erp_only: Settings, returned):
    _, folder = returned
    (folder / "1.ret").write_bytes(return_file("bradesco400", "237", ReturnRecord("1")))
    with_returns(erp_only, folder.parent, CNAB, query=True)
    first = land.land_all(erp_only, D, "run 1")
    (folder / "2.ret").write_bytes(
        return_file("bradesco400", "237", ReturnRecord("2"), ReturnRecord("3"))[:-500]
    )
    with pytest.raises(
        SourceError,
        match=r"source 'erp', payments: return file '2.ret', line 3: it has \d+ characters instead",
    ) as e:
        land.land_all(erp_only, D, "run 2")
    assert "JOSÉ" not in str(e.value)
    assert landing_partition.read_landing(erp_only, D, verify=True) == first
    [row] = check(erp_only)
    assert "return file '2.ret', line 3" in row.problem


def test_a_bank_without_codes_names_the_file(erp_only: Settings, returned):
    _, folder = returned
    (folder / "1.ret").write_bytes(return_file("febraban240", "756", ReturnRecord("1")))
    with_returns(
        erp_only,
        folder.parent,
        "{files: 'retorno/*.ret', layout: febraban240, bank: '756'}",
        query=False,
    )
    with pytest.raises(
        ConfigError,
        match=r"cnab/756.csv does not exist: nothing says what that bank's occurrence codes mean",
    ):
        land.land_all(erp_only, D, "run")
    with_returns_text = (erp_only.config / "sources" / "erp.yml").read_text(encoding="utf-8")
    (erp_only.config / "sources" / "erp.yml").write_text(
        with_returns_text.replace("bank: '756'", "bank: '756', codes: febraban"), encoding="utf-8"
    )
    assert land.land_all(erp_only, D, "run").entry("erp/payments.parquet").rows == 1


@pytest.mark.parametrize(
    ("days", "is_new"), [(-6, True), (-5, False), (0, False), (5, False), (6, True)]
)
def test_the_days_of_a_payment_include_the_last(days: int, is_new: bool):
    """Booked so many days after the bank reports it, where five days make it the same payment."""
    reported = ReturnPayment("R", "1", PAID, None, 100_00, "payment", (100_00,), 5)
    known = _KnownPayments(
        MAPPING, ("payment_id", "receivable_id", "paid_on", "amount"), [reported]
    )
    known.notice([("B", "1", PAID + timedelta(days), Decimal("100.00"))])
    assert (known.missing() == [reported]) is is_new


@pytest.mark.parametrize(
    ("booked", "is_new"),
    [("102.00", False), ("100.00", False), ("110.00", False), ("101.00", True)],
)
def test_what_a_bank_reports_may_be_booked_in_three_ways(
    erp_only: Settings, returned, booked: str, is_new: bool
):
    """As it was paid, without the interest in it, or at the face value before a rebate."""
    erp, folder = returned
    erp.run("update titulos set valor = '110.00' where id = 1")
    erp.add(
        "baixas", SETTLEMENT | {"id": 1, "titulo_id": 1, "valor": booked, "data_pagamento": PAID}
    )
    record = ReturnRecord("1", nominal=110_00, paid=102_00, interest=2_00)
    (folder / "1.ret").write_bytes(return_file("bradesco400", "237", record))
    with_returns(erp_only, folder.parent, CNAB, query=True)
    payments = landed(land.land_all(erp_only, D, "run"), "erp", "payments")
    assert (len(payments) == 2) is is_new


@given(
    reported=st.lists(
        st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(0, 12)), max_size=6
    ),
    booked=st.lists(
        st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(0, 12)), max_size=6
    ),
)
def test_matching_drops_at_most_what_the_database_has(reported: list, booked: list):
    """One to one: a reported payment is lost only where an equal one is booked for it alone."""
    returns = [
        ReturnPayment(
            f"{n}",
            str(title),
            PAID + timedelta(day),
            None,
            amount * 100,
            "payment",
            frozenset({amount * 100}),
            5,
        )
        for n, (title, amount, day) in enumerate(reported)
    ]
    known = _KnownPayments(MAPPING, ("payment_id", "receivable_id", "paid_on", "amount"), returns)
    known.notice(
        [
            (str(n), str(t), PAID + timedelta(day), Decimal(amount))
            for n, (t, amount, day) in enumerate(booked)
        ]
    )
    missing = known.missing()
    for title in ("1", "2"):
        for amount in (100, 200, 300):
            asked = [one for one in returns if (one.receivable_id, one.amount) == (title, amount)]
            left = [one for one in missing if (one.receivable_id, one.amount) == (title, amount)]
            there = [item for item in booked if (str(item[0]), item[1] * 100) == (title, amount)]
            assert len(asked) - len(left) <= len(there)
            for (
                one
            ) in left:  # what stays has no free booking near: all near ones are taken by others
                near = [
                    item
                    for item in there
                    if abs((PAID + timedelta(item[2]) - one.paid_on).days) <= 5
                ]
                assert len(near) <= len(asked) - len(left)
