"""YAML and CSV with line numbers, checked by pydantic models.

Numbers with a fraction become Decimal, never float. CSV files may use ``;`` or ``,`` (the header decides), start
with a byte-order mark, and hold comment lines that begin with ``#``.
"""

import csv
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from cobranca.policy.problems import Problems

Place = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


# libyaml's parser, where PyYAML was built with it, is ten times as fast.
SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(SafeLoader):
    """Safe YAML whose fractions are exact."""


def _exact(loader: yaml.Loader, node: yaml.Node) -> Decimal | str:
    text = loader.construct_scalar(node)
    # Whatever else YAML calls a float (.inf, 1:30.5) stays text, which no setting accepts.
    return Decimal(text) if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)", text) else text


_Loader.add_constructor("tag:yaml.org,2002:float", _exact)
# 10:30 is a time of day here, never a number in base sixty.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:int"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?\d+$"), list("-+0123456789"))


@dataclass(frozen=True)
class Document:
    """The content of one file and the line on which each part of it stands."""

    path: Path
    content: Any
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """Line of a place, or of the nearest part around it that is written in the file."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_yaml(path: Path, problems: Problems) -> Document | None:
    """Read one YAML file; problems found on the way are added, and ``None`` means that nothing could be read."""
    text = _text(path, problems)
    if text is None:
        return None
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                problems.add(path, 1, "the file is empty", "copy it again from the default configuration")
                return None
            lines: dict[Place, int] = {}
            _note_lines(node, (), lines, path, problems)
            return Document(path, loader.construct_document(node), lines)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.add(path, line, f"not valid YAML ({error.problem})", "check the indentation, quotes and brackets near this line")
    except (yaml.YAMLError, ValueError, ArithmeticError):
        problems.add(path, 1, "not valid YAML", "check the file for stray characters and impossible dates")
    return None


def _note_lines(node: yaml.Node, place: Place, lines: dict[Place, int], path: Path, problems: Problems) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(getattr(key, "value", key))
            line = key.start_mark.line + 1
            if name in seen:
                problems.add(path, line, f"'{name}' is written twice", "keep one of them")
            seen.add(name)
            lines[(*place, name)] = line
            _note_lines(value, (*place, name), lines, path, problems)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note_lines(item, (*place, index), lines, path, problems)


def read_csv(path: Path, model: type[Model], problems: Problems) -> list[tuple[int, Model]]:
    """Read one CSV file; each good row comes with its line number, each bad one is added to the problems."""
    text = _text(path, problems)
    if text is None:
        return []
    # Blank instead of removed, so that the numbers of the lines stay those of the file.
    kept = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    if not kept:
        problems.add(path, 1, "the file has no header", f"start it with: {';'.join(model.model_fields)}")
        return []
    header_line, header_text = kept[0]
    delimiter = ";" if ";" in header_text else ","
    header = [name.strip() for name in next(csv.reader([header_text], delimiter=delimiter))]
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    unknown = [name for name in header if name not in model.model_fields]
    missing = [name for name in required if name not in header]
    if unknown:
        problems.add(path, header_line, f"unknown column '{unknown[0]}'", f"use: {', '.join(model.model_fields)}")
    if missing:
        problems.add(path, header_line, f"column '{missing[0]}' is missing", f"use: {', '.join(model.model_fields)}")
    if unknown or missing:
        return []
    rows = []
    for number, line in kept[1:]:
        values = next(csv.reader([line], delimiter=delimiter))
        if len(values) != len(header):
            problems.add(path, number, f"{len(values)} values for {len(header)} columns", f"separate them with '{delimiter}'")
            continue
        record = {name: value.strip() or None for name, value in zip(header, values, strict=True)}
        row = check(model, record, Document(path, record, {(): number}), (), problems)
        if row is not None:
            rows.append((number, row))
    return rows


def check(model: type[Model], value: Any, document: Document, place: Place, problems: Problems) -> Model | None:
    """Validate a part of a document; every error of pydantic becomes a problem at its line."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            where = tuple(part for part in detail["loc"])
            what, cure = _explain(detail, model)
            problems.add(document.path, document.line((*place, *where)), what, cure)
    return None


def _explain(detail: dict, model: type[BaseModel]) -> tuple[str, str]:
    """What is wrong and what to do, in words; the value itself is shown only where it can hold nothing personal."""
    name = ".".join(str(part) for part in detail["loc"] if not str(part).startswith(("function-", "constrained-")))
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return f"'{name}' is missing", "add it"
    if kind == "extra_forbidden":
        return f"'{name}' is not a known setting", f"use: {', '.join(model.model_fields)}"
    if kind == "value_error":
        what, _, cure = str(context["error"]).partition("; ")
        return (f"{name}: {what}" if name else what), cure or "correct it"
    if detail["input"] is None:
        return f"'{name}' is empty", "fill it in"
    if kind == "literal_error":
        return f"{name}: '{_short(detail['input'])}' is unknown", f"use one of: {context['expected']}"
    if kind in {"greater_than_equal", "greater_than", "less_than_equal", "less_than"}:
        bound = context.get("ge", context.get("gt", context.get("le", context.get("lt"))))
        word = {"greater_than_equal": "at least", "greater_than": "above", "less_than_equal": "at most", "less_than": "below"}[
            kind
        ]
        return f"{name}: {_short(detail['input'])} is out of range", f"it must be {word} {bound}"
    if kind.startswith("date"):
        return f"{name}: not a date", "write it as YYYY-MM-DD, for example 2026-11-18"
    if kind.startswith(("decimal", "int")):
        return f"{name}: '{_short(detail['input'])}' is not a number of the right kind", detail["msg"].lower()
    return f"{name}: not valid", detail["msg"].lower()


def _short(value: object) -> str:
    return str(value)[:40]


def _text(path: Path, problems: Problems) -> str | None:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        problems.add(path, 1, "the file does not exist", "copy it from the default configuration or set COBRANCA_CONFIG")
    except UnicodeDecodeError:
        problems.add(path, 1, "the file is not UTF-8 text", "save it again as 'CSV UTF-8' or as plain UTF-8 text")
    except OSError as error:
        problems.add(path, 1, f"the file cannot be read ({error.strerror})", "check that it is a file and its permissions")
    return None
