"""Load and check the YAML files of ``include/config/sources``."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeAlias

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cobranca.errors import ConfigError
from cobranca.policy.creditor import creditor_files
from cobranca.schema import PRINCIPAL
from cobranca.settings import Settings
from cobranca.sources.mapping.model import (
    CENTS_COLUMNS,
    CHANGE_COLUMNS,
    ENTITY_NAMES,
    CnabFiles,
    Csv,
    Entities,
    EntityMapping,
    Incremental,
    SourceMapping,
)
from cobranca.validation.documents import Document, parse_yaml

# Refuse a source's file: the place in it, and what is wrong there.
Refuse: TypeAlias = Callable[[tuple[str, ...], str], None]


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
        raise ConfigError(
            f"{folder} holds no source; add one file per source database, for example erp.yml."
        )
    creditors = tuple(creditor_files(settings.config))
    files: dict[str, Path] = {}
    mappings: dict[str, SourceMapping] = {}
    for path in paths:
        mapping = load_mapping(path, creditors)
        if mapping.source in mappings:
            raise ConfigError(
                f"{path}: source '{mapping.source}' is already defined in "
                f"{files[mapping.source].name}; "
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
        raise ConfigError(
            f"{sources_folder(settings)} defines no source '{source}'; it defines: "
            f"{', '.join(mappings)}."
        )
    return mappings[source]


def load_mapping(path: Path, creditors: Sequence[str] = (PRINCIPAL,)) -> SourceMapping:
    """Read and validate one source file; ``creditors`` are the ids that it may name.

    Raises:
        ConfigError: with ``file:line: problem; cure``, one line for each problem.
    """
    document = _read(path)
    try:
        mapping = SourceMapping.model_validate(document.content)
    except ValidationError as error:
        found = sorted(
            (document.line(item["loc"]), _explain(item))
            for item in error.errors(include_input=False)
        )
        raise ConfigError("\n".join(f"{path}:{line}: {text}." for line, text in found)) from None
    _check_cents(mapping, document)
    _check_places(mapping, document)
    mapping._creditors = tuple(creditors)
    _check_creditor(mapping, document)
    mapping._path = path.absolute()
    return mapping


def _read(path: Path) -> Document:
    """The file's content and lines.

    Raises:
        ConfigError: it is not valid YAML, no mapping, or holds a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = parse_yaml(path, text)
    except UnicodeDecodeError:
        raise ConfigError(f"{path}:1: the file is not UTF-8 text; save it as UTF-8.") from None
    except OSError as error:
        raise ConfigError(
            f"{path}: the file cannot be read ({error.strerror}); check its name and permissions."
        ) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(
            f"{path}:{line}: invalid YAML ({error.problem}); check indentation, quotes and colons."
        ) from None
    except yaml.YAMLError:
        raise ConfigError(
            f"{path}:1: invalid YAML (a character that YAML refuses); save it as plain UTF-8 text."
        ) from None
    except (ValueError, ArithmeticError):
        raise ConfigError(
            f"{path}:1: invalid YAML (an impossible date or number); correct it."
        ) from None
    if not isinstance(document.content, dict):
        raise ConfigError(
            f"{path}:1: the file must hold 'source', 'connection' and 'entities'; see another "
            "source file."
        )
    if document.repeated:
        one = document.repeated[0]
        raise ConfigError(
            f"{path}:{one.line}: '{'.'.join(map(str, one.place))}' is written twice (also in line "
            f"{one.first_line}); keep one."
        )
    return document


def _explain(item: ErrorDetails) -> str:
    place, kind = ".".join(str(part) for part in item["loc"]), item["type"]
    if kind == "missing":
        return f"'{place}' is missing; add it" + (
            f" (a source has the entities {', '.join(ENTITY_NAMES)})"
            if place.startswith("entities")
            else ""
        )
    if kind == "extra_forbidden":
        return f"unknown key '{place}'; use only: {_allowed_keys(item['loc'])}"
    if kind == "value_error":
        problem = str(item["ctx"]["error"])
        if item["loc"][-1] == "encoding":
            return f"'{place}' {problem}"
        if "joined" in item["loc"]:
            return f"'{place}' does not say how a key is joined; {problem}"
        return (
            f"'{place}' {problem}"
            if item["loc"][-1] == "query"
            else f"'{place}' is not a valid name; {problem}"
        )
    return f"'{place}' has a wrong value ({item['msg']}); correct it"


def _allowed_keys(loc: tuple[int | str, ...]) -> str:
    inner: dict[str, type[BaseModel]] = {"csv": Csv, "cnab": CnabFiles, "incremental": Incremental}
    models: dict[int, type[BaseModel]] = {1: SourceMapping, 2: Entities, 3: EntityMapping}
    model = models.get(len(loc)) or inner.get(str(loc[2]), EntityMapping)
    return ", ".join(model.model_fields)


def _check_cents(mapping: SourceMapping, document: Document) -> None:
    for entity in ENTITY_NAMES:
        for column in mapping.entity(entity).cents:
            if column not in CENTS_COLUMNS[entity]:
                allowed = ", ".join(CENTS_COLUMNS[entity]) or "none"
                line = document.line(("entities", entity, "cents"))
                raise ConfigError(
                    f"{document.path}:{line}: '{column}' is no money column of {entity}; "
                    f"'cents' may name: {allowed}."
                )


def _check_creditor(mapping: SourceMapping, document: Document) -> None:
    """The source, or its rows, name one of the creditors that there are."""
    known = ", ".join(mapping.creditors)
    if mapping.creditor is not None and mapping.creditor not in mapping.creditors:
        raise ConfigError(
            f"{document.path}:{document.line(('creditor',))}: there is no creditor "
            f"'{mapping.creditor}'; name one of {known}, or add creditors/{mapping.creditor}.yml."
        )
    query = mapping.entity("receivables").query
    if mapping.default_creditor is None and not re.search(r"\bcreditor\b|\*", query, re.IGNORECASE):
        raise ConfigError(
            f"{document.path}:1: 'creditor' is missing, and there are several ({known}); write "
            f"whose receivables these are, for example creditor: {mapping.creditors[0]}, or have "
            "the queries return a column creditor."
        )


def _check_places(mapping: SourceMapping, document: Document) -> None:
    """Each entity has a place to come from, and only keys that belong to it."""

    def refuse(place: tuple[str, ...], problem: str) -> NoReturn:
        raise ConfigError(f"{document.path}:{document.line(place)}: {problem}.")

    for name in ENTITY_NAMES:
        _check_entity(mapping.entity(name), name, refuse)
    if mapping.reads_database and mapping.connection is None:
        refuse(
            (),
            "'connection' is missing; name the connection of the database that the queries are for",
        )
    if (
        mapping.reads_files
        and mapping.folder is None
        and (mapping.reads_database or mapping.connection is None)
    ):
        refuse((), "'folder' is missing; name the folder where the files lie")


def _check_entity(entity: EntityMapping, name: str, refuse: Refuse) -> None:
    place = ("entities", name)
    if entity.cnab and (name != "payments" or entity.files):
        refuse(
            (*place, "cnab"),
            "return files are payments, with a query or alone; move 'cnab' to payments "
            "without 'files'",
        )
    if entity.csv and not entity.files:
        refuse((*place, "csv"), "'csv' says how files are written; name them in 'files' next to it")
    _check_incremental(entity, name, partial(refuse, (*place, "incremental")))
    _check_conditions(entity, name, partial(refuse, (*place, "query")))
    _check_patterns(entity, partial(refuse, place))
    if entity.files and not entity.csv and not entity.files.lower().endswith(".parquet"):
        refuse(
            (*place, "files"),
            "say how these CSV files are written in 'csv', for example csv: {delimiter: ';', "
            "decimal: ','}",
        )
    for cnab in entity.cnab:
        _check_layout(cnab, partial(refuse, (*place, "cnab")))


def _check_incremental(entity: EntityMapping, name: str, refuse: Callable[[str], None]) -> None:
    if entity.incremental is None:
        return
    if entity.cnab or not entity.from_database:
        refuse("files are read whole each time; remove 'incremental'")
    if entity.incremental.column not in CHANGE_COLUMNS[name]:
        refuse(
            f"'{entity.incremental.column}' is no date of {name}; 'column' may be: "
            f"{', '.join(CHANGE_COLUMNS[name])}"
        )


def _check_patterns(entity: EntityMapping, refuse: Callable[[str], None]) -> None:
    """Files lie inside the source's folder."""
    for pattern in [entity.files, *(cnab.files for cnab in entity.cnab)]:
        if pattern is not None and (
            Path(pattern).is_absolute() or ".." in Path(pattern).parts or not pattern.strip()
        ):
            refuse(
                f"'{pattern}' must lie inside the source's folder; write it relative to that, "
                "for example 'exports/*.csv'"
            )


def _check_conditions(entity: EntityMapping, name: str, refuse: Callable[[str], None]) -> None:
    """Comments that offer a condition name a key of the entity, and a part that it has."""
    from cobranca.sources.mapping.key_conditions import conditions, parts_of

    keys = {
        "customers": ("customer_id",),
        "receivables": ("receivable_id", "customer_id"),
        "payments": ("payment_id", "receivable_id"),
    }
    for one in conditions(entity.query):
        if one.column not in keys[name]:
            refuse(
                f"the comment 'by {one.column}' names no key of {name}; use one of: "
                f"{', '.join(keys[name])}"
            )
        count, _ = parts_of(entity.joined.get(one.column, "1"))
        if one.part > count:
            refuse(
                f"the comment 'by {one.column}.{one.part}' needs 'joined: {{{one.column}: 1/2}}' "
                "with that many parts"
            )
        if not one.is_plain:
            refuse(
                f"the comment 'by {one.column}' must compare one column: 'and table.column in "
                "(?)', or (#) for whole numbers"
            )


def _check_layout(cnab: CnabFiles, refuse: Callable[[str], None]) -> None:
    from cobranca.payments.cnab_layout import layout_names, read_layout

    if cnab.layout not in layout_names():
        refuse(f"there is no layout '{cnab.layout}'; use one of: {', '.join(layout_names())}")
    bank = read_layout(cnab.layout).bank
    if bank is not None and bank != cnab.bank:
        refuse(f"layout '{cnab.layout}' is of bank {bank}, not {cnab.bank}; correct one of them")
