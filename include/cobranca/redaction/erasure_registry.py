"""The register of erased payers, and how one is recognised when a source brings them again.

LGPD, art. 18, VI gives the right to erasure, art. 16, I lets the controller keep what a legal
obligation needs. So debts go on counting in finance, and the proof of what was done stays in the
ledger, under keys that by themselves name no one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cobranca.settings import Settings

CNPJ_LENGTH, CNPJ_ROOT = 14, 8


@dataclass(frozen=True)
class Erasures:
    """The erased payers: the key by account ``(source, customer_id)``.

    Another account of an erased payer is recognised by its tax id.
    """

    accounts: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of all erased payers."""
        return frozenset(self.accounts.values())

    def key_of(self, tax_id: str | None) -> str | None:
        """The key of the erased payer with this normalised CPF or CNPJ, if there is one.

        A company's branch counts as the company where branches are one payer.
        """
        return next((key for key in keys_of(tax_id) if key in self.keys), None) if tax_id else None


def keys_of(tax_id: str) -> tuple[str, ...]:
    """The keys that SQL's ``customer_key`` can give a tax id.

    They are its own, and for a company that of all its branches.
    """
    parts = (tax_id, tax_id[:CNPJ_ROOT]) if len(tax_id) == CNPJ_LENGTH else (tax_id,)
    return tuple(
        f"C{hashlib.md5(f'tax:{part}'.encode(), usedforsecurity=False).hexdigest()[:20]}"
        for part in parts
    )


def read_erasures(settings: Settings) -> Erasures:
    """Every payer whose data were erased up to this moment.

    Raises:
        LedgerError: the ledger cannot be opened; without it no one could be left out.
    """
    import sqlalchemy as sa

    from cobranca.ledger import open_ledger
    from cobranca.ledger.tables import erasures

    if not _is_there(settings.ledger):
        return Erasures()
    engine = open_ledger(settings.ledger)
    try:
        with engine.connect() as connection:
            rows = connection.execute(
                sa.select(
                    erasures.c.source, erasures.c.customer_id, sa.func.min(erasures.c.customer_key)
                ).group_by(erasures.c.source, erasures.c.customer_id)
            )
            return Erasures(
                {(str(source), str(account)): str(key) for source, account, key in rows}
            )
    finally:
        engine.dispose()


def _is_there(ledger: str) -> bool:
    """Whether the ledger exists.

    A SQLite ledger that was never made holds no erasures, and reading a source is no reason to make
    one.
    """
    import sqlalchemy as sa

    url = sa.make_url(ledger)
    return url.get_backend_name() != "sqlite" or (
        url.database is not None and Path(url.database).exists()
    )
