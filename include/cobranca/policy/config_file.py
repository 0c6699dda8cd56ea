"""How one file of the configuration folder is read and checked.

Each module of a file declares one :class:`ConfigFile`: :func:`csv_file` for a table,
:func:`yaml_file` for a document, or one with a loader of its own. ``policy.py`` lists them.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel

from cobranca.validation.documents import Document, read_csv, read_yaml, refuse_duplicates, validate
from cobranca.validation.problems import Problems

Content = TypeVar("Content")
Model = TypeVar("Model", bound=BaseModel)
Line = tuple[int, Model]
"""A row of a table with the number of its line."""


@dataclass(frozen=True)
class Reading:
    """One file being read: where its problems go, and what its rules may look at.

    ``parts`` holds the content of the files read before, by name; one that is wrong is ``None``.
    """

    path: Path
    business_date: date
    problems: Problems
    parts: Mapping[str, object]

    def refuse(self, line: int, what: str, cure: str) -> None:
        """Add a problem of this file."""
        self.problems.add(self.path, line, what, cure)

    def part(self, file: "ConfigFile[Content]") -> Content | None:
        """The content of a file that was read before; ``None`` if it is wrong."""
        # The loader of that very file made it, so it has the file's type.
        return cast("Content | None", self.parts[file.name])


@dataclass(frozen=True)
class ConfigFile(Generic[Content]):
    """A file of the configuration folder.

    ``model`` is the model of its content, of a table that of one row. ``load`` returns the content,
    or ``None`` where a problem was found. ``several`` lists the files by name where
    there may be several of one kind.
    """

    name: str
    model: type[BaseModel]
    load: Callable[[Reading], Content | None]
    several: Callable[[Path], Mapping[str, Path]] | None = None

    def paths(self, config: Path) -> tuple[Path, ...]:
        """The files of this kind that are there."""
        listed = (config / self.name,) if self.several is None else self.several(config).values()
        return tuple(path for path in listed if path.exists())


def csv_file(
    name: str,
    model: type[Model],
    *,
    key_name: str = "",
    key: Callable[[Model], tuple[Hashable, ...]] | None = None,
    check: Callable[[list[Line[Model]], Reading], None] | None = None,
) -> ConfigFile[tuple[Model, ...]]:
    """Declare a table. The parameters are those of :func:`load_table`."""

    def load(reading: Reading) -> tuple[Model, ...]:
        return load_table(reading, model, key_name=key_name, key=key, check=check)

    return ConfigFile(name, model, load)


def load_table(
    reading: Reading,
    model: type[Model],
    *,
    key_name: str = "",
    key: Callable[[Model], tuple[Hashable, ...]] | None = None,
    check: Callable[[list[Line[Model]], Reading], None] | None = None,
) -> tuple[Model, ...]:
    """Read a CSV file of ``model``, refuse rows of one key, and apply the file's own rules.

    Args:
        reading: the file, and where its problems go.
        model: the model of one row.
        key_name: what the key is, for the error message.
        key: what no two rows may share; only its first part is printed, because the rest may name
            a customer.
        check: the rules that look at several fields or rows.

    Returns:
        the rows that are good by themselves.
    """
    rows = read_csv(reading.path, model, reading.problems)
    if key is not None:
        keys = [(line, key(row)) for line, row in rows]
        refuse_duplicates(keys, key_name, reading.path, reading.problems)
    if check is not None:
        check(rows, reading)
    return tuple(row for _, row in rows)


def yaml_file(
    name: str,
    model: type[Model],
    *,
    check: Callable[[Model, Document, Reading], None] | None = None,
    default: Model | None = None,
) -> ConfigFile[Model]:
    """Declare a YAML document.

    ``check`` holds the rules that look at several settings. With a ``default`` the file may be
    absent: a folder written before the file existed follows the default.
    """

    def load(reading: Reading) -> Model | None:
        if default is not None and not reading.path.exists():
            return default
        loaded = load_document(reading, model)
        if loaded is None:
            return None
        content, document = loaded
        if check is not None:
            check(content, document, reading)
        return content

    return ConfigFile(name, model, load)


def load_document(reading: Reading, model: type[Model]) -> tuple[Model, Document] | None:
    """Read and validate a YAML file: its content, and the document that knows the lines."""
    document = read_yaml(reading.path, reading.problems)
    if document is None:
        return None
    content = validate(model, document.content, document, (), reading.problems)
    return None if content is None else (content, document)


def load_alone(file: ConfigFile[Content], path: Path, business_date: date = date.max) -> Content:
    """Read one file that needs no other.

    Raises:
        ConfigError: the file is absent or wrong; the message lists every problem as
            ``file:line: what; cure``.
    """
    problems = Problems()
    content = file.load(Reading(path, business_date, problems, {}))
    problems.raise_if_any()
    return cast("Content", content)  # without a problem there is a content


def load_files(
    files: tuple[ConfigFile[Any], ...], config: Path, business_date: date, problems: Problems
) -> dict[str, object]:
    """The content of every file by name, each read with those before it at hand."""
    parts: dict[str, object] = {}
    for file in files:
        parts[file.name] = file.load(Reading(config / file.name, business_date, problems, parts))
    return parts
