"""Payment options: the source's codes where they are right, else a Pix code of our own."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca.payments import boleto, pix
from cobranca.reminders.render.letter_samples import samples
from cobranca.reminders.render.payment_options import (
    PaymentOptions,
    Unsendable,
    payment_options,
    txid,
)
from reminders.plans import TONIGHT, item
from reminders.rendering import CREDITOR, letter

WITH_KEY = CREDITOR.model_copy(update={"pix_key": "pix@example.com.br"})
LATE = samples(TONIGHT)["6-last_notice"][1].items[0]
BARE = replace(LATE, boleto_line=None, pix_code=None, payment_url=None)


def static(amount: Decimal) -> str:
    return pix.build(pix.PixCode(key="a@example.com", name="Escola", city="Recife", amount=amount))


def line(amount: Decimal | None, due=LATE.due_date, currency: str = "9") -> str:
    return boleto.build("237", due, amount, "1" * 25, currency).line


@pytest.mark.parametrize("amount_name", ["amount", "open_amount", "amount_due"])
def test_a_code_may_ask_for_the_original_the_open_or_todays_amount(amount_name):
    item = replace(
        LATE, amount=Decimal(1000), open_amount=Decimal(1000), fine=Decimal(20), interest=Decimal(5)
    )
    item = replace(item, amount_due=Decimal(1025))
    amount = getattr(item, amount_name)
    shown = payment_options(
        replace(item, boleto_line=line(amount), pix_code=static(amount)), CREDITOR
    )
    assert shown.boleto_line == boleto.format_line(line(amount)) and shown.pix_code == static(
        amount
    )
    assert bool(shown.boleto_note) == bool(shown.pix_note) == (amount_name != "amount_due")


def test_a_code_without_amount_or_due_date_is_accepted():
    shown = payment_options(
        replace(LATE, boleto_line=line(None, due=None), pix_code=LATE.pix_code), CREDITOR
    )
    assert shown.boleto_line and shown.pix_code and not shown.boleto_note and not shown.pix_note


@pytest.mark.parametrize(("days", "is_shown"), [(0, True), (1, False), (2, True), (3, False)])
def test_a_boleto_may_name_the_bank_day_to_which_its_due_date_moves(days, is_shown):
    moved = replace(LATE, effective_due_date=LATE.due_date + timedelta(days=2))
    named = line(LATE.amount, due=LATE.due_date + timedelta(days=days))
    if is_shown:
        assert payment_options(replace(moved, boleto_line=named), CREDITOR).boleto_line
        return
    with pytest.raises(Unsendable, match="vencimento diferente"):
        payment_options(replace(moved, boleto_line=named), CREDITOR)


def test_a_barcode_is_shown_as_the_line_that_a_person_types():
    made = boleto.build("237", LATE.due_date, LATE.amount, "1" * 25)
    assert (
        payment_options(replace(LATE, boleto_line=made.barcode), CREDITOR).boleto_line
        == made.formatted_line
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"boleto_line": "8" * 48}, "conta de arrecadação"),
        ({"boleto_line": "8" + "0" * 43}, "conta de arrecadação"),
        ({"boleto_line": line(LATE.amount)[:-1]}, "boleto incompleto"),
        ({"boleto_line": line(LATE.amount)[:-1] + "x"}, "boleto incompleto"),
        (
            {
                "boleto_line": line(LATE.amount)[:-1]
                + ("1" if line(LATE.amount)[-1] != "1" else "2")
            },
            "dígito verificador",
        ),
        (
            {"boleto_line": line(LATE.amount, due=LATE.due_date - timedelta(days=3001))},
            "vencimento diferente",
        ),
        (
            {"boleto_line": line(LATE.amount, due=LATE.due_date - timedelta(days=1))},
            "vencimento diferente",
        ),
        ({"boleto_line": line(LATE.amount + 1)}, "valor diferente"),
        ({"boleto_line": line(LATE.amount, due=TONIGHT)}, "vencimento diferente"),
        ({"boleto_line": line(LATE.amount, currency="8")}, "outra moeda"),
        ({"pix_code": static(LATE.amount + 1)}, "valor diferente"),
        ({"pix_code": static(LATE.amount)[:-1] + "x"}, "Pix inválido"),
        ({"pix_code": "0" * (pix.LONGEST + 1)}, "Pix com mais de 512 caracteres"),
    ],
)
def test_a_code_that_contradicts_its_receivable_is_refused(changes, reason):
    with pytest.raises(Unsendable, match=reason) as stopped:
        payment_options(replace(LATE, **changes), WITH_KEY)
    assert LATE.receivable_key in str(stopped.value) and len(str(stopped.value)) < 200


@pytest.mark.parametrize(
    "due",
    [date(2007, 12, 31), date(2018, 6, 1), date(2025, 2, 21), date(2025, 2, 22), date(2041, 12, 2)],
)
def test_the_boleto_of_a_debt_of_any_age_is_shown(due):
    item = replace(
        LATE, due_date=due, effective_due_date=due, boleto_line=line(LATE.amount, due=due)
    )
    assert payment_options(item, CREDITOR).boleto_line == boleto.format_line(item.boleto_line)


def test_a_dynamic_pix_code_with_amount_zero_is_accepted():
    opened = LATE.pix_code[:-8].replace("5303986", "530398654040.00")
    code = f"{opened}6304{pix.crc16(opened + '6304')}"
    shown = payment_options(replace(LATE, pix_code=code), CREDITOR)
    assert shown.pix_code == code and shown.pix_note is None


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
def test_only_a_link_with_a_plain_https_host_is_accepted(url, is_shown):
    item = replace(LATE, payment_url=url)
    if is_shown:
        assert payment_options(item, CREDITOR).payment_url == url
    else:
        with pytest.raises(Unsendable, match="link de pagamento inválido"):
            payment_options(item, CREDITOR)


def test_the_reason_fits_into_the_ledger_for_any_key():
    with pytest.raises(Unsendable) as stopped:
        payment_options(replace(LATE, receivable_key="erp:" + "9" * 190, pix_code="x"), CREDITOR)
    assert len(str(stopped.value)) <= 200


def test_our_own_pix_code_has_todays_amount_and_the_txid_of_the_receivable():
    shown = payment_options(BARE, WITH_KEY)
    read = pix.parse(shown.pix_code)
    assert (read.key, read.amount, read.txid) == (
        "pix@example.com.br",
        BARE.amount_due,
        txid(BARE.source, BARE.receivable_id),
    )
    assert (read.name, read.city) == (
        "Ipe Amarelo Distribuidora",
        "Sao Paulo",
    ) and shown.pix_note is None


def test_our_own_pix_code_replaces_one_that_asks_for_more_than_is_due():
    half = replace(
        BARE,
        open_amount=Decimal(500),
        fine=Decimal(10),
        interest=Decimal(0),
        amount_due=Decimal(510),
        pix_code=static(BARE.amount),
    )
    assert payment_options(half, CREDITOR).pix_code is None
    assert pix.parse(payment_options(half, WITH_KEY).pix_code).amount == Decimal(510)


def test_a_valid_code_of_the_source_is_preferred():
    assert payment_options(LATE, WITH_KEY).pix_code == LATE.pix_code


def test_our_own_pix_code_is_for_reais_only():
    assert payment_options(replace(BARE, currency="USD"), WITH_KEY).pix_code is None


@pytest.mark.parametrize(
    ("receivable_id", "expected"),
    [("R1", "R1"), ("A" * 25, "A" * 17), ("NF-1", "NF1"), ("título nº 1", "ttulon1"), ("--", "")],
)
def test_a_txid_begins_with_the_letters_and_digits_of_the_id(receivable_id, expected):
    assert re.fullmatch(expected + "[0-9a-f]{8}", txid("erp", receivable_id))


def test_a_txid_that_was_printed_once_never_changes():
    assert (txid("erp", "123"), txid("billing", "123")) == ("123b765f979", "123482bb66f")


keys = st.tuples(
    st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), st.text(min_size=1, max_size=60)
)


@given(keys, keys)
def test_txids_are_valid_and_unique_for_source_and_id(one, other):
    assert pix.parse(
        pix.build(pix.PixCode(key="a@example.com", name="A", city="B", txid=txid(*one)))
    ).txid == txid(*one)
    assert (txid(*one) == txid(*other)) == (one == other)
    assert txid("erp", one[1]) != txid("billing", one[1])


WRONG_DIGIT = item("A1")["boleto_line"][:-1] + "7"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"boleto_line": item("A1")["boleto_line"][:46]}, "boleto incompleto"),
        ({"boleto_line": WRONG_DIGIT}, "boleto"),
        ({"boleto_line": item("A1", amount="999.99")["boleto_line"]}, "boleto com valor diferente"),
        ({"boleto_line": item("A1", days=9)["boleto_line"]}, "boleto com vencimento diferente"),
        ({"pix_code": item("A1")["pix_code"][:-1] + "Z"}, "código Pix inválido"),
        ({"pix_code": item("A1", amount="1000.01")["pix_code"]}, "Pix com valor diferente"),
        ({"payment_url": "javascript:alert(1)"}, "link"),
        ({"payment_url": "http://pagar.example.com.br/1"}, "link"),
        ({"payment_url": "https://banco@golpe.example/1"}, "link"),
        ({"interest": Decimal("0.01")}, "não somam"),
    ],
)
def test_a_letter_with_a_wrong_payment_option_is_refused(settings, changes, reason):
    with pytest.raises(Unsendable, match=reason):
        letter(settings, item("A1", **changes))


def test_a_code_issued_for_more_than_is_due_is_left_out(settings):
    half = {
        "open_amount": Decimal(500),
        "fine": Decimal(10),
        "interest": Decimal(0),
        "amount_due": Decimal(510),
    }
    written = letter(settings, item("A1", **half))
    assert "linha digitável" not in written.text and "Pix copia" not in written.text
    assert (
        "Já pago ou abatido: -R$\u00a0500,00" in written.text
        and "https://pagar.example.com.br/A1" in written.text
    )


def test_a_letter_shows_the_credit_that_it_takes_off(settings):
    """A code for the whole is left out; the total and our own Pix code are of the rest."""
    credit = {
        "credit_applied": Decimal(200),
        "fine": Decimal(16),
        "interest": Decimal(0),
        "amount_due": Decimal(816),
    }
    written = letter(settings, item("A1", **credit))
    text = written.text.replace("\u00a0", " ")
    assert "Principal: R$ 1.000,00" in text
    assert "Crédito a seu favor, já abatido: -R$ 200,00" in text
    assert "linha digitável" not in text and "R$ 816,00" in text
    assert "Crédito" not in letter(settings, item("A1")).text


def test_a_code_issued_without_the_charges_has_a_note(settings):
    written = letter(settings, item("A1", days=10, amount="1000.00"))
    assert (
        written.text.count(
            "Emitido com o valor de R$\u00a01.000,00, sem a multa e os juros até hoje."
        )
        == 2
    )


def test_a_receivable_in_another_currency_is_offered_no_code_in_reais():
    """Neither the source's codes, right or wrong, nor one of our own; its link stays."""
    dollars = replace(LATE, currency="USD", payment_url="https://pagar.example.com/1")
    for codes in (
        {},
        {"boleto_line": None, "pix_code": None},
        {"boleto_line": "1", "pix_code": "x"},
    ):
        offered = payment_options(replace(dollars, **codes), WITH_KEY)
        assert offered == PaymentOptions(payment_url="https://pagar.example.com/1")
    with pytest.raises(Unsendable, match="link de pagamento"):
        payment_options(replace(dollars, payment_url="javascript:1"), WITH_KEY)
