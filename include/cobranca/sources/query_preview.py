"""The first rows of a source as its queries give them, with all personal data masked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cobranca import schema
from cobranca.errors import ConfigError
from cobranca.settings import Settings
from cobranca.sources.drivers.stream import SourceSnapshot
from cobranca.sources.mapping.load import get_mapping, load_mappings
from cobranca.sources.mapping.model import ENTITY_NAMES, SourceMapping
from cobranca.sources.open_snapshot import open_snapshot
from cobranca.text_table import ruled_table

MASK = "•••"
PERSONAL = frozenset({"name", "tax_id", "email", "phone", "boleto_line", "pix_code", "payment_url"})
# What a person could be known by wherever it stands: an e-mail address, or digits enough for a CPF,
# CNPJ or phone.
_TELLING = re.compile(r"@|(?:\d\D?){10,}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([+-]\d{2}(:?\d{2})?|Z)?)?$")


@dataclass(frozen=True)
class Preview:
    """One entity's first rows as text, masked."""

    source: str
    entity: str
    engine: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]

    def __str__(self) -> str:
        title = f"{self.source} {self.entity} ({self.engine})"
        table = ruled_table(self.columns, self.rows, widest=32) if self.rows else "no rows"
        return f"{title}\n{table}"


def preview(
    settings: Settings, source: str | None = None, entity: str | None = None, rows: int = 5
) -> Iterator[Preview]:
    """Read the first rows of one source or of all, one entity or each.

    Raises:
        ConfigError: there is no such source or entity, or a source's file is wrong.
        SourceError: a source cannot be reached, or a query fails.
    """
    if entity is not None and entity not in ENTITY_NAMES:
        raise ConfigError(f"there is no entity '{entity}'; use one of: {', '.join(ENTITY_NAMES)}.")
    mappings = [get_mapping(settings, source)] if source else load_mappings(settings).values()
    for mapping in mappings:
        with open_snapshot(mapping) as snapshot:
            for name in [entity] if entity else ENTITY_NAMES:
                yield _preview(snapshot, mapping, name, rows)


def _preview(snapshot: SourceSnapshot, mapping: SourceMapping, entity: str, rows: int) -> Preview:
    stream = snapshot.stream(entity, snapshot.first_rows(mapping.entity(entity).query, rows))
    # What the contract does not know could hold anything, its name included where a file has no
    # header.
    known = schema.ENTITIES[entity].names
    columns = tuple(
        name if name in known else f"unknown column {at}"
        for at, name in enumerate(stream.columns, start=1)
    )
    found = [
        tuple(masked(column, value) for column, value in zip(columns, row, strict=True))
        for chunk in stream.chunks
        for row in chunk
    ]
    return Preview(mapping.source, entity, snapshot.engine, columns, tuple(found[:rows]))


def masked(column: str, value: object) -> str | None:
    """A value as it may be shown.

    Nothing of what is personal but its shape, and nothing that looks like a person's number. A name
    keeps its first letter, a tax id and a phone their last two characters, an e-mail address its
    ending.
    """
    if value is None:
        return None
    text = str(value.decode("utf-8", "replace") if isinstance(value, bytes) else value).strip()
    if not text:
        return ""
    if column in ("tax_id", "phone"):
        return MASK + text[-2:]
    if column == "email":
        return MASK + ("@" + MASK + text[text.rfind(".") :] if "@" in text and "." in text else "")
    if column == "name":
        return text[0] + MASK
    if column in PERSONAL:
        return f"{MASK} ({len(text)} characters)"
    if column.startswith("unknown column") or (_TELLING.search(text) and not _DATE.match(text)):
        return MASK
    return text
