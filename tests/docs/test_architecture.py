"""The floors that docs/architecture.md prints are those that the import contract enforces."""

import re
import tomllib

from cobranca.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## Floors\n(.*?)^## ", PAGE, re.DOTALL | re.MULTILINE).group(1)


def _enforced() -> list[set[str]]:
    """The floors of the contract, the highest first; packages of one floor in any order."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [floors] = [
        one for one in project["tool"]["importlinter"]["contracts"] if one["id"] == "floors"
    ]
    return [set(re.split(r"\s*[|:]\s*", layer)) for layer in floors["layers"]]


def test_the_page_prints_the_floors_of_the_contract():
    block = re.search(r'^```text title="floors.*?\n(.*?)^```', SECTION, re.DOTALL | re.MULTILINE)
    printed = [set(line.split(" · ")) for line in block.group(1).splitlines()]
    assert printed == _enforced()


def test_the_page_says_of_every_package_what_it_is():
    described = re.findall(r"^\| `(\w+)` \| \S", SECTION, re.MULTILINE)
    assert sorted(described) == sorted(set().union(*_enforced()))


def test_every_package_stands_on_a_floor():
    package = PROJECT_ROOT / "include" / "cobranca"
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    assert set().union(*_enforced()) == modules | folders


def test_the_page_prints_who_may_import_what_writes_to_the_ledger():
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    enforced = {
        _path(one["protected_modules"][0]): [_path(name) for name in one["allowed_importers"]]
        for one in project["tool"]["importlinter"]["contracts"]
        if one["type"] == "protected" and one["id"] != "ledger-tables"
    }
    section = re.search(
        r"^## Who may write to the ledger\n(.*?)^## ", PAGE, re.DOTALL | re.MULTILINE
    ).group(1)
    rows = re.findall(r"^\| `(ledger/\w+\.py)` \|.*\| (.*) \|$", section, re.MULTILINE)
    printed = {module: re.findall(r"`(\S+)`", importers) for module, importers in rows}
    assert enforced
    assert printed == enforced


def _path(module: str) -> str:
    return module.removeprefix("cobranca.").replace(".", "/") + ".py"
