"""Unsubscribe tokens: only the secret opens them, and they reveal no customer key."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca.errors import ConfigError
from cobranca.reminders.render import unsubscribe
from cobranca.reminders.render.unsubscribe import InvalidToken, Tokens
from cobranca.schema import PRINCIPAL

SECRET = "a secret of an installation, long enough"
TOKENS = Tokens(SECRET)
CUSTOMER = "C0123456789abcdef0123"
customers = st.from_regex(r"C[0-9a-f]{20}", fullmatch=True)


@given(customers, st.sampled_from([PRINCIPAL, "atacado", "b_2"]))
def test_a_token_is_decoded_to_its_customer_and_creditor(customer, creditor):
    assert TOKENS.named_by(TOKENS.token_for(customer, creditor)) == (customer, creditor)


# The last letter is not changed: four of its bits are padding, and ignored.
@given(
    customers, st.integers(0, 48), st.characters(categories=["Lu", "Ll", "Nd"], max_codepoint=122)
)
def test_a_changed_token_is_refused(customer, position, letter):
    token = TOKENS.token_for(customer)
    changed = token[:position] + letter + token[position + 1 :]
    if changed != token:
        with pytest.raises(InvalidToken):
            TOKENS.named_by(changed)


@pytest.mark.parametrize("token", ["", "x", "====", "não", "a" * 10_000, CUSTOMER])
def test_text_that_is_no_token_is_refused(token):
    with pytest.raises(InvalidToken) as refused:
        TOKENS.named_by(token)
    assert not token or token not in str(refused.value)


def test_a_token_of_another_installation_is_refused():
    with pytest.raises(InvalidToken):
        Tokens(SECRET + "!").named_by(TOKENS.token_for(CUSTOMER))


def test_a_token_is_opaque_short_and_deterministic():
    token = TOKENS.token_for(CUSTOMER)
    assert re.fullmatch(r"[A-Za-z0-9_-]{50}", token) and CUSTOMER[1:8] not in token
    assert token == Tokens(SECRET).token_for(CUSTOMER)
    assert SECRET not in repr(vars(TOKENS))


def test_a_link_of_an_old_letter_is_read_for_good():
    """Letters lie in mailboxes for years: this token may never come out otherwise."""
    token = "rgl-puKsDpin3SvyTXLiOsGbFXUp4m7_SxO5KQlrqZ9gMURgag"
    assert TOKENS.named_by(token) == (CUSTOMER, PRINCIPAL)
    assert TOKENS.token_for(CUSTOMER) == token


def test_a_secret_has_at_least_32_characters():
    assert Tokens("x" * 32).token_for(CUSTOMER)
    with pytest.raises(ConfigError, match="fewer than 32"):
        Tokens("x" * 31)


def test_the_secret_is_the_password_of_a_connection(monkeypatch):
    monkeypatch.setenv(
        "AIRFLOW_CONN_UNSUBSCRIBE", f'{{"conn_type": "generic", "password": "{SECRET}"}}'
    )
    assert unsubscribe.named_by(unsubscribe.token_for(CUSTOMER)) == (CUSTOMER, PRINCIPAL)
    assert unsubscribe.token_for(CUSTOMER) == TOKENS.token_for(CUSTOMER)


@pytest.mark.parametrize(
    "connection",
    [None, '{"conn_type": "generic"}', '{"conn_type": "generic", "password": "short"}'],
)
def test_a_missing_or_short_secret_is_refused_with_the_cure(monkeypatch, connection):
    monkeypatch.delenv("AIRFLOW_CONN_UNSUBSCRIBE", raising=False)
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_UNSUBSCRIBE", connection)
    with pytest.raises(ConfigError, match="AIRFLOW_CONN_UNSUBSCRIBE|openssl rand"):
        unsubscribe.token_for(CUSTOMER)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://a.example/sair", "https://a.example/sair?t=T"),
        ("https://a.example/sair?e=1", "https://a.example/sair?e=1&t=T"),
    ],
)
def test_the_link_has_the_token_as_one_parameter(url, address):
    assert unsubscribe.link(url, "T") == address
