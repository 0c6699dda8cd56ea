"""Find a payer, and recognise its traces in files and in the ledger."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cobranca.errors import ConfigError
from cobranca.partitions.outbound_partition import approved_batches
from cobranca.redaction.erasure_registry import Erasures, read_erasures
from cobranca.settings import Settings

ALIASES = "dim_payer_aliases.parquet"
# Tables whose rows name the payer's messages and calls.
_MESSAGES = ("fct_decisions.parquet", "out_call_queue.parquet")


@dataclass(frozen=True)
class Payer:
    """A payer: its key, and its accounts ``(source, customer_id)``.

    They are those of the newest approved plan that knows the payer.
    """

    key: str
    accounts: tuple[tuple[str, str], ...]

    @property
    def erasures(self) -> Erasures:
        """The payer as if its data were erased."""
        return Erasures(dict.fromkeys(self.accounts, self.key))


@dataclass
class Traces:
    """What names the payer in files that are not tables.

    It holds personal data: it is never shown and never logged.
    """

    message_keys: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)

    def __repr__(self) -> str:
        return "Traces(...)"

    def add_customer(self, row: Mapping[str, str | None]) -> None:
        """Add the personal data of a landed customer's row."""
        name, email, phone, tax_id = (row[c] for c in ("name", "email", "phone", "tax_id"))
        if name and len(name.split()) > 1:
            self.names.add(plain(name))
        if email:
            self.emails.add(email.lower())
        if phone:
            # a telephone without the country's code, as people write it
            self.numbers.add(digits(phone).removeprefix("55"))
        if tax_id:
            self.numbers.add(tax_id)

    def found_in(self, text: str) -> bool:
        """Whether a piece of text names the payer or one of its messages."""
        words, number = plain(text), digits(text)
        return any(
            [
                any(key in text for key in self.message_keys),
                any(name in words for name in self.names | self.emails),
                any(wanted in number for wanted in self.numbers if len(wanted) >= 10),
            ]
        )


def plain(text: str) -> str:
    """Text as two people's spellings are compared: lower case, single blanks."""
    return " ".join(text.split()).casefold()


def digits(text: str) -> str:
    """The digits and letters of a number, without its signs."""
    return re.sub(r"[^0-9A-Z]", "", text.upper())


def find_payer(settings: Settings, customer: str) -> Payer:
    """The payer that a key (``C…``) or an account (``erp:1234``) means.

    Raises:
        ConfigError: no approved plan knows it.
    """
    erased = read_erasures(settings)
    for batch in reversed(list(approved_batches(settings))):
        aliases = _aliases(batch.folder)
        key = next(
            (key for account, key in aliases.items() if customer in (key, ":".join(account))), None
        )
        if key is not None:
            accounts = {
                account
                for account, one in (*aliases.items(), *erased.accounts.items())
                if one == key
            }
            return Payer(key, tuple(sorted(accounts)))
    raise ConfigError(
        f"'{customer}' is in no approved plan; give a customer key (C…) or an account as source:id."
    )


def keys_in(folder: Path, payer: Payer) -> list[str]:
    """The payer's keys in one batch.

    An account may have had another key before its tax id was known.
    """
    aliases = _aliases(folder)
    return sorted(
        {payer.key} | {aliases[account] for account in payer.accounts if account in aliases}
    )


def message_keys(folder: Path, keys: Sequence[str]) -> set[str]:
    """The keys of the payer's messages and calls in one batch."""
    import pyarrow.parquet as pq

    found: set[str | None] = set()
    for path in (folder / name for name in _MESSAGES):
        if path.exists() and {"message_key", "customer_key"} <= set(pq.read_schema(path).names):
            table = pq.read_table(
                path,
                columns=["message_key", "customer_key"],
                filters=[("customer_key", "in", keys)],
            )
            found.update(table["message_key"].to_pylist())
    return {key for key in found if key}


def contacts_of(settings: Settings, keys: Iterable[str]) -> set[str]:
    """The keys of the payer's messages in the ledger."""
    import sqlalchemy as sa

    from cobranca.ledger import open_ledger
    from cobranca.ledger.tables import contacts

    engine = open_ledger(settings.ledger)
    try:
        with engine.connect() as connection:
            return set(
                connection.scalars(
                    sa.select(contacts.c.message_key).where(
                        contacts.c.customer_key.in_(sorted(keys))
                    )
                )
            )
    finally:
        engine.dispose()


def _aliases(folder: Path) -> dict[tuple[str, str], str]:
    """Each account's payer in one batch."""
    import pyarrow.parquet as pq

    if not (folder / ALIASES).exists():
        return {}
    table = pq.read_table(
        folder / ALIASES, columns=["source", "customer_id", "customer_key"]
    ).to_pydict()
    accounts = zip(table["source"], table["customer_id"], strict=True)
    return dict(zip(accounts, table["customer_key"], strict=True))
