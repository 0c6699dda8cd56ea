import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca import contact_data
from cobranca.demo.tax_ids import cnpj, cpf, dotted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("529.982.247-25", "52998224725"),
        ("11.222.333/0001-81", "11222333000181"),
        ("12.abc.345/01de-35", "12ABC34501DE35"),
        ("111.111.111-11", None),
        ("00.000.000/0000-00", None),
        ("529.982.247-26", None),
        ("5299822472", None),
        # a number column lost the zeros in front
        ("3485712086", "03485712086"),
        ("345678109", "00345678109"),
        ("360305000104", "00360305000104"),
        ("1234567000195", "01234567000195"),
        ("348.571.208-6", None),
        ("34567817", None),
        ("34567810", None),  # with three zeros in front it would be somebody's CPF
        ("191", None),
        ("ISENTO", None),
    ],
)
def test_tax_ids(text: str, expected: str | None):
    assert contact_data.tax_id(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@empresa.com.br", "a@empresa.com.br"),
        ("nao tem; contas@empresa.com.br,outro@empresa.com.br", "contas@empresa.com.br"),
        ("A.Silva@EMPRESA.COM.BR", "A.Silva@empresa.com.br"),
        ("a@@empresa.com.br", None),
        ("joão@empresa.com.br", None),
        ("a@localhost", None),
        ("a.b@-empresa.com.br", None),
    ],
)
def test_emails(text: str, expected: str | None):
    assert contact_data.first_email(text) == expected
    assert contact_data.is_email(text) == (text == expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(11) 98888-7777", "+5511988887777"),
        ("11 8888-7777", "+5511988887777"),
        ("011 3222-1111", "+551132221111"),
        ("(11) 3222-1111 ramal 12", "+551132221111"),
        ("98888-7777 / (21) 98888-7777", "+5521988887777"),
        ("+1 415 555 2671", "+14155552671"),
        ("0800 123 4567", None),
        ("4004-1234", None),
        ("98888-7777", None),
        ("não tem", None),
    ],
)
def test_phones(text: str, expected: str | None):
    assert contact_data.first_phone(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("sp", "SP"), ("DF", "DF"), ("XX", None), ("São Paulo", None)]
)
def test_states(text: str, expected: str | None):
    assert contact_data.state(text) == expected


@given(
    digits=st.text("0123456789", min_size=9, max_size=9),
    company=st.booleans(),
    branch=st.integers(1, 99),
)
def test_every_way_to_write_a_tax_id_is_the_same_one(digits: str, company: bool, branch: int):
    """With punctuation, with blanks around it, or as a number that lost up to two zeros."""
    tax_id = cnpj(f"{digits[:8]}{branch:04d}") if company else cpf(digits)
    if contact_data.tax_id(tax_id) is None:  # all signs alike
        assert len(set(tax_id)) == 1
        return
    assert (
        contact_data.tax_id(tax_id)
        == contact_data.tax_id(dotted(tax_id))
        == contact_data.tax_id(f" {tax_id} ")
        == tax_id
    )
    number = str(int(tax_id))
    if len(tax_id) - len(number) <= 2:
        assert contact_data.tax_id(number) == tax_id
    else:
        assert contact_data.tax_id(number) != tax_id


@pytest.mark.parametrize(
    ("column", "text", "value", "rule"),
    [
        ("tax_id", "52998224725", "52998224725", None),
        ("tax_id", "529.982.247-25", "52998224725", "normalised"),
        ("tax_id", "360305000104", "00360305000104", "zeros_restored"),
        ("tax_id", "ISENTO", None, None),
        ("email", "a@b.com.br;c@d.com.br", "a@b.com.br", "first_of_several"),
        ("phone", "11 98888-7777 / 11 3222-1111", "+5511988887777", "first_of_several"),
        ("phone", "11 98888-7777", "+5511988887777", "normalised"),
        ("state", "sp", "SP", "normalised"),
    ],
)
def test_a_repair_is_named(column: str, text: str, value: str | None, rule: str | None):
    assert contact_data.repair(column, text, value) == rule
