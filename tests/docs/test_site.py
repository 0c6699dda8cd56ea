"""The documentation site builds strictly, needs no network, and its references equal the code."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cobranca.cli import commands
from cobranca.settings import PROJECT_ROOT

SITE = PROJECT_ROOT / "docs" / "site"


def _module(name: str):
    spec = importlib.util.spec_from_file_location(name, SITE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = _module("reference")


@pytest.fixture(scope="module")
def configuration() -> str:
    return reference.configuration(PROJECT_ROOT)


def _built(target: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Never with --quiet: MkDocs would not count the warnings that make a strict build fail."""
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        str(target),
        *arguments,
    ]
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    built = _built(target)
    assert built.returncode == 0, built.stdout + built.stderr
    return target


def test_no_page_loads_anything_from_another_host(site: Path):
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=\"((?:https?:)?//[^\"]*)",
            page.read_text(encoding="utf-8"),
        )
        assert not loaded, f"{page.relative_to(site)} loads {loaded}"
    for sheet in site.rglob("*.css"):
        assert not re.search(
            r"url\(['\"]?(https?:)?//|@import", sheet.read_text(encoding="utf-8")
        ), sheet


def test_links_into_the_repository_lead_to_copies_of_the_files(site: Path):
    copy = site / "repository" / "include" / "cobranca" / "ledger" / "grants.sql.txt"
    assert (
        copy.read_bytes()
        == (PROJECT_ROOT / "include" / "cobranca" / "ledger" / "grants.sql").read_bytes()
    )
    assert 'href="repository/include/cobranca/ledger/grants.sql.txt"' in (
        site / "runbook.html"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("links", "named"),
    [
        (["../include/cobranca/absent.py"], ["links to include/cobranca/absent.py"]),
        (["absent.md", "index.md#absent"], ["'absent.md'", "'#absent'"]),
    ],
    ids=["into the repository", "within the documents"],
)
def test_a_broken_link_stops_the_build(links: list[str], named: list[str], tmp_path: Path):
    """Built of a copy of the documents in which links are wrong."""
    root = tmp_path / "project"
    shutil.copytree(PROJECT_ROOT / "docs", root / "docs")
    shutil.copy(PROJECT_ROOT / "mkdocs.yml", root)
    for name in (
        "include",
        "dags",
        ".env.example",
        *(path.name for path in PROJECT_ROOT.glob("*.md")),
    ):
        (root / name).symlink_to(PROJECT_ROOT / name)
    with (root / "docs" / "glossary.md").open("a", encoding="utf-8") as page:
        page.writelines(f"\n[a link]({link})\n" for link in links)
    built = _built(tmp_path / "site", "--config-file", str(root / "mkdocs.yml"))
    assert built.returncode != 0
    assert all(text in built.stdout + built.stderr for text in named), built.stderr


def test_every_file_of_the_configuration_has_its_section(configuration: str):
    folder = PROJECT_ROOT / "include" / "config"
    for path in (path for path in folder.iterdir() if path.is_file()):
        assert f"\n## {path.name}\n" in configuration, f"name its model in {SITE / 'reference.py'}"


def test_every_field_of_the_configuration_has_its_row(configuration: str):
    for name, model in reference.models().items():
        if name == "Policy":
            continue
        for field in model.model_fields:
            assert f"| `{field}` | " in configuration, f"{name}.{field}"


def test_every_field_and_variable_has_a_meaning(configuration: str):
    """A field's meaning stands below it in its model."""
    assert re.findall(r"^\| .* \|  \|$", configuration, re.MULTILINE) == []


def test_the_references_use_plain_words():
    for name, page in reference.pages(PROJECT_ROOT).items():
        text = re.sub(r"`[^`]*`", "", page)
        assert not re.findall(r"(?i)\b(whoever|whom|nobody|everybody|told of|beside)\b", text), name


def test_every_variable_of_the_example_has_its_row(configuration: str):
    example = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    for name in re.findall(r"^#?([A-Z][A-Z_]+)=", example, re.MULTILINE):
        assert re.search(rf"^\| `{name}` \| .* \| \S", configuration, re.MULTILINE), name


def test_bounds_and_ways_to_write_a_value_are_shown(configuration: str):
    assert "| `maximum_per_7_days` | whole number, 1 to 7 | `3` |" in configuration
    assert "| `default_fine_rate` | rate, `2 %` or `0.02` | `0.02` |" in configuration
    assert (
        "| `tolerance_amount` | amount, `1234.56` or `1.234,56`, at least 0 | `0.00` |"
        in configuration
    )
    assert "| `tax_id` | CNPJ or CPF | **required** |" in configuration
    assert "| `steps` | list of [Step](#regua-step) by text | **required** |" in configuration


def test_every_command_and_option_is_in_the_reference():
    page = reference.commands()

    def check(path: str, command: click.Command) -> None:
        if isinstance(command, click.Group):
            for name, inner in command.commands.items():
                check(f"{path} {name}", inner)
            return
        section = re.search(rf"^## {path}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE).group(
            1
        )
        for option in (one for one in command.params if isinstance(one, click.Option)):
            assert f"| `{', '.join(option.opts)}` |" in section and option.help in section

    check("cobranca", commands)


def test_the_dags_are_in_the_order_of_the_night_with_their_tasks():
    page = reference.dags(PROJECT_ROOT)
    names = re.findall(r"^## (\w+)$", page, re.MULTILINE)
    assert names[:3] == ["collect_feedback", "land_receivables", "build_warehouse"]
    assert names[3:] == [
        "send_reminders",
        "write_call_queues",
        "publish_reports",
        "generate_demo_sources",
    ]
    assert "`publish_policy`, `list_sources`, `land`, `accept`" in page
    assert "`check_approvals`, `ask_about_steps`, `approve_steps`, `deliver`" in page
    assert "**When it breaks**" in page
