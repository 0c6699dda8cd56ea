"""What a receivable can be paid with: the source's codes where they fit, a Pix code of our own where none is left."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca.payments import boleto, pix
from cobranca.policy import load_policy
from cobranca.reminders.preview import samples
from cobranca.reminders.ways_to_pay import Unsendable, txid, ways_to_pay
from cobranca.settings import PROJECT_ROOT
from reminders.plans import TONIGHT

CREDITOR = load_policy(PROJECT_ROOT / "include" / "config", TONIGHT).creditor
WITH_KEY = CREDITOR.model_copy(update={"pix_key": "pix@example.com.br"})
LATE = samples(TONIGHT)["6-last_notice"][1].items[0]
BARE = replace(LATE, boleto_line=None, pix_code=None, payment_url=None)


def static(amount: Decimal) -> str:
    return pix.build(key="a@example.com", name="Escola", city="Recife", amount=amount)


def line(amount: Decimal | None, due=LATE.due_date, currency: str = "9") -> str:
    return boleto.build("237", due, amount, "1" * 25, currency).line


@pytest.mark.parametrize("asked", ["amount", "open_amount", "amount_due"])
def test_a_code_may_ask_for_the_original_the_open_or_todays_amount(asked):
    item = replace(LATE, amount=Decimal(1000), open_amount=Decimal(1000), fine=Decimal(20), interest=Decimal(5))
    item = replace(item, amount_due=Decimal(1025))
    amount = getattr(item, asked)
    ways = ways_to_pay(replace(item, boleto_line=line(amount), pix_code=static(amount)), CREDITOR, TONIGHT)
    assert ways.boleto_line == boleto.format_line(line(amount)) and ways.pix_code == static(amount)
    assert bool(ways.boleto_note) == bool(ways.pix_note) == (asked != "amount_due")


def test_an_open_amount_or_due_date_in_the_code_is_no_contradiction():
    ways = ways_to_pay(replace(LATE, boleto_line=line(None, due=None), pix_code=LATE.pix_code), CREDITOR, TONIGHT)
    assert ways.boleto_line and ways.pix_code and not ways.boleto_note and not ways.pix_note


def test_a_barcode_is_shown_as_the_line_a_person_types():
    made = boleto.build("237", LATE.due_date, LATE.amount, "1" * 25)
    assert ways_to_pay(replace(LATE, boleto_line=made.barcode), CREDITOR, TONIGHT).boleto_line == made.formatted_line


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"boleto_line": "8" * 48}, "dígito verificador"),
        ({"boleto_line": line(LATE.amount + 1)}, "valor diferente"),
        ({"boleto_line": line(LATE.amount, due=TONIGHT)}, "vencimento diferente"),
        ({"boleto_line": line(LATE.amount, currency="8")}, "outra moeda"),
        ({"currency": "USD", "pix_code": None, "boleto_line": line(LATE.amount)}, "outra moeda"),
        ({"currency": "USD", "boleto_line": None}, "outra moeda"),
        ({"pix_code": static(LATE.amount + 1)}, "valor diferente"),
        ({"pix_code": static(LATE.amount)[:-1] + "x"}, "Pix inválido"),
    ],
)
def test_a_code_that_contradicts_its_receivable_stops_the_message(changes, reason):
    with pytest.raises(Unsendable, match=reason) as stopped:
        ways_to_pay(replace(LATE, **changes), WITH_KEY, TONIGHT)
    assert LATE.receivable_key in str(stopped.value) and len(str(stopped.value)) < 200


def test_the_reason_fits_into_the_ledger_whatever_the_key():
    with pytest.raises(Unsendable) as stopped:
        ways_to_pay(replace(LATE, receivable_key="erp:" + "9" * 190, pix_code="x"), CREDITOR, TONIGHT)
    assert len(str(stopped.value)) <= 200


def test_a_pix_code_of_our_own_asks_for_todays_amount_and_names_the_receivable():
    ways = ways_to_pay(BARE, WITH_KEY, TONIGHT)
    read = pix.parse(ways.pix_code)
    assert (read.key, read.amount, read.txid) == ("pix@example.com.br", BARE.amount_due, BARE.receivable_id)
    assert (read.name, read.city) == ("Ipe Amarelo Distribuidora", "Sao Paulo") and ways.pix_note is None


def test_it_stands_in_for_a_code_that_asks_for_more_than_is_due():
    half = replace(
        BARE,
        open_amount=Decimal(500),
        fine=Decimal(10),
        interest=Decimal(0),
        amount_due=Decimal(510),
        pix_code=static(BARE.amount),
    )
    assert ways_to_pay(half, CREDITOR, TONIGHT).pix_code is None
    assert pix.parse(ways_to_pay(half, WITH_KEY, TONIGHT).pix_code).amount == Decimal(510)


def test_the_source_s_own_code_is_preferred():
    assert ways_to_pay(LATE, WITH_KEY, TONIGHT).pix_code == LATE.pix_code


def test_pix_is_for_reais_only():
    assert ways_to_pay(replace(BARE, currency="USD"), WITH_KEY, TONIGHT).pix_code is None


@pytest.mark.parametrize(
    ("receivable_id", "expected"),
    [("R1", "R1"), ("A" * 25, "A" * 25), ("NF-1", "NF1"), ("A" * 26, "A" * 17), ("título nº 1", "ttulon1"), ("--", "")],
)
def test_a_txid_keeps_what_it_can_of_the_id(receivable_id, expected):
    assert txid(receivable_id).startswith(expected) and len(txid(receivable_id)) in (len(expected), len(expected) + 8)


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_txids_are_valid_and_differ_as_the_ids_do(one, other):
    assert pix.parse(pix.build(key="a@example.com", name="A", city="B", txid=txid(one))).txid == txid(one)
    assert (txid(one) == txid(other)) == (one == other)
