"""Digests by which an address is recognised without being stored."""

import hashlib

_MARK_LENGTH = 4


def digest(address: str) -> str:
    """SHA-256 of the address in lower case, in hexadecimal; SQL computes the same digest."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def address_mark(address: str | None) -> str | None:
    """The first four digits of an address's digest.

    It shows that a payer's address has changed. It identifies no address: one in 65 536 has the
    same mark.
    """
    return digest(address)[:_MARK_LENGTH] if address else None
