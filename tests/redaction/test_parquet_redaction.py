"""Redaction of one source's landed files: the erased payer's rows, all of them and no others."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cobranca.partitions.manifest import FileEntry
from cobranca.redaction.erasure_registry import Erasures, keys_of
from cobranca.redaction.parquet_redaction import ERASED_NAME, MARK, redact_landed
from cobranca.schema import ENTITIES

CPF, OTHER = "52998224725", "11144477735"
KEY = keys_of(CPF)[0]
PEOPLE = [
    {"customer_id": "7", "name": "Maria", "tax_id": CPF, "email": "maria@example.com"},
    {"customer_id": "8", "name": "Ana", "tax_id": OTHER, "email": "ana@example.com"},
]
DEBTS = [
    {"receivable_id": f"R{number}", "customer_id": number, "boleto_line": "237", "pix_code": "000"}
    for number in "78"
]


@pytest.fixture
def folder(tmp_path):
    """Two customers, each with one receivable."""
    for name, rows in (("customers", PEOPLE), ("receivables", DEBTS)):
        schema = pa.schema([field.with_nullable(True) for field in ENTITIES[name]])
        table = pa.Table.from_pylist(rows, schema=schema)
        pq.write_table(table, tmp_path / f"{name}.parquet")
    return tmp_path


def redacted(folder, accounts: dict) -> tuple[dict[str, dict], dict[str, dict]]:
    """Customers and receivables by customer, after the redaction."""
    names = ("customers", "receivables")
    entries = [FileEntry(f"erp/{name}.parquet", 2, 0, "") for name in names]
    redact_landed(folder, "erp", entries, Erasures(accounts))
    customers, receivables = (
        {row["customer_id"]: row for row in pq.read_table(folder / f"{name}.parquet").to_pylist()}
        for name in names
    )
    return customers, receivables


@pytest.mark.parametrize("account", ["7", "an account of long ago"])
def test_an_erased_payer_is_known_by_account_or_tax_id(folder, account):
    customers, receivables = redacted(folder, {("erp", account): KEY})
    erased = customers["7"]
    assert (erased["name"], erased["tax_id"], erased["email"]) == (ERASED_NAME, None, None)
    assert (erased["opt_out_email"], erased["opt_out_phone"], erased[MARK]) == (True, True, KEY)
    assert receivables["7"]["boleto_line"] is None and receivables["7"]["pix_code"] is None


def test_others_stay_as_they_are(folder):
    customers, receivables = redacted(folder, {("erp", "7"): KEY})
    assert (customers["8"]["name"], customers["8"]["email"]) == ("Ana", "ana@example.com")
    assert customers["8"][MARK] is None
    assert (receivables["8"]["boleto_line"], receivables["8"]["pix_code"]) == ("237", "000")


def test_an_account_of_the_same_number_in_another_source_is_another(folder):
    customers, _ = redacted(folder, {("billing", "8"): KEY})
    assert (customers["7"]["name"], customers["8"]["name"]) == (ERASED_NAME, "Ana")


def test_a_landing_before_says_who_was_erased(folder):
    """Without a tax id, and under an account that the ledger does not hold."""
    redacted(folder, {("erp", "7"): KEY})
    path = folder / "customers.parquet"
    rows = pq.read_table(path).to_pylist()
    rows[0] |= {"customer_id": "70", "name": "Maria"}
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)
    customers, _ = redacted(folder, {("erp", "7"): KEY})
    assert customers["70"]["name"] == ERASED_NAME
