"""How an address is recognised without being kept."""

import hashlib

_MARK_LENGTH = 4


def digest(address: str) -> str:
    """SHA-256 of the address in lower case, in hexadecimal; SQL computes the same."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def address_mark(address: str | None) -> str | None:
    """Four digits of the digest: whether a payer's address is another by now is seen in them, but one address of 65 536 has
    the same, so that nobody finds an address by its mark.
    """
    return digest(address)[:_MARK_LENGTH] if address else None
