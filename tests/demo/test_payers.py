"""The demo company's payers: untidy, and no real address or number."""

from collections import Counter

import phonenumbers
from validate_docbr import CNPJ, CPF

from demo.books import letters_and_digits


def test_customers_are_as_untidy_as_real_ones(tonight):
    clients, accounts = tonight["clientes"], tonight["account"]

    both = {letters_and_digits(row[2]) for row in clients} & {
        letters_and_digits(row[2]) for row in accounts
    } - {""}
    assert len(both) > 200
    written = {row[2] for row in clients} & {row[2] for row in accounts}
    assert len(written) < len(both), "some are formatted differently"
    mailboxes = Counter(row[3] for row in clients if row[3])
    assert sum(count > 1 for count in mailboxes.values()) >= 10
    assert sum(";" in (row[3] or "") for row in clients) >= 10
    assert sum(row[3] is None for row in clients) >= 20
    assert sum(row[4] is None for row in clients) >= 20
    assert (
        sum(
            not CPF().validate(letters_and_digits(row[2]))
            for row in clients
            if row[8] == "F" and row[2]
        )
        >= 5
    )
    alphanumeric = [
        letters_and_digits(row[2])
        for row in clients + accounts
        if letters_and_digits(row[2])[:1].isalpha()
    ]
    assert (
        len(alphanumeric) >= 5
        and sum(CNPJ().validate(tax_id) for tax_id in alphanumeric) >= len(alphanumeric) - 2
    )


def test_addresses_and_phones_belong_to_no_one(tonight):
    for row in tonight["clientes"]:
        for address in (row[3] or "").replace(";", " ").replace(",", " ").replace("/", " ").split():
            if "@" in address and not address.endswith("@"):
                assert address.lower().endswith(("@example.com", "@example.com.br")), (
                    "a real domain"
                )
    usable = 0
    for row in tonight["account"]:
        try:
            usable += phonenumbers.is_valid_number(phonenumbers.parse(row[4].split("/")[0], "BR"))
        except phonenumbers.NumberParseException:
            continue
    assert usable > 0.75 * len(tonight["account"])
