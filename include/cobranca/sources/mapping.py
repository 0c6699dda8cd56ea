"""A source is one YAML file: where it connects, and for each entity one SELECT, or files, or (payments) bank return files.

Errors name the file, the line and the cure, so that whoever adds a source never has to read this code.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from cobranca.connections import get_connection
from cobranca.errors import ConfigError
from cobranca.policy.reading import SafeLoader
from cobranca.settings import Settings

ENTITY_NAMES = ("customers", "receivables", "payments")
# Dates and times that may tell what changed.
CHANGE_COLUMNS = {
    "customers": ("updated_at",),
    "receivables": ("updated_at", "issue_date", "due_date"),
    "payments": ("updated_at", "paid_on", "credited_on"),
}
# Money columns that a source may keep as whole cents.
CENTS_COLUMNS = {"customers": (), "receivables": ("amount", "open_amount"), "payments": ("amount",)}

_TOKEN = re.compile(
    r"""
      (?P<comment>--[^\n]*|\#[^\n]*|/\*.*?\*/)
    | (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<open>['"`]|/\*)
    | (?P<word>[^\W\d]\w*)
    | (?P<end>;)
    | (?P<other>\d[\w.]*|.)
    """,
    re.VERBOSE | re.DOTALL,
)
# Statements that change something or leave the one SELECT. The transaction is read-only besides; this gives the
# author a clear error before anything runs.
_REFUSED_WORDS = frozenset(
    "insert update delete merge into create alter drop truncate grant revoke call exec execute copy".split()  # noqa: SIM905
)


def words_of(query: str, also: str = "") -> Iterator[tuple[str, int]]:
    """The words of a query in lower case with their positions, past comments and quotes; ``also`` adds single signs."""
    for token in _TOKEN.finditer(query):
        if token.lastgroup == "word" or (token.lastgroup == "other" and token.group() in also):
            yield token.group().lower(), token.start()


def _one_select(query: str) -> str:
    """The query without its last semicolon, when it is exactly one SELECT.

    Raises:
        ValueError: it is empty, more than one statement, or something that writes.
    """
    words, ended_at = [], None
    for token in _TOKEN.finditer(query):
        kind, text = token.lastgroup if token.lastgroup != "tag" else "quoted", token.group()
        if kind == "comment":
            if text.startswith("/*!"):
                raise ValueError("holds an executable comment (/*! ... */); write the SELECT without it")
            continue
        if text.isspace():
            continue
        if kind == "open":
            raise ValueError(f"has an unclosed {'comment' if text == '/*' else 'quote'}; close it")
        if ended_at is not None:
            raise ValueError("holds more than one statement; keep one SELECT per entity")
        if kind == "end":
            ended_at = token.start()
        elif kind == "word":
            words.append(text.lower())
            if text.lower() in _REFUSED_WORDS:
                raise ValueError(f"holds '{text.lower()}', which has no place in a query that only reads; keep one plain SELECT")
    if not words or words[0] not in ("select", "with"):
        raise ValueError("is not a SELECT; write one SELECT (it may start with WITH)")
    return query[:ended_at].strip()


def _plain_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise ValueError("use lower-case letters, digits and _, starting with a letter")
    return value


def _source_name(value: str) -> str:
    from cobranca.schema import LONGEST_SOURCE

    if len(value) > LONGEST_SOURCE:
        raise ValueError(f"use at most {LONGEST_SOURCE} characters, since it is a part of every key")
    return _plain_name(value)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Incremental(_Strict):
    """Read only rows whose ``column`` (a date or time of change among the query's columns) is later than the landing before,
    less ``lookback_days``; everything is read again every ``full_every_days`` business dates.
    """

    column: Annotated[str, AfterValidator(_plain_name)]
    lookback_days: Annotated[int, Field(ge=0)] = 3
    full_every_days: Annotated[int, Field(ge=1)] = 7


def _encoding(value: str) -> str:
    try:
        "".encode(value)
    except LookupError:
        raise ValueError(f"names no encoding Python knows ('{value}'); for example utf-8, latin-1 or cp1252") from None
    return value


class Csv(_Strict):
    """How the CSV files of one entity are written. Nothing is guessed from their content.

    ``decimal`` is the decimal sign of its money; with a comma a dot separates thousands. ``date_format`` is a strftime
    pattern for dates that are neither ISO nor ``YYYYMMDD``. ``columns`` names the columns of files without a header.
    ``final_newline: false`` accepts files whose last line is not ended, which then cannot be told from half-written ones.
    """

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    decimal: Literal[".", ","] = "."
    date_format: str | None = None
    columns: tuple[str, ...] = Field(default=(), strict=False)
    final_newline: bool = True


class CnabFiles(_Strict):
    """Bank return files of one bank as payments; see :mod:`cobranca.payments.cnab`.

    ``receivable_id`` names the field that holds the receivable's id, ``strip_zeros`` takes its leading zeros off.
    ``codes`` names the CSV under ``config/cnab`` that says what occurrence codes mean (default: the bank's). A payment that
    the source's own query has too, within ``same_payment_days`` of the same day, is counted once; see the documentation.
    """

    files: str
    layout: str
    bank: Annotated[str, Field(pattern=r"^\d{3}$")]
    receivable_id: Literal["company_use", "document_number", "our_number"] = "company_use"
    strip_zeros: bool = False
    codes: Annotated[str | None, Field(pattern=r"^\w+$")] = None
    check_totals: bool = True
    discounts: bool = True
    same_payment_days: Annotated[int, Field(ge=0, le=60)] = 5


def _joined(value: str) -> str:
    from cobranca.sources.keys import parts_of

    parts_of(value)
    return value


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, dict) else value


class EntityMapping(_Strict):
    """Where one entity comes from, and how. ``cents`` names its money columns that hold whole cents instead of a decimal
    amount.

    ``query`` is asked of the database or, with ``files``, of the files as a table that has the entity's name. ``take`` says
    whether all matching files count, or only the one whose name sorts last (exports that are whole each time).

    ``incremental`` has only changes read, see :mod:`cobranca.sources.incremental`; each landing still holds the whole state.
    ``joined`` says how keys of several columns are put together, see :mod:`cobranca.sources.keys`.
    """

    query: Annotated[str, AfterValidator(_one_select)]
    cents: tuple[str, ...] = Field(default=(), strict=False)
    incremental: Incremental | None = None
    joined: dict[str, Annotated[str, AfterValidator(_joined)]] = Field(default={})
    files: str | None = None
    take: Literal["all", "newest"] = "all"
    csv: Csv | None = None
    cnab: Annotated[tuple[CnabFiles, ...], BeforeValidator(_one_or_more)] = Field(default=(), strict=False)

    @property
    def from_database(self) -> bool:
        """Whether the query is asked of the source's database."""
        return self.files is None and self.query != RETURN_FILES


# What is asked where the author wrote no query: of the files' table, and of bank return files.
RETURN_FILES = "select * from return_files"
FILE_COLUMNS = ("file_name", "file_line")


class Entities(_Strict):
    customers: EntityMapping
    receivables: EntityMapping
    payments: EntityMapping

    @model_validator(mode="before")
    @classmethod
    def _queries_of_files(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        filled = {}
        for name, body in data.items():
            if isinstance(body, dict) and "query" not in body and "files" in body:
                body = {**body, "query": f"select * exclude ({', '.join(FILE_COLUMNS)}) from {name}"}
            elif isinstance(body, dict) and "query" not in body and "cnab" in body:
                body = {**body, "query": RETURN_FILES}
            filled[name] = body
        return filled


class SourceMapping(_Strict):
    """One validated source file. ``statement_timeout_seconds`` bounds each statement asked of the database.

    ``folder`` is where its files lie, absolute or beside the source's own file; a source of files alone may name them by
    a connection of type ``file`` instead.
    """

    source: Annotated[str, AfterValidator(_source_name)]
    connection: Annotated[str | None, Field(pattern=r"^\w+$")] = None
    folder: str | None = None
    entities: Entities
    statement_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900
    _path: Path | None = PrivateAttr(default=None)

    def entity(self, name: str) -> EntityMapping:
        return getattr(self.entities, name)

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
        return get_connection(self.connection).folder()

    def codes_file(self, cnab: CnabFiles) -> Path:
        """The CSV that says what one bank's occurrence codes mean."""
        config = self._path.parent.parent if self._path else Path()
        return config / "cnab" / f"{cnab.codes or cnab.bank}.csv"


def sources_folder(settings: Settings) -> Path:
    return settings.config / "sources"


def load_mappings(settings: Settings) -> dict[str, SourceMapping]:
    """Every source of the configuration, by name, sorted.

    Raises:
        ConfigError: there is none, one is invalid, or two have the same name.
    """
    folder = sources_folder(settings)
    paths = sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")])
    if not paths:
        raise ConfigError(f"{folder} holds no source; add one file per source database, for example erp.yml.")
    files: dict[str, Path] = {}
    mappings: dict[str, SourceMapping] = {}
    for path in paths:
        mapping = load_mapping(path)
        if mapping.source in mappings:
            raise ConfigError(
                f"{path}: source '{mapping.source}' is already defined in {files[mapping.source].name}; "
                "give each file its own 'source' name."
            )
        files[mapping.source], mappings[mapping.source] = path, mapping
    return dict(sorted(mappings.items()))


def get_mapping(settings: Settings, source: str) -> SourceMapping:
    """One source by name.

    Raises:
        ConfigError: the configuration is invalid or knows no such source.
    """
    mappings = load_mappings(settings)
    if source not in mappings:
        raise ConfigError(f"{sources_folder(settings)} defines no source '{source}'; it defines: {', '.join(mappings)}.")
    return mappings[source]


def load_mapping(path: Path) -> SourceMapping:
    """Read and validate one source file.

    Raises:
        ConfigError: with ``file:line: problem; cure``, one line for each problem.
    """
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=SafeLoader)
    except UnicodeDecodeError:
        raise ConfigError(f"{path}:1: the file is not UTF-8 text; save it as UTF-8.") from None
    except OSError as error:
        raise ConfigError(f"{path}: the file cannot be read ({error.strerror}); check its name and permissions.") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: invalid YAML ({error.problem}); check indentation, quotes and colons.") from None
    except yaml.YAMLError:
        raise ConfigError(f"{path}:1: invalid YAML (a character that YAML refuses); save it as plain UTF-8 text.") from None
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}:1: the file must hold 'source', 'connection' and 'entities'; see another source file.")
    lines: dict[tuple[str, ...], int] = {(): 1}
    _mark(node, (), lines, path)
    try:
        mapping = SourceMapping.model_validate(yaml.load(text, SafeLoader))
    except ValidationError as error:
        found = sorted((_line_of(item["loc"], lines), _explain(item)) for item in error.errors(include_input=False))
        raise ConfigError("\n".join(f"{path}:{line}: {text}." for line, text in found)) from None
    _check_cents(mapping, lines, path)
    _check_places(mapping, lines, path)
    mapping._path = path.absolute()
    return mapping


def _mark(node: yaml.Node, at: tuple[str, ...], lines: dict[tuple[str, ...], int], path: Path) -> None:
    """Note the line of every key; refuse a key that is written twice, which YAML itself would let pass."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        place = (*at, str(key.value))
        line = key.start_mark.line + 1
        if place in lines:
            raise ConfigError(f"{path}:{line}: '{'.'.join(place)}' is written twice (also in line {lines[place]}); keep one.")
        lines[place] = line
        _mark(value, place, lines, path)


def _line_of(loc: tuple, lines: dict[tuple[str, ...], int]) -> int:
    place = tuple(str(part) for part in loc)
    while place not in lines:
        place = place[:-1]
    return lines[place]


def _explain(item: dict) -> str:
    place, kind = ".".join(str(part) for part in item["loc"]), item["type"]
    if kind == "missing":
        return f"'{place}' is missing; add it" + (
            f" (a source has the entities {', '.join(ENTITY_NAMES)})" if place.startswith("entities") else ""
        )
    if kind == "extra_forbidden":
        return f"unknown key '{place}'; use only: {_allowed_keys(item['loc'])}"
    if kind == "value_error":
        problem = str(item["ctx"]["error"])
        if item["loc"][-1] == "encoding":
            return f"'{place}' {problem}"
        if "joined" in item["loc"]:
            return f"'{place}' does not say how a key is joined; {problem}"
        return f"'{place}' {problem}" if item["loc"][-1] == "query" else f"'{place}' is not a valid name; {problem}"
    return f"'{place}' has a wrong value ({item['msg']}); correct it"


def _allowed_keys(loc: tuple) -> str:
    inner = {"csv": Csv, "cnab": CnabFiles, "incremental": Incremental}
    models: dict[int, type[BaseModel]] = {1: SourceMapping, 2: Entities, 3: EntityMapping}
    model = models.get(len(loc)) or inner.get(str(loc[2]), EntityMapping)
    return ", ".join(model.model_fields)


def _check_cents(mapping: SourceMapping, lines: dict[tuple[str, ...], int], path: Path) -> None:
    for entity in ENTITY_NAMES:
        for column in mapping.entity(entity).cents:
            if column not in CENTS_COLUMNS[entity]:
                allowed = ", ".join(CENTS_COLUMNS[entity]) or "none"
                raise ConfigError(
                    f"{path}:{_line_of(('entities', entity, 'cents'), lines)}: '{column}' is no money column of {entity}; "
                    f"'cents' may name: {allowed}."
                )


def _check_places(mapping: SourceMapping, lines: dict[tuple[str, ...], int], path: Path) -> None:
    """Each entity has a place to come from, and only keys that belong to it."""

    def refuse(place: tuple[str, ...], problem: str) -> None:
        raise ConfigError(f"{path}:{_line_of(place, lines)}: {problem}.")

    for name in ENTITY_NAMES:
        entity, place = mapping.entity(name), ("entities", name)
        if entity.cnab and (name != "payments" or entity.files):
            refuse(
                (*place, "cnab"), "return files are payments, beside a query or alone; move 'cnab' to payments without 'files'"
            )
        if entity.csv and not entity.files:
            refuse((*place, "csv"), "'csv' says how files are written; name them in 'files' beside it")
        if entity.incremental and (entity.cnab or not entity.from_database):
            refuse((*place, "incremental"), "files are read whole each time; remove 'incremental'")
        if entity.incremental and entity.incremental.column not in CHANGE_COLUMNS[name]:
            refuse(
                (*place, "incremental"),
                f"'{entity.incremental.column}' is no date of {name}; 'column' may be: {', '.join(CHANGE_COLUMNS[name])}",
            )
        _check_conditions(entity, name, lambda problem, place=place: refuse((*place, "query"), problem))
        for pattern in [entity.files, *(cnab.files for cnab in entity.cnab)]:
            if pattern is not None and (Path(pattern).is_absolute() or ".." in Path(pattern).parts or not pattern.strip()):
                refuse(
                    place,
                    f"'{pattern}' must lie inside the source's folder; write it relative to that, for example 'exports/*.csv'",
                )
        if entity.files and not entity.csv and not entity.files.lower().endswith(".parquet"):
            refuse(
                (*place, "files"), "say how these CSV files are written in 'csv', for example csv: {delimiter: ';', decimal: ','}"
            )
        for cnab in entity.cnab:
            _check_layout(cnab, lambda problem, place=place: refuse((*place, "cnab"), problem))
    if mapping.reads_database and mapping.connection is None:
        refuse((), "'connection' is missing; name the connection of the database that the queries are for")
    if mapping.reads_files and mapping.folder is None and (mapping.reads_database or mapping.connection is None):
        refuse((), "'folder' is missing; name the folder where the files lie")


def _check_conditions(entity: EntityMapping, name: str, refuse: Callable[[str], None]) -> None:
    """Comments that show where a key may be asked for name a key of the entity, and a part that it has."""
    from cobranca.sources.keys import conditions, parts_of

    keys = {
        "customers": ("customer_id",),
        "receivables": ("receivable_id", "customer_id"),
        "payments": ("payment_id", "receivable_id"),
    }
    for one in conditions(entity.query):
        if one.column not in keys[name]:
            refuse(f"the comment 'by {one.column}' names no key of {name}; use one of: {', '.join(keys[name])}")
        count, _ = parts_of(entity.joined.get(one.column, "1"))
        if one.part > count:
            refuse(f"the comment 'by {one.column}.{one.part}' needs 'joined: {{{one.column}: 1/2}}' with that many parts")
        if not one.is_plain:
            refuse(f"the comment 'by {one.column}' must compare one column: 'and table.column in (?)', or (#) for whole numbers")


def _check_layout(cnab: CnabFiles, refuse: Callable[[str], None]) -> None:
    from cobranca.payments.cnab import layout_names, read_layout

    if cnab.layout not in layout_names():
        refuse(f"there is no layout '{cnab.layout}'; use one of: {', '.join(layout_names())}")
    bank = read_layout(cnab.layout).bank
    if bank is not None and bank != cnab.bank:
        refuse(f"layout '{cnab.layout}' is of bank {bank}, not {cnab.bank}; correct one of them")
