"""A source is one YAML file: where it connects and one SELECT per entity.

Errors name the file, the line and the cure, so that whoever adds a source never has to read this code.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cobranca.errors import ConfigError
from cobranca.settings import Settings

ENTITY_NAMES = ("customers", "receivables", "payments")
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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Incremental(_Strict):
    """How a later, larger installation may read only what changed. Every night reads in full today."""

    column: str
    lookback_days: Annotated[int, Field(ge=0)] = 0


class EntityMapping(_Strict):
    """One entity's query. ``cents`` names its money columns that hold whole cents instead of a decimal amount.

    ``incremental`` is accepted and checked, and has no effect yet: each landing is a full read, which keeps
    deletions visible and every night rebuildable from its own landing alone.
    """

    query: Annotated[str, AfterValidator(_one_select)]
    cents: tuple[str, ...] = Field(default=(), strict=False)
    incremental: Incremental | None = None


class Entities(_Strict):
    customers: EntityMapping
    receivables: EntityMapping
    payments: EntityMapping


class SourceMapping(_Strict):
    """One validated source file. ``statement_timeout_seconds`` bounds each statement asked of the database."""

    source: Annotated[str, AfterValidator(_plain_name)]
    connection: Annotated[str, Field(pattern=r"^\w+$")]
    entities: Entities
    statement_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900

    def entity(self, name: str) -> EntityMapping:
        return getattr(self.entities, name)


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
        node = yaml.compose(text, Loader=yaml.SafeLoader)
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
        mapping = SourceMapping.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        found = sorted((_line_of(item["loc"], lines), _explain(item)) for item in error.errors(include_input=False))
        raise ConfigError("\n".join(f"{path}:{line}: {text}." for line, text in found)) from None
    _check_cents(mapping, lines, path)
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
        return f"'{place}' {problem}" if item["loc"][-1] == "query" else f"'{place}' is not a valid name; {problem}"
    return f"'{place}' has a wrong value ({item['msg']}); correct it"


def _allowed_keys(loc: tuple) -> str:
    models: dict[int, type[BaseModel]] = {1: SourceMapping, 2: Entities, 3: EntityMapping, 4: Incremental}
    return ", ".join(models.get(len(loc), EntityMapping).model_fields)


def _check_cents(mapping: SourceMapping, lines: dict[tuple[str, ...], int], path: Path) -> None:
    for entity in ENTITY_NAMES:
        for column in mapping.entity(entity).cents:
            if column not in CENTS_COLUMNS[entity]:
                allowed = ", ".join(CENTS_COLUMNS[entity]) or "none"
                raise ConfigError(
                    f"{path}:{_line_of(('entities', entity, 'cents'), lines)}: '{column}' is no money column of {entity}; "
                    f"'cents' may name: {allowed}."
                )
