"""Reference pages made from the code, as Markdown.

The configuration comes from its pydantic models, the commands from click, the DAGs from their
docstrings. The site's build calls these functions (``hooks.py``), so that no page can be older
than the code. The product imports nothing of this.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
import typing
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from cobranca.policy.policy import FILES
from cobranca.sources.mapping.model import SourceMapping

# How a value may be written, by its validator: pydantic knows only the result's type. None adds
# nothing to the type. A validator that is not listed stops the build.
WRITTEN_AS = {
    "color": 'colour, `"#0b5f58"`',
    "rate": "rate, `2 %` or `0.02`",
    "share": None,
    "whole_percent": "whole per cent",
    "amount": "amount, `1234.56` or `1.234,56`",
    "flag": "`sim` or `não`",
    "state": "UF",
    "state_or_country": "UF, or `BR` for every other",
    "states": "UFs, separated by blanks",
    "clock": "time of day, `HH:MM`",
    "tax_id": "CNPJ or CPF",
    "address": "e-mail address",
    "pix_key": "Pix key",
    "step_name": "step, such as `d+10`",
    "day_or_anniversary": "`YYYY-MM-DD`, or `MM-DD` for every year",
    "text_places": "text with `{places}`",
    "one_select": "one SELECT",
    "plain_name": "name of lower-case letters, digits and `_`",
    "source_name": "name of lower-case letters, digits and `_`",
    "encoding": "encoding, such as `latin-1`",
    "joined": "number of parts around their sign, such as `1/2`",
    "one_or_more": None,
}
HTTPS = r"^https://[^\s/?#@]+([/?][^\s#]*)?$"
PLAIN = {
    str: "text",
    int: "whole number",
    Decimal: "number",
    bool: "`true` or `false`",
    date: "date, `YYYY-MM-DD`",
    time: "time of day",
}


def pages(root: Path) -> dict[str, str]:
    """Every generated page by its place in the site."""
    return {
        "reference/configuration.md": configuration(root),
        "reference/commands.md": commands(),
        "reference/dags.md": dags(root),
    }


# ---------------------------------------------------------------------------------- configuration


def configuration(root: Path) -> str:
    """The environment, each file of ``include/config`` field by field, the entities' columns."""
    parts = [
        "# Configuration",
        (
            "This page is made from the models that validate the files, from `.env.example` and "
            "from the schema, each time the site is built. `cobranca check` validates everything "
            "and names the line and the cure. A file with an unknown field is refused."
        ),
        "## Environment",
        *_environment((root / ".env.example").read_text(encoding="utf-8")),
        *(_config_file(root, file.name, file.model) for file in FILES.values()),
        _config_file(root, "sources/*.yml", SourceMapping),
        "## Columns of the entities",
        "What the query of each entity returns. Unknown columns are refused.",
        *_entities(),
    ]
    return "\n\n".join(parts) + "\n"


def models() -> dict[str, type[BaseModel]]:
    """The public models of the configuration, by name."""
    found = {}
    for package in ("cobranca.policy", "cobranca.sources.mapping"):
        for module in _modules(package):
            members = inspect.getmembers(
                module, lambda one: inspect.isclass(one) and issubclass(one, BaseModel)
            )
            found |= {
                name: model
                for name, model in members
                if not name.startswith("_") and model.__module__ == module.__name__
            }
    return found


def _modules(name: str) -> Iterator:
    module = importlib.import_module(name)
    yield module
    for info in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
        yield importlib.import_module(info.name)


def _environment(example: str) -> Iterator[str]:
    """The variables of ``.env.example`` by its headings; a comment explains what follows it."""
    rows, comment, previous_is_comment = [], [], False
    for line in [*example.splitlines(), "# --- end"]:
        assigned = re.match(r"(#?)([A-Z][A-Z_]+)=(.*)", line)
        if line.startswith("# ---"):
            if rows:
                yield _table(("variable", "in the example", "meaning"), rows)
            rows, comment = [], []
            if (heading := line.strip("#- ")) != "end":
                yield f"### {heading.replace('<', '&lt;')}"
        elif assigned:
            unset, name, value = assigned.groups()
            rows.append(
                (
                    f"`{name}`",
                    f"`{value}`" if value else "empty",
                    " ".join(comment).replace("<", "&lt;") + (" (optional)" if unset else ""),
                )
            )
        elif line.startswith("#"):
            # A comment below a variable begins the explanation of the next one.
            comment = (
                [*comment, line.strip("# ")]
                if comment and previous_is_comment
                else [line.strip("# ")]
            )
        previous_is_comment = line.startswith("#") and not assigned


def _config_file(root: Path, name: str, model: type[BaseModel]) -> str:
    link = (
        f"[`include/config/{name}`](../../include/config/{name})"
        if (root / "include/config" / name).is_file()
        else f"`include/config/{name}`"
    )
    parts = [f"## {name}", f"{link}. {_docstring(model)}"]
    for one in _with_nested(model):
        if one is not model:
            parts += [f"### {one.__name__} of {name} {{#{_anchor(name, one)}}}", _docstring(one)]
        parts.append(_fields(name, one))
    return "\n\n".join(parts)


def _anchor(name: str, model: type[BaseModel]) -> str:
    return f"{name.partition('.')[0].strip('/*')}-{model.__name__.lower()}"


def _with_nested(model: type[BaseModel], seen: tuple = ()) -> list[type[BaseModel]]:
    found = [model]
    for field in model.model_fields.values():
        for inner in _models_in(field.annotation):
            found += [
                one for one in _with_nested(inner, (*seen, *found)) if one not in (*seen, *found)
            ]
    return found


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in typing.get_args(annotation) for model in _models_in(inner)]


def _fields(name: str, model: type[BaseModel]) -> str:
    meanings = attribute_docstrings(model)
    rows = [
        (
            f"`{field}`",
            _type(name, info.annotation, info.metadata),
            _default(info),
            meanings.get(field) or info.description or "",
        )
        for field, info in model.model_fields.items()
    ]
    return _table(("field", "type", "default", "meaning"), rows)


def _docstring(model: type[BaseModel]) -> str:
    """A docstring as Markdown: reStructuredText's double backquotes and references become code."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", inspect.cleandoc(model.__doc__ or ""))
    return text.replace("``", "`")


def attribute_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The text that stands below each field of a model.

    It is read from the source here: kept by pydantic, it would cost each process time at its start.
    """
    found = {}
    models = [part for part in model.__mro__ if issubclass(part, BaseModel) and part != BaseModel]
    bodies = [ast.parse(textwrap.dedent(inspect.getsource(part))).body[0].body for part in models]
    for field, below in (pair for body in bodies for pair in pairwise(body)):
        is_text = (
            isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        )
        if isinstance(field, ast.AnnAssign) and is_text:
            found[field.target.id] = " ".join(below.value.value.split())
    return found


def _type(name: str, annotation: object, metadata: typing.Sequence = ()) -> str:
    if written := next(filter(None, map(_written_as, metadata)), None):
        # Only an amount of money has a number of digits that it may fill.
        is_number = written == WRITTEN_AS["amount"] and "max_digits" not in _constraints(metadata)
        return ("number" if is_number else written) + _bounds(metadata)
    if HTTPS in _constraints(metadata).values():
        return "address, `https://…`"
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(name, inner[0], (*inner[1:], *metadata))
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (typing.Union, UnionType):
        return " or ".join(
            "nothing" if one is NoneType else _type(name, one, metadata) for one in inner
        )
    if origin is tuple:
        return f"list of {_type(name, inner[0])}"
    if origin is dict:
        return f"{_type(name, inner[1])} by {_type(name, inner[0])}"
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{_anchor(name, annotation)})"
    return PLAIN.get(annotation, getattr(annotation, "__name__", str(annotation))) + _bounds(
        metadata
    )


def _written_as(validator: object) -> str | None:
    function = getattr(validator, "func", None)
    if not getattr(function, "__module__", "").startswith("cobranca."):
        return None
    name = function.__name__.removeprefix("_").removeprefix("parse_")
    if name not in WRITTEN_AS:
        raise LookupError(f"say in WRITTEN_AS of {__file__} how '{function.__name__}' is written")
    return WRITTEN_AS[name]


def _constraints(metadata: typing.Sequence) -> dict[str, typing.Any]:
    """Bounds by name. They come alone or grouped in the metadata of one ``Field``."""
    found = {}
    for one in (inner for item in metadata for inner in (item, *getattr(item, "metadata", ()))):
        for bound in ("ge", "gt", "le", "lt", "max_digits", "max_length", "pattern"):
            if getattr(one, bound, None) is not None:
                found[bound] = getattr(one, bound)
    return found


def _bounds(metadata: typing.Sequence) -> str:
    """Limits in words."""
    found = _constraints(metadata)
    words = []
    if "ge" in found and "le" in found:
        words.append(f"{found['ge']} to {found['le']}")
    else:
        words += [f"at least {found['ge']}"] if "ge" in found else []
        words += [f"at most {found['le']}"] if "le" in found else []
    words += [f"at most {found['max_length']} characters"] if found.get("max_length", 1) > 1 else []
    words += ["one character"] if found.get("max_length") == 1 else []
    words += [f"pattern `{found['pattern']}`"] if "pattern" in found else []
    return "".join(f", {word}" for word in words)


def _default(info: typing.Any) -> str:
    if info.is_required():
        return "**required**"
    value = info.default if info.default is not PydanticUndefined else info.default_factory()
    if value is None or value == () or value == {}:
        return "none"
    if isinstance(value, BaseModel):
        return "its fields' own"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:%H:%M}`" if isinstance(value, time) else f"`{value}`"


def _entities() -> Iterator[str]:
    from cobranca.schema import ALLOWED, DEFAULTS, ENTITIES, OURS, REQUIRED

    types = {
        "string": "text",
        "decimal128(18, 2)": "amount",
        "decimal128(9, 6)": "fraction, `0.02`",
        "date32[day]": "date",
        "timestamp[us]": "time",
        "bool": "flag",
    }
    for entity, schema in ENTITIES.items():
        yield f"### Columns of {entity}"
        rows = []
        for field in schema:
            if field.name in OURS:
                continue
            codes = ", ".join(f"`{code}`" for code in ALLOWED.get(entity, {}).get(field.name, ()))
            default = DEFAULTS.get(entity, {}).get(field.name)
            required = field.name in REQUIRED[entity]
            rows.append(
                (
                    f"`{field.name}`",
                    codes or types[str(field.type)],
                    "**required**" if required else f"`{default}`" if default else "none",
                )
            )
        yield _table(("column", "type", "default"), rows)


# --------------------------------------------------------------------------------------- commands


def commands() -> str:
    """Every command with its options."""
    from cobranca.cli import commands as group

    parts = [
        "# Commands",
        (
            "This page is made from the command's own help each time the site is built. Exit code "
            "0 means done, 1 that a gate or a run failed, 2 a mistake in the configuration or the "
            "arguments. Errors name the thing, the place and the cure."
        ),
    ]
    for path, command in _leaves("cobranca", group):
        parts += [f"## {path}", inspect.cleandoc(command.help or "")]
        options = [one for one in command.params if isinstance(one, click.Option)]
        arguments = "".join(
            f" [{one.name.upper()}]" for one in command.params if isinstance(one, click.Argument)
        )
        parts.append(f"```sh\n{path}{arguments}{' [options]' if options else ''}\n```")
        if options:
            parts.append(
                _table(("option", "value", "default", "meaning"), [_option(one) for one in options])
            )
    return "\n\n".join(parts) + "\n"


def _leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _leaves(f"{path} {name}", inner)
    else:
        yield path, command


def _option(option: click.Option) -> tuple[str, str, str, str]:
    value = "" if option.is_flag else f"`{option.make_metavar(click.Context(click.Command('x')))}`"
    given = option.default is not None and not isinstance(
        option.default, (bool, type(PydanticUndefined))
    )
    shown = isinstance(option.default, (str, int, float)) and given
    default = "**required**" if option.required else f"`{option.default}`" if shown else "none"
    return f"`{', '.join(option.opts)}`", value, default, option.help or ""


# ------------------------------------------------------------------------------------------- DAGs


def dags(root: Path) -> str:
    """The DAGs with the text that Airflow shows, in the order of the night."""
    night = (root / "include/cobranca/orchestration/assets.py").read_text(encoding="utf-8")
    found = {
        path.stem: path
        for path in sorted((root / "dags").glob("*.py"), key=lambda path: _place(path, night))
    }
    parts = [
        "# DAGs",
        (
            "This page is made from the DAG files' docstrings each time the site is built. Airflow "
            "shows the same text. The DAGs are tied only by assets whose partition key is the "
            "business date."
        ),
        _table(("DAG", "when", "tasks"), [_dag_row(path) for path in found.values()]),
    ]
    for path in found.values():
        text = re.sub(
            r"^### .*\n",
            "",
            inspect.cleandoc(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))),
        )
        parts += [
            f"## {path.stem}",
            text.strip(),
            f"File: [`dags/{path.name}`](../../dags/{path.name})",
        ]
    return "\n\n".join(parts) + "\n"


def _place(path: Path, night: str) -> tuple[int, str]:
    """Where a DAG stands in the night: assets are listed in its order, and most DAGs make one."""
    outlet = re.search(r"outlets=\[(\w+)\]", path.read_text(encoding="utf-8"))
    return (night.index(outlet[1]) if outlet else len(night)), path.stem


def _dag_row(path: Path) -> tuple[str, str, str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    when = re.search(r"\*\*When\*\* (.*?)(?:\n\n|$)", ast.get_docstring(tree), re.DOTALL).group(1)
    first = re.split(r"(?<=\.)\s", " ".join(when.split()))[0]
    return f"[{path.stem}](#{path.stem})", first, ", ".join(f"`{name}`" for name in _tasks(tree))


def _tasks(tree: ast.Module) -> list[str]:
    """The ids of the tasks, decorated or called into being, in the order of the file."""
    [dag] = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [name for node in dag.body if (name := _task_id(node)) is not None]


def _task_id(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef):
        return node.name
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
        return None
    made = ast.unparse(node.value)
    if found := re.search(r"task_id='(\w+)'", made) or re.match(r"task\((?:\w+\.)?(\w+)\)\(", made):
        return found[1]
    return node.targets[0].id if re.match(r"(\w+\.)?ask\(", made) else None


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines
    )
