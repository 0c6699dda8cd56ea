"""The contact ledger: one small transactional database that remembers what was done to people."""

from cobranca.ledger.engine import open_ledger

__all__ = ["open_ledger"]
