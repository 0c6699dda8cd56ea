"""YAML and CSV with line numbers, checked by pydantic models.

Numbers with a fraction become Decimal, never float. CSV files may use ``;`` or ``,`` (the header
decides), start with a byte-order mark, and hold comment lines that begin with ``#``.
"""

import csv
import re
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cobranca.validation.problems import Problems

Place = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


if TYPE_CHECKING:
    _SafeLoader = yaml.SafeLoader
else:
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):
    """Safe YAML whose fractions are exact.

    libyaml's parser, where PyYAML was built with it, is ten times as fast.
    """


def _exact(loader: _Loader, node: yaml.ScalarNode) -> Decimal | str:
    text = loader.construct_scalar(node)
    # Whatever else YAML calls a float (.inf, 1:30.5) stays text, which no setting accepts.
    return Decimal(text) if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)", text) else text


_Loader.add_constructor("tag:yaml.org,2002:float", _exact)
# 10:30 is a time of day here, never a number in base sixty.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:int"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?\d+$"), list("-+0123456789")
)


@dataclass(frozen=True)
class Repeated:
    """A key that is written twice; YAML itself lets it pass. ``first_line`` has the other one."""

    place: Place
    line: int
    first_line: int


@dataclass(frozen=True)
class Document:
    """The content of one file and the line on which each part of it stands."""

    path: Path
    content: Any
    lines: dict[Place, int]
    repeated: tuple[Repeated, ...] = ()

    def line(self, place: Place) -> int:
        """Line of a place, or of the nearest part around it that is written in the file."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def part(self, name: str) -> "Document":
        """One setting of the file as a document of its own; its lines are those of the file."""
        start = self.line((name,))
        lines = {place[1:]: line for place, line in self.lines.items() if place[:1] == (name,)}
        return Document(self.path, self.content.get(name), {(): start} | lines)


def read_yaml(path: Path, problems: Problems) -> Document | None:
    """Read one YAML file.

    Problems found on the way are added; ``None`` means that nothing could be read.
    """
    text = _text(path, problems)
    if text is None:
        return None
    try:
        document = parse_yaml(path, text)
        if not document.lines:
            problems.add(
                path, 1, "the file is empty", "copy it again from the default configuration"
            )
            return None
        for one in document.repeated:
            what = f"'{one.place[-1]}' is written twice"
            problems.add(path, one.line, what, "keep one of them")
        return document
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.add(
            path,
            line,
            f"not valid YAML ({error.problem})",
            "check the indentation, quotes and brackets near this line",
        )
    except (yaml.YAMLError, ValueError, ArithmeticError):
        problems.add(
            path, 1, "not valid YAML", "check the file for stray characters and impossible dates"
        )
    return None


def parse_yaml(path: Path, text: str) -> Document:
    """Parse one YAML document, once for its content and its lines; an empty one has no lines.

    Raises:
        yaml.YAMLError: it is not valid YAML.
        ValueError, ArithmeticError: a date or number in it is impossible.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(path, None, {})
        lines: dict[Place, int] = {}
        repeated = list(_note_lines(node, (), lines))
        return Document(path, loader.construct_document(node), lines, tuple(repeated))
    finally:
        loader.dispose()


def _note_lines(node: yaml.Node, place: Place, lines: dict[Place, int]) -> Iterator[Repeated]:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[Place] = set()
        for key, value in node.value:
            inner = (*place, str(getattr(key, "value", key)))
            line = key.start_mark.line + 1
            if inner in seen:
                yield Repeated(inner, line, lines[inner])
            seen.add(inner)
            lines[inner] = line
            yield from _note_lines(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _note_lines(item, (*place, index), lines)


def read_csv(path: Path, model: type[Model], problems: Problems) -> list[tuple[int, Model]]:
    """Read one CSV file: its good rows, each with the number of its line.

    Each bad row is added to the problems.
    """
    text = _text(path, problems)
    if text is None:
        return []
    kept = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.startswith("#")
    ]
    if not kept:
        cure = f"start it with: {';'.join(model.model_fields)}"
        problems.add(path, 1, "the file has no header", cure)
        return []
    delimiter = ";" if ";" in kept[0][1] else ","
    header = [name.strip() for name in _cells(kept[0][1], delimiter)]
    if not _has_good_header(header, model, path, kept[0][0], problems):
        return []
    rows = []
    for number, line in kept[1:]:
        values = _cells(line, delimiter)
        if len(values) != len(header):
            what = f"{len(values)} values for {len(header)} columns"
            problems.add(path, number, what, f"separate them with '{delimiter}'")
            continue
        record = {name: value.strip() or None for name, value in zip(header, values, strict=True)}
        row = validate(model, record, Document(path, record, {(): number}), (), problems)
        if row is not None:
            rows.append((number, row))
    return rows


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter))


def _has_good_header(
    header: list[str], model: type[BaseModel], path: Path, line: int, problems: Problems
) -> bool:
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    unknown = [name for name in header if name not in model.model_fields]
    missing = [name for name in required if name not in header]
    cure = f"use: {', '.join(model.model_fields)}"
    if unknown:
        problems.add(path, line, f"unknown column '{unknown[0]}'", cure)
    if missing:
        problems.add(path, line, f"column '{missing[0]}' is missing", cure)
    return not unknown and not missing


def validate(
    model: type[Model], value: object, document: Document, place: Place, problems: Problems
) -> Model | None:
    """Validate a part of a document; every error of pydantic becomes a problem at its line."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in details:
            where = tuple(part for part in detail["loc"])
            # A list whose items are wrong is not too short as well.
            if detail["type"] == "too_short" and _is_around(where, details):
                continue
            what, cure = _explain(detail, model)
            problems.add(document.path, document.line((*place, *where)), what, cure)
    return None


def _is_around(where: Place, details: Iterable[ErrorDetails]) -> bool:
    return any(
        len(detail["loc"]) > len(where) and detail["loc"][: len(where)] == where
        for detail in details
    )


def _explain(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """What is wrong and what to do, in words.

    The value itself is shown only where it can hold nothing personal.
    """
    name = ".".join(
        str(part)
        for part in detail["loc"]
        if not str(part).startswith(("function-", "constrained-"))
    )
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return f"'{name}' is missing", "add it"
    if kind == "extra_forbidden":
        known = ", ".join(_settings_beside(detail, model))
        return f"'{name}' is not a known setting", f"use: {known}"
    if kind == "value_error":
        what, _, cure = str(context["error"]).partition("; ")
        return (f"{name}: {what}" if name else what), cure or "correct it"
    if detail["input"] is None:
        return f"'{name}' is empty", "fill it in"
    if kind == "literal_error":
        return (
            f"{name}: '{_short(detail['input'])}' is unknown",
            f"use one of: {context['expected']}",
        )
    if kind in {"greater_than_equal", "greater_than", "less_than_equal", "less_than"}:
        bound = context.get("ge", context.get("gt", context.get("le", context.get("lt"))))
        word = {
            "greater_than_equal": "at least",
            "greater_than": "above",
            "less_than_equal": "at most",
            "less_than": "below",
        }[kind]
        return f"{name}: {_short(detail['input'])} is out of range", f"it must be {word} {bound}"
    if kind.startswith("date"):
        return f"{name}: not a date", "write it as YYYY-MM-DD, for example 2026-11-18"
    if kind.startswith(("decimal", "int")):
        return f"{name}: '{_short(detail['input'])}' is not a number of the right kind", detail[
            "msg"
        ].lower()
    return f"{name}: not valid", detail["msg"].lower()


def _settings_beside(detail: ErrorDetails, model: type[BaseModel]) -> Iterable[str]:
    """The settings that may stand where an unknown one does."""
    for part in detail["loc"][:-1]:
        field = model.model_fields.get(str(part))
        inner = _models_in(field.annotation) if field is not None else []
        if inner:
            model = inner[0]
    return model.model_fields


def _models_in(annotation: object) -> list[type[BaseModel]]:
    """The models that a type names, within optional and sequence types, too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _short(value: object) -> str:
    return str(value)[:40]


def _text(path: Path, problems: Problems) -> str | None:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        problems.add(
            path,
            1,
            "the file does not exist",
            "copy it from the default configuration or set COBRANCA_CONFIG",
        )
    except UnicodeDecodeError:
        problems.add(
            path,
            1,
            "the file is not UTF-8 text",
            "save it again as 'CSV UTF-8' or as plain UTF-8 text",
        )
    except OSError as error:
        problems.add(
            path,
            1,
            f"the file cannot be read ({error.strerror})",
            "check that it is a file and its permissions",
        )
    return None


def refuse_duplicates(
    rows: Iterable[tuple[int, tuple[Hashable, ...]]], what: str, path: Path, problems: Problems
) -> None:
    """Add a problem for each row whose key an earlier row has.

    Each row is its line and its key. Only the first part of the key is printed.
    """
    first: dict[tuple[Hashable, ...], int] = {}
    for line, key in rows:
        if key in first:
            shown = key[0].isoformat() if isinstance(key[0], date) else key[0]
            problems.add(
                path,
                line,
                f"{what} '{shown}' is already on line {first[key]}",
                "keep one of them",
            )
        else:
            first[key] = line
