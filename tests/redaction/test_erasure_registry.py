"""Erased payers: the keys under which one may come back."""

import pytest

from cobranca.redaction.erasure_registry import Erasures, keys_of

CPF, CNPJ, BRANCH = "52998224725", "11222333000181", "11222333000262"


def test_a_person_has_one_key_and_a_company_one_more_for_its_branches():
    """The keys stand in the ledger for good, so they never change."""
    assert keys_of(CPF) == ("C4e2449d3c146941bc02c",)
    assert keys_of(CNPJ) == ("C25b7195cc3ea1dc0e0e9", "C31a00a0f4b333a485de6")
    assert keys_of(BRANCH)[0] != keys_of(CNPJ)[0] and keys_of(BRANCH)[1] == keys_of(CNPJ)[1]


@pytest.mark.parametrize(
    ("erased", "tax_id", "is_known"),
    [
        (CPF, CPF, True),
        (CPF, "52998224806", False),
        (CNPJ, CNPJ, True),
        (CNPJ, BRANCH, False),
        (CPF, None, False),
        (CPF, "", False),
    ],
)
def test_another_account_is_recognised_by_its_tax_id(erased, tax_id, is_known):
    key = keys_of(erased)[0]
    assert Erasures({("erp", "7"): key}).key_of(tax_id) == (key if is_known else None)


def test_a_company_of_joined_branches_is_recognised_by_each_of_them():
    whole = keys_of(CNPJ)[1]
    assert Erasures({("erp", "7"): whole}).key_of(BRANCH) == whole
