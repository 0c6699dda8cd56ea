"""The contact ledger: a transactional database of contacts, their states and the answers.

Who may write which table is an import contract (``ledger-…`` in ``pyproject.toml``).
"""

from cobranca.ledger.engine import open_ledger

__all__ = ["open_ledger"]
