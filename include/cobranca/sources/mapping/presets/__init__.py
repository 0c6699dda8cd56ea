"""Ready source files for ERPs that many companies run.

A preset is written out once; then the file is the company's own to change.
"""

import re
from importlib import resources

from cobranca.errors import ConfigError


def preset_names() -> list[str]:
    """Names of all presets, sorted."""
    return sorted(
        entry.name.removesuffix(".yml")
        for entry in resources.files(__name__).iterdir()
        if entry.name.endswith(".yml")
    )


def preset_title(name: str) -> str:
    """What a preset reads: the first sentence of its file.

    Raises:
        ConfigError: there is no preset of that name.
    """
    return _text(name).splitlines()[0].removeprefix("# ").split(". See ")[0].rstrip(".")


def preset_file(name: str, connection: str | None = None, source: str | None = None) -> str:
    """The text of a source file for ``include/config/sources``, with these names in it.

    Raises:
        ConfigError: there is no preset of that name, or a name cannot stand in a source file.
    """
    text = _text(name)
    source = source or connection or _value(text, "source")
    connection = connection or _value(text, "connection")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", source):
        raise ConfigError(
            f"'{source}' is no name for a source; use lower-case letters, digits and _, starting "
            "with a letter."
        )
    if not re.fullmatch(r"\w+", connection):
        raise ConfigError(f"'{connection}' is no name for a connection; use letters, digits and _.")
    text = _line(text, "source", source, "first part of every receivable_key")
    return _line(
        text,
        "connection",
        connection,
        f"AIRFLOW_CONN_{connection.upper()}, or the Airflow connection of this id",
    )


def _text(name: str) -> str:
    if name not in preset_names():
        raise ConfigError(f"there is no preset '{name}'; there are: {', '.join(preset_names())}.")
    return resources.files(__name__).joinpath(f"{name}.yml").read_text(encoding="utf-8")


def _value(text: str, key: str) -> str:
    return str(re.findall(rf"^{key}: (\w+)", text, re.MULTILINE)[0])


def _line(text: str, key: str, value: str, comment: str) -> str:
    return re.sub(
        rf"^{key}: .*$", f"{f'{key}: {value}':<27} # {comment}", text, count=1, flags=re.MULTILINE
    )
