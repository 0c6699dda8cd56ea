"""The documents name only what exists, and keep their form."""

import re
from functools import cache
from pathlib import Path

import pytest

from cobranca.settings import PROJECT_ROOT

DOCUMENTS = sorted([*PROJECT_ROOT.glob("*.md"), *(PROJECT_ROOT / "docs").rglob("*.md")])
FOLDERS = {path.name for path in PROJECT_ROOT.iterdir() if path.is_dir()} - {"var", ".venv", ".git"}
PACKAGE = PROJECT_ROOT / "include" / "cobranca"
# Files of examples, which no repository holds.
EXAMPLES = {"crm.yml", "new.yml"}
SUFFIXES = (".py", ".sql", ".yml", ".csv", ".sh", ".mjml")
MODEL = re.compile(r"(stg|int|fct|dim|rpt|out)_\w+")
SEARCHED = """
prefetch; point lookup; schema drift; lock; retry; deduplicate; external sort; pre-send check;
idempotent; lease; dead letter; reconciliation; watermark; incremental read; control totals;
manifest; partition; gate; verdict
"""
AVOIDED = re.compile(r"\b(whoever|whom|nobody|everybody|told of|beside)\b", re.IGNORECASE)


def _ids(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT))


def _prose(document: Path) -> str:
    """The text without blocks of code."""
    return re.sub(
        r"^( *)(```|~~~).*?^ *\2",
        "",
        document.read_text(encoding="utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )


def _codes(document: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", _prose(document))


@cache
def _names() -> frozenset[str]:
    return frozenset(
        path.name
        for folder in FOLDERS
        for path in (PROJECT_ROOT / folder).rglob("*")
        if path.is_file()
    )


@cache
def _models() -> frozenset[str]:
    return frozenset(path.stem for path in (PROJECT_ROOT / "dbt" / "models").rglob("*.sql"))


def _is_path(code: str) -> bool:
    """Whether it names a file or folder of the repository, and not one of a night."""
    if re.search(r"[<>{}*\s:…]", code) or code.startswith("/") or code in SUFFIXES:
        return False
    first, _, rest = code.rstrip("/").partition("/")
    is_named = code.endswith(SUFFIXES) and not rest
    return first in FOLDERS or code.endswith(".py") or is_named


def _exists(code: str, document: Path) -> bool:
    if Path(code).name in EXAMPLES:
        return True
    if "/" not in code.rstrip("/"):
        return code in _names() or (PROJECT_ROOT / code).exists()
    return any((root / code).exists() for root in (PROJECT_ROOT, PACKAGE, document.parent))


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_every_path_that_it_names_exists(document: Path):
    wrong = sorted(
        {code for code in _codes(document) if _is_path(code) and not _exists(code, document)}
    )
    assert not wrong, f"{document}: {', '.join(wrong)}"


@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if path.parent.name != "presets"], ids=_ids
)
def test_every_model_that_it_names_exists(document: Path):
    named = {code.removeprefix("finance.") for code in _codes(document)}
    wrong = sorted(code for code in named if MODEL.fullmatch(code) and code not in _models())
    assert not wrong, f"{document}: {', '.join(wrong)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_what_it_says_is_in_a_file_is_defined_there(document: Path):
    """``Step`` and ``Regua`` in ``policy/regua.py``."""
    for names, path in re.findall(r"((?:`\w+`(?:, | and )?)+) in `([\w/]+\.py)`", _prose(document)):
        [file] = [root / path for root in (PACKAGE, PROJECT_ROOT) if (root / path).is_file()]
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(
                rf"^(class|def) {name}\b|^{name}\b.*=",
                file.read_text(encoding="utf-8"),
                re.MULTILINE,
            ), f"{name} in {path}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_it_uses_plain_words(document: Path):
    found = AVOIDED.findall(re.sub(r"`[^`]*`", "", _prose(document)))
    assert not found, f"{document}: {found}"


def test_the_readme_is_short_and_its_pictures_are_small():
    text = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 130
    pictures = re.findall(r"docs/images/\w+\.png", text)
    assert len(pictures) == 3
    for picture in pictures:
        assert 5_000 < (PROJECT_ROOT / picture).stat().st_size < 150_000, picture


def test_the_glossary_has_the_terms_that_people_search_for():
    text = (PROJECT_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|`]+) \| `", text.partition("## Glossary")[2], re.MULTILINE)
    assert len(rows) >= 40
    terms = " ".join(rows)
    for term in " ".join(SEARCHED.split()).split("; "):
        assert term in terms, term


def test_every_decision_has_the_same_form_and_is_listed():
    folder = PROJECT_ROOT / "docs" / "adr"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    for number, record in enumerate(sorted(folder.glob("0*.md")), 1):
        text = record.read_text(encoding="utf-8")
        assert text.startswith(f"# {number}. ") and f"]({record.name})" in listed, record.name
        headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
        assert headings == ["Status", "Context", "Decision", "Consequences", "Figures"], record.name
