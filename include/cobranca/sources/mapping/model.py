"""The model of a source's YAML file.

The file says where the source connects, and for each entity one SELECT, or files, or (payments)
bank return files. Errors name the file, the line and the cure, so that an author of a source never
has to read this code.
"""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)

from cobranca.connections import get_connection
from cobranca.schema import PRINCIPAL
from cobranca.sources.mapping.query_text import one_select

ENTITY_NAMES = ("customers", "receivables", "payments")
# Dates and times that may tell what changed.
CHANGE_COLUMNS = {
    "customers": ("updated_at",),
    "receivables": ("updated_at", "issue_date", "due_date"),
    "payments": ("updated_at", "paid_on", "credited_on"),
}
# Money columns that a source may keep as whole cents.
CENTS_COLUMNS = {"customers": (), "receivables": ("amount", "open_amount"), "payments": ("amount",)}
RATE_COLUMNS = {"receivables": ("fine_rate", "monthly_interest_rate")}


def _plain_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise ValueError("use lower-case letters, digits and _, starting with a letter")
    return value


def _source_name(value: str) -> str:
    from cobranca.schema import LONGEST_SOURCE

    if len(value) > LONGEST_SOURCE:
        raise ValueError(
            f"use at most {LONGEST_SOURCE} characters, since it is a part of every key"
        )
    return _plain_name(value)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Incremental(_Strict):
    """Read only what changed since the landing before, less a look-back.

    ``column`` is a date or time of change among the query's columns; everything is read again every
    ``full_every_days`` business dates.
    """

    column: Annotated[str, AfterValidator(_plain_name)]
    """Column of the query that says when a row was changed."""
    lookback_days: Annotated[int, Field(ge=0)] = 3
    """Days before the watermark that are read again."""
    full_every_days: Annotated[int, Field(ge=1)] = 7
    """Business dates after which everything is read again."""


def _encoding(value: str) -> str:
    try:
        "".encode(value)
    except LookupError:
        raise ValueError(
            f"names no encoding Python knows ('{value}'); for example utf-8, latin-1 or cp1252"
        ) from None
    return value


class Csv(_Strict):
    """How the CSV files of one entity are written. Nothing is guessed from their content.

    ``decimal`` is the decimal sign of its money; with a comma a dot separates thousands.
    ``date_format`` is a strftime pattern for dates that are neither ISO nor ``YYYYMMDD``.
    ``columns`` names the columns of files without a header. ``final_newline: false`` accepts files
    whose last line is not ended; a half-written file may then look complete.
    """

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """Character between fields."""
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    """Character around fields."""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    """Encoding of the files, with or without a byte order mark."""
    decimal: Literal[".", ","] = "."
    """Decimal sign of amounts; with a comma a dot separates thousands."""
    date_format: str | None = None
    """Pattern (strftime) of dates that are neither ISO nor `YYYYMMDD`."""
    columns: tuple[str, ...] = Field(default=(), strict=False)
    """Names of the columns of files without a header."""
    final_newline: bool = True
    """Whether every file ends its last line. `false` accepts files that do not; a half-written
    file may then look complete.
    """


class CnabFiles(_Strict):
    """Bank return files of one bank as payments; see :mod:`cobranca.payments.cnab`.

    ``receivable_id`` names the field that holds the receivable's id, ``strip_zeros`` takes its
    leading zeros off. ``codes`` names the CSV under ``config/cnab`` that says what occurrence codes
    mean (default: the bank's). A payment that the source's own query has too, within
    ``same_payment_days`` of the same day, is counted once; see ``docs/sources/return_files.md``.
    """

    files: str
    """Pattern of the files, relative to the source's folder."""
    layout: str
    """Layout of the bank."""
    bank: Annotated[str, Field(pattern=r"^\d{3}$")]
    """Number of the bank; every file must be of that bank."""
    receivable_id: Literal["company_use", "document_number", "our_number"] = "company_use"
    """Field that holds the receivable's id."""
    strip_zeros: bool = False
    """Whether leading zeros of that id are removed."""
    codes: Annotated[str | None, Field(pattern=r"^\w+$")] = None
    """Name of the CSV under `include/config/cnab` that says what occurrence codes mean; by default
    the bank's.
    """
    check_totals: bool = True
    """Whether the trailers' totals are compared."""
    discounts: bool = True
    """Whether a discount reported with a payment is a settlement of its own."""
    same_payment_days: Annotated[int, Field(ge=0, le=60)] = 5
    """A payment that the source's query has too, at most so many days apart, counts once."""


def _joined(value: str) -> str:
    from cobranca.sources.mapping.key_conditions import parts_of

    parts_of(value)
    return value


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, dict) else value


class EntityMapping(_Strict):
    """Where one entity comes from, and how.

    ``cents`` names its money columns that hold whole cents instead of a decimal amount. ``query``
    is asked of the database or, with ``files``, of the files as a table that has the entity's name.
    ``take`` says whether all matching files count, or only the one whose name sorts last (exports
    that are whole each time).

    ``incremental`` has only changes read, see :mod:`cobranca.landing.incremental`; each landing
    still holds the whole state. ``joined`` says how keys of several columns are put together, see
    :mod:`cobranca.sources.point_lookup`.
    """

    query: Annotated[str, AfterValidator(one_select)]
    """What is asked of the database or, with `files`, of the table that has the entity's name. Its
    columns are those below.
    """
    cents: tuple[str, ...] = Field(default=(), strict=False)
    """Money columns that hold whole cents."""
    incremental: Incremental | None = None
    """Read only what changed."""
    joined: dict[str, Annotated[str, AfterValidator(_joined)]] = Field(default={})
    """How keys of several columns are joined, by column."""
    files: str | None = None
    """Pattern of CSV or Parquet files, relative to the source's folder."""
    take: Literal["all", "newest"] = "all"
    """Whether all matching files count, or only the one whose name sorts last."""
    csv: Csv | None = None
    """How CSV files are written; needed for them."""
    cnab: Annotated[tuple[CnabFiles, ...], BeforeValidator(_one_or_more)] = Field(
        default=(), strict=False
    )
    """Bank return files as payments, one block or a list."""

    @property
    def from_database(self) -> bool:
        """Whether the query is asked of the source's database."""
        return self.files is None and self.query != RETURN_FILES


# What is asked where the author wrote no query: of the files' table, and of bank return files.
RETURN_FILES = "select * from return_files"
FILE_COLUMNS = ("file_name", "file_line")


class Entities(_Strict):
    customers: EntityMapping
    """Who owes."""
    receivables: EntityMapping
    """What is owed."""
    payments: EntityMapping
    """What was settled."""

    @model_validator(mode="before")
    @classmethod
    def _queries_of_files(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        filled = {}
        for name, body in data.items():
            filled[name] = body
            if not isinstance(body, dict) or "query" in body:
                continue
            if "files" in body:
                query = f"select * exclude ({', '.join(FILE_COLUMNS)}) from {name}"
                filled[name] = {**body, "query": query}
            elif "cnab" in body:
                filled[name] = {**body, "query": RETURN_FILES}
        return filled


class SourceMapping(_Strict):
    """One validated source file.

    ``statement_timeout_seconds`` bounds each statement asked of the database. ``folder`` is where
    its files lie, absolute or relative to the source's own file. A source of files alone may name a
    connection of type ``file`` instead.
    """

    source: Annotated[str, AfterValidator(_source_name)]
    """Name of the source; the first part of every key."""
    connection: Annotated[str | None, Field(pattern=r"^\w+$")] = None
    """Id of the connection."""
    folder: str | None = None
    """Folder of the source's files, absolute or relative to this file."""
    entities: Entities
    """The three entities."""
    creditor: Annotated[str | None, Field(pattern=r"^[a-z][a-z0-9_]*$")] = None
    """Id of the creditor of its receivables and payments, the name of a file in `creditors/`;
    needed where there are several, unless the queries return a column `creditor`.
    """
    rates: Literal["fraction", "percent"] = "fraction"
    """Whether rates of fine and interest are written as fractions (`0.02`) or in per cent (`2`)."""
    statement_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900
    """Longest time of one statement."""
    _path: Path | None = PrivateAttr(default=None)
    _creditors: tuple[str, ...] = PrivateAttr(default=(PRINCIPAL,))

    @property
    def creditors(self) -> tuple[str, ...]:
        """The ids of all creditors of the configuration."""
        return self._creditors

    @property
    def default_creditor(self) -> str | None:
        """The creditor of rows that name none, if there is one."""
        return self.creditor or (self._creditors[0] if len(self._creditors) == 1 else None)

    def entity(self, name: str) -> EntityMapping:
        """One entity by its name: customers, receivables or payments."""
        found: EntityMapping = getattr(self.entities, name)
        return found

    def hundredths(self, entity: str) -> tuple[str, ...]:
        """The columns of an entity that hold cents or per cent, a hundredth of what lands."""
        in_percent = RATE_COLUMNS.get(entity, ()) if self.rates == "percent" else ()
        return (*self.entity(entity).cents, *in_percent)

    @property
    def connection_id(self) -> str:
        """Id of the connection; empty where a source of files names none."""
        return self.connection or ""

    @property
    def reads_database(self) -> bool:
        return any(self.entity(name).from_database for name in ENTITY_NAMES)

    @property
    def reads_files(self) -> bool:
        return any(self.entity(name).files or self.entity(name).cnab for name in ENTITY_NAMES)

    def files_folder(self) -> Path:
        """The folder of the source's files.

        Raises:
            ConfigError: its connection is not defined or names no folder.
        """
        if self.folder is not None:
            return (self._path.parent if self._path else Path()) / self.folder
        return get_connection(self.connection_id).folder()

    def codes_file(self, cnab: CnabFiles) -> Path:
        """The CSV that says what one bank's occurrence codes mean."""
        config = self._path.parent.parent if self._path else Path()
        return config / "cnab" / f"{cnab.codes or cnab.bank}.csv"
