"""A folder of configuration, edited by tests, and the problems that are found in it."""

from datetime import date

import pytest
import yaml

from cobranca.errors import ConfigError
from cobranca.policy import load_policy

DAY = date(2026, 11, 18)


def write(settings, name, text):
    (settings.config / name).write_text(text, encoding="utf-8")


def change(settings, name, old, new):
    text = (settings.config / name).read_text(encoding="utf-8")
    assert old in text
    write(settings, name, text.replace(old, new, 1))


def edit_yaml(settings, name, **changes):
    path = settings.config / name
    content = yaml.safe_load(path.read_text(encoding="utf-8")) | changes
    write(settings, name, yaml.safe_dump(content, allow_unicode=True, sort_keys=False))


def append(settings, name, *lines):
    path = settings.config / name
    path.write_text(path.read_text(encoding="utf-8") + "\n".join(lines) + "\n", encoding="utf-8")
    return len(path.read_text(encoding="utf-8").splitlines())


def problems(settings, day=DAY) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load_policy(settings.config, day)
    assert error.value.exit_code == 2
    return [line.replace(f"{settings.config}/", "") for line in str(error.value).splitlines()]
