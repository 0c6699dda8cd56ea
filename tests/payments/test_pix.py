"""Pix codes: the central bank's sample, the checksum, and build → parse for any values."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca.payments import pix
from cobranca.payments.pix import InvalidPix

# From Banco Central's manual of the BR Code.
MANUAL = (
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR"
    "5913Fulano de Tal6008BRASILIA62070503***63041D3D"
)


def with_crc(body: str) -> str:
    return f"{body}6304{pix.crc16(body + '6304')}"


def test_the_checksum_is_ccitt_false():
    assert pix.crc16("123456789") == "29B1"


def test_the_checksum_keeps_its_leading_zeros():
    texts = [str(number) for number in range(5000)]
    assert any(pix.crc16(text).startswith("0") for text in texts)
    assert all(len(pix.crc16(text)) == 4 for text in texts)


def test_the_manuals_sample_is_read():
    found = pix.parse(MANUAL)
    assert found.key == "123e4567-e12b-12d1-a456-426655440000"
    assert (found.name, found.city, found.amount, found.txid) == (
        "Fulano de Tal",
        "BRASILIA",
        None,
        None,
    )
    assert not found.is_dynamic


def test_the_manuals_sample_is_built():
    assert (
        pix.build(
            pix.PixCode(
                key="123e4567-e12b-12d1-a456-426655440000", name="Fulano de Tal", city="BRASILIA"
            )
        )
        == MANUAL
    )


def test_names_lose_accents_and_length():
    found = pix.parse(
        pix.build(
            pix.PixCode(
                key="a@example.com",
                name="Comércio de Peças São João Ltda",
                city="São José dos Campos",
            )
        )
    )
    assert (found.name, found.city) == ("Comercio de Pecas Sao Joa", "Sao Jose dos Ca")


@pytest.mark.parametrize("amount", ["0", "0.00"])
def test_an_amount_of_zero_is_left_to_the_payer_or_the_bank(amount):
    body = MANUAL[:-8].replace("53039865802BR", f"530398654{len(amount):02d}{amount}5802BR")
    assert pix.parse(with_crc(body)).amount is None


@pytest.mark.parametrize(("length", "is_read"), [(512, True), (513, False)])
def test_a_code_is_as_long_as_a_payment_code_may_be(length, is_read):
    parts, rest = [], length - len(MANUAL)
    while rest > 103:
        parts.append(99)
        rest -= 103
    parts += [40, rest - 48]
    filler = "".join(f"{tag}{size:02d}{'x' * size}" for tag, size in enumerate(parts, start=80))
    code = with_crc(MANUAL[:-8] + filler)
    assert len(code) == length and pix.is_valid(code) == is_read
    if not is_read:
        with pytest.raises(pix.PixTooLong, match="at most 512"):
            pix.parse(code)


def test_a_dynamic_code_has_an_address():
    code = pix.build(
        pix.PixCode(
            url="pix.example.com/qr/v2/1f2e", name="Escola", city="Recife", amount=Decimal("10.50")
        )
    )
    found = pix.parse(code)
    assert (
        found.is_dynamic
        and found.url == "pix.example.com/qr/v2/1f2e"
        and found.amount == Decimal("10.50")
    )


def test_a_dynamic_code_says_that_it_is_for_one_payment():
    """Field 01 is 12 in a dynamic code and absent in a static one (Manual do BR Code)."""
    code = pix.build(pix.PixCode(url="pix.example.com/1", name="Escola", city="Recife"))
    assert code.startswith("00020101021226390014br.gov.bcb.pix2517pix.example.com/1")


@pytest.mark.parametrize(
    ("tag", "is_found"), [("25", False), ("26", True), ("51", True), ("52", False)]
)
def test_the_account_stands_in_a_field_from_26_to_51(tag, is_found):
    code = with_crc(f"000201{tag}270014br.gov.bcb.pix0105a@b.c53039865802BR")
    if is_found:
        assert pix.parse(code).key == "a@b.c"
    else:
        with pytest.raises(InvalidPix, match="holds no Pix account"):
            pix.parse(code)


def test_an_account_of_another_arrangement_is_passed_over():
    other, ours = "26090105a@b.c", "27270014BR.GOV.BCB.PIX0105d@e.f"
    assert pix.parse(with_crc(f"000201{other}{ours}53039865802BR")).key == "d@e.f"


def test_a_code_without_name_city_and_txid_is_read():
    found = pix.parse(with_crc("00020126270014br.gov.bcb.pix0105a@b.c53039865802BR"))
    assert found == pix.PixCode(key="a@b.c", name="", city="")
    empty = with_crc("00020126270014br.gov.bcb.pix0105a@b.c53039865802BR62080804abcd")
    assert pix.parse(empty).txid is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (with_crc(""), "no Pix code in reais"),
        (MANUAL[:-8] + "9904" + pix.crc16(MANUAL[:-8] + "9904"), "checksum"),
        (with_crc(MANUAL[:-8].replace("000201", "000202")), "no Pix code in reais"),
        (with_crc(MANUAL[:-8].replace("5802BR", "5802PT")), "no Pix code in reais"),
        (with_crc(MANUAL[:-8].replace("5303986", "5303840")), "no Pix code in reais"),
    ],
)
def test_each_mark_of_a_pix_code_must_be_right(code, words):
    with pytest.raises(InvalidPix, match=words):
        pix.parse(code)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"key": ""}, "field 01 of a Pix code needs 1 to 99"),
        ({"key": None, "url": ""}, "field 25 of a Pix code needs 1 to 99"),
        ({"key": "x" * 100}, "field 01 of a Pix code needs 1 to 99"),
        ({"key": "x" * 78}, "field 26 of a Pix code needs 1 to 99"),
        ({"key": "a\nb"}, "field 01 of a Pix code needs 1 to 99 printable characters"),
        ({"name": " "}, "needs the payee's name and city"),
        ({"city": ""}, "needs the payee's name and city"),
        ({"city": "日本"}, "needs the payee's name and city"),
        ({"amount": Decimal("10000000000.00")}, "at most 13 characters"),
        ({"amount": Decimal("-0.01")}, "above zero"),
        ({"txid": ""}, "a Pix txid has 1 to 25"),
    ],
)
def test_a_part_that_does_not_fit_is_named(parts, words):
    part = {"key": "a@example.com", "name": "Escola", "city": "Recife"} | parts
    with pytest.raises(InvalidPix, match=words):
        pix.build(pix.PixCode(**part))


def test_the_longest_parts_that_fit():
    """An account of 99 characters, and an amount of 13."""
    made = pix.PixCode(
        key="x" * 77, name="n" * 25, city="c" * 15, amount=Decimal("9999999999.99"), txid="t" * 25
    )
    assert pix.parse(pix.build(made)) == made


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "checksum"),
        (MANUAL[:-1] + "E", "checksum"),
        (MANUAL[:-12], "checksum"),
        (MANUAL.replace("Fulano", "Fulana"), "checksum"),
        (MANUAL.replace("Fulano", "Fuláno"), "without accents"),
        (
            with_crc("000201" + "26200014br.gov.bcb.pix52040000" + "5303986" + "5802BR"),
            "tag, length|too short|neither",
        ),
        (
            with_crc("000201" + "26180014br.gov.bcb.pix" + "520400005303986" + "5802BR"),
            "neither a key",
        ),
        (with_crc("000201" + "520400005303986" + "5802BR"), "no Pix account"),
        (with_crc("000201" + "520400005303840" + "5802BR"), "no Pix code in reais"),
        (with_crc("000201000201"), "stands twice"),
        (with_crc("zz0201"), "tag, length, value"),
    ],
)
def test_wrong_codes_are_refused_with_the_reason(code, reason):
    with pytest.raises(InvalidPix, match=reason):
        pix.parse(code)
    assert not pix.is_valid(code)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"key": "a@example.com", "url": "pix.example.com/1"},
        {"key": "a@example.com", "txid": "has-hyphen"},
        {"key": "a@example.com", "txid": "x" * 26},
        {"key": "a@example.com", "amount": Decimal(0)},
        {"key": "a@example.com", "amount": Decimal("1.001")},
        {"key": "a@example.com", "amount": Decimal("NaN")},
        {"key": "a@example.com", "amount": Decimal("99999999999.00")},
        {"key": "chave çom acento"},
        {"url": "pix.example.com/1", "info": "texto"},
        {"key": "a@example.com", "name": ""},
        {"key": "a@example.com", "name": "日本"},
    ],
)
def test_parts_that_do_not_fit_are_refused(parts):
    with pytest.raises(InvalidPix):
        pix.build(pix.PixCode(**({"name": "Escola", "city": "Recife"} | parts)))


def test_no_code_is_valid_without_a_text():
    assert not pix.is_valid(None)


printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(
    key=printable,
    name=st.text(st.characters(min_codepoint=65, max_codepoint=122), min_size=1, max_size=25),
    city=st.text(st.characters(min_codepoint=65, max_codepoint=122), min_size=1, max_size=15),
    amount=st.none() | st.integers(1, 10**12 - 1).map(lambda cents: Decimal(cents).scaleb(-2)),
    txid=st.none() | st.from_regex(r"[A-Za-z0-9]{1,25}", fullmatch=True),
    info=st.none()
    | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
)
def test_what_was_built_is_read_back(key, name, city, amount, txid, info):
    code = pix.build(
        pix.PixCode(key=key, name=name, city=city, amount=amount, txid=txid, info=info)
    )
    assert pix.parse(code) == pix.PixCode(
        key=key, url=None, info=info, amount=amount, name=name, city=city, txid=txid
    )


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text):
    assert pix.is_valid(text) in (True, False)


@given(st.integers(0, len(MANUAL) - 5), st.characters(min_codepoint=33, max_codepoint=126))
def test_one_changed_character_is_always_noticed(position, character):
    changed = MANUAL[:position] + character + MANUAL[position + 1 :]
    assert pix.is_valid(changed) == (changed == MANUAL)


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_names_and_cities_of_any_alphabet_fit_or_are_refused(name, city):
    try:
        found = pix.parse(pix.build(pix.PixCode(key="a@example.com", name=name, city=city)))
    except InvalidPix:
        return
    assert (
        1 <= len(found.name) <= 25
        and 1 <= len(found.city) <= 15
        and (found.name + found.city).isascii()
    )
