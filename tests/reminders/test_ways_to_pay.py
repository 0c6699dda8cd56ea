"""What a receivable can be paid with: the source's codes where they fit, a Pix code of our own where none is left."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca.payments import boleto, pix, qr
from cobranca.policy import load_policy
from cobranca.reminders.letters import LetterWriter
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
    ways = ways_to_pay(replace(item, boleto_line=line(amount), pix_code=static(amount)), CREDITOR)
    assert ways.boleto_line == boleto.format_line(line(amount)) and ways.pix_code == static(amount)
    assert bool(ways.boleto_note) == bool(ways.pix_note) == (asked != "amount_due")


def test_an_open_amount_or_due_date_in_the_code_is_no_contradiction():
    ways = ways_to_pay(replace(LATE, boleto_line=line(None, due=None), pix_code=LATE.pix_code), CREDITOR)
    assert ways.boleto_line and ways.pix_code and not ways.boleto_note and not ways.pix_note


def test_a_barcode_is_shown_as_the_line_a_person_types():
    made = boleto.build("237", LATE.due_date, LATE.amount, "1" * 25)
    assert ways_to_pay(replace(LATE, boleto_line=made.barcode), CREDITOR).boleto_line == made.formatted_line


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"boleto_line": "8" * 48}, "conta de arrecadação"),
        ({"boleto_line": "8" + "0" * 43}, "conta de arrecadação"),
        ({"boleto_line": line(LATE.amount)[:-1]}, "boleto incompleto"),
        ({"boleto_line": line(LATE.amount)[:-1] + "x"}, "boleto incompleto"),
        ({"boleto_line": line(LATE.amount)[:-1] + ("1" if line(LATE.amount)[-1] != "1" else "2")}, "dígito verificador"),
        ({"boleto_line": line(LATE.amount, due=LATE.due_date - timedelta(days=3001))}, "vencimento diferente"),
        ({"boleto_line": line(LATE.amount, due=LATE.due_date - timedelta(days=1))}, "vencimento diferente"),
        ({"boleto_line": line(LATE.amount + 1)}, "valor diferente"),
        ({"boleto_line": line(LATE.amount, due=TONIGHT)}, "vencimento diferente"),
        ({"boleto_line": line(LATE.amount, currency="8")}, "outra moeda"),
        ({"currency": "USD", "pix_code": None, "boleto_line": line(LATE.amount)}, "outra moeda"),
        ({"currency": "USD", "boleto_line": None}, "outra moeda"),
        ({"pix_code": static(LATE.amount + 1)}, "valor diferente"),
        ({"pix_code": static(LATE.amount)[:-1] + "x"}, "Pix inválido"),
        ({"pix_code": "0" * (pix.LONGEST + 1)}, "Pix com mais de 512 caracteres"),
    ],
)
def test_a_code_that_contradicts_its_receivable_stops_the_message(changes, reason):
    with pytest.raises(Unsendable, match=reason) as stopped:
        ways_to_pay(replace(LATE, **changes), WITH_KEY)
    assert LATE.receivable_key in str(stopped.value) and len(str(stopped.value)) < 200


@pytest.mark.parametrize("due", [date(2007, 12, 31), date(2018, 6, 1), date(2025, 2, 21), date(2025, 2, 22), date(2041, 12, 2)])
def test_the_boleto_of_a_debt_of_any_age_is_shown(due):
    item = replace(LATE, due_date=due, effective_due_date=due, boleto_line=line(LATE.amount, due=due))
    assert ways_to_pay(item, CREDITOR).boleto_line == boleto.format_line(item.boleto_line)


def test_a_dynamic_pix_code_with_an_amount_of_zero_leaves_it_to_the_bank():
    opened = LATE.pix_code[:-8].replace("5303986", "530398654040.00")
    code = f"{opened}6304{pix.crc16(opened + '6304')}"
    ways = ways_to_pay(replace(LATE, pix_code=code), CREDITOR)
    assert ways.pix_code == code and ways.pix_note is None


@pytest.mark.parametrize(
    ("url", "is_shown"),
    [
        ("https://pagar.example.com.br/1?a=b#c", True),
        ("https://pagar.example.com.br:8443/1", True),
        ("HTTPS://PAGAR.example.com.br", True),
        ("https://xn--80ak6aa92e.com/", True),
        ("https://example.com/pagamento-rápido", True),
        ("http://example.com", False),
        ("javascript:alert(1)", False),
        ("https://", False),
        ("https://[", False),
        ("https://example.com:x/", False),
        ("https://banco@golpe.example/1", False),
        ("https://@golpe.example/1", False),
        ("https://banco.example\\@golpe.example/1", False),
        ("https://golpe.example\\.banco.example/1", False),
        ("https://\u0430pple.com/", False),
        ("https://ban\u212ao.com/", False),
        ("https://golpe.example\uff0f.banco.example/", False),
        ("https://example.com/\u202egpj.exe", False),
        ("https://example.com/\u2066x", False),
        ("https://example.com/a\u200bb", False),
        ("https://example.com/a\x07", False),
        ("https://example.com/a\n.evil.com", False),
        ("https://example.com/\n", False),
        (" https://example.com/", False),
        ("https://example.com/a b", False),
    ],
)
def test_a_link_shows_where_it_leads(url, is_shown):
    item = replace(LATE, payment_url=url)
    if is_shown:
        assert ways_to_pay(item, CREDITOR).payment_url == url
    else:
        with pytest.raises(Unsendable, match="link de pagamento inválido"):
            ways_to_pay(item, CREDITOR)


def test_what_no_qr_code_holds_stops_its_own_letter_only(monkeypatch):
    # No valid code is that long: the limit of Pix codes lies below that of the pictures.
    assert len(qr.matrix("x" * pix.LONGEST)) > 0
    message = replace(samples(TONIGHT)["6-last_notice"][1], items=(LATE,))
    monkeypatch.setattr(qr, "_BLOCKS", qr._BLOCKS[:4])
    with pytest.raises(Unsendable, match="longo demais para um QR Code"):
        LetterWriter(CREDITOR, TONIGHT).write(message)


def test_the_reason_fits_into_the_ledger_whatever_the_key():
    with pytest.raises(Unsendable) as stopped:
        ways_to_pay(replace(LATE, receivable_key="erp:" + "9" * 190, pix_code="x"), CREDITOR)
    assert len(str(stopped.value)) <= 200


def test_a_pix_code_of_our_own_asks_for_todays_amount_and_names_the_receivable():
    ways = ways_to_pay(BARE, WITH_KEY)
    read = pix.parse(ways.pix_code)
    assert (read.key, read.amount, read.txid) == ("pix@example.com.br", BARE.amount_due, txid(BARE.source, BARE.receivable_id))
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
    assert ways_to_pay(half, CREDITOR).pix_code is None
    assert pix.parse(ways_to_pay(half, WITH_KEY).pix_code).amount == Decimal(510)


def test_the_source_s_own_code_is_preferred():
    assert ways_to_pay(LATE, WITH_KEY).pix_code == LATE.pix_code


def test_pix_is_for_reais_only():
    assert ways_to_pay(replace(BARE, currency="USD"), WITH_KEY).pix_code is None


@pytest.mark.parametrize(
    ("receivable_id", "expected"),
    [("R1", "R1"), ("A" * 25, "A" * 17), ("NF-1", "NF1"), ("título nº 1", "ttulon1"), ("--", "")],
)
def test_a_txid_begins_with_what_it_can_hold_of_the_id(receivable_id, expected):
    assert re.fullmatch(expected + "[0-9a-f]{8}", txid("erp", receivable_id))


def test_a_txid_stays_what_was_once_printed():
    assert (txid("erp", "123"), txid("billing", "123")) == ("123b765f979", "123482bb66f")


keys = st.tuples(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), st.text(min_size=1, max_size=60))


@given(keys, keys)
def test_txids_are_valid_and_differ_as_source_and_id_do(one, other):
    assert pix.parse(pix.build(key="a@example.com", name="A", city="B", txid=txid(*one))).txid == txid(*one)
    assert (txid(*one) == txid(*other)) == (one == other)
    assert txid("erp", one[1]) != txid("billing", one[1])
