"""Digests of addresses, by which the ledger and SQL recognise an address."""

import hashlib

import pytest

from cobranca.ledger.address_digest import address_mark, digest


@pytest.mark.parametrize("written", ["ana@example.com", " Ana@Example.com\n"])
def test_an_address_has_one_digest_however_it_is_written(written):
    expected = hashlib.sha256(b"ana@example.com").hexdigest()
    assert digest(written) == expected
    assert address_mark(written) == expected[:4]


@pytest.mark.parametrize("missing", [None, ""])
def test_a_missing_address_has_no_mark(missing):
    assert address_mark(missing) is None
