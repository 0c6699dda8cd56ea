"""MkDocs hooks: add the pages made from the code, and resolve links into the repository.

A link in a document is relative to the document's own place in the repository, so that it works
there too. Here it is resolved to a page of the site or, for any other file, to a copy of that file
as text. A file that does not exist stops the build.
"""

import os
import re
from pathlib import Path

import reference
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
# Documents at the root of the repository that are pages of the site. The home page replaces README.
ROOT_PAGES = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
PAGES_ELSEWHERE = {**ROOT_PAGES, "README.md": "index.md"}
_CODE = r"(?P<code>^(?P<fence>```+|~~~+).*?^(?P=fence)[`~]*$|(?P<tick>`+).+?(?P=tick))"
_LINK = re.compile(
    _CODE + r"|(?P<open>\]\()(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?P<close>\))",
    re.DOTALL | re.MULTILINE,
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, the root documents, and a copy of each file that is linked."""
    for name, markdown in reference.pages(ROOT).items():
        files.append(File.generated(config, name, content=markdown))
    for name, page in ROOT_PAGES.items():
        files.append(
            File.generated(config, page, content=(ROOT / name).read_text(encoding="utf-8"))
        )
    linked = {path for file in files.documentation_pages() for path in _linked_files(file)}
    for path in sorted(linked):
        files.append(File.generated(config, _copy_of(path), content=(ROOT / path).read_bytes()))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links that leave ``docs/`` at pages and copies of the site."""
    origin = _origin(page.file.src_uri)

    def resolved(match: re.Match) -> str:
        path = _repository_path(match, origin)
        if path is None:
            return match.group()
        target = _target(path)
        relative = os.path.relpath(target, os.path.dirname(page.file.src_uri) or ".")
        return f"{match['open']}{relative}{match['anchor'] or ''}{match['close']}"

    return _LINK.sub(resolved, markdown)


def _linked_files(file: File) -> list[str]:
    origin = _origin(file.src_uri)
    found = [_repository_path(match, origin) for match in _LINK.finditer(file.content_string)]
    paths = [path for path in found if path and _target(path) == _copy_of(path)]
    for path in paths:
        if not (ROOT / path).is_file():
            raise PluginError(
                f"{origin}: links to {path}, which is no file of the repository; correct the link."
            )
    return paths


def _origin(src_uri: str) -> str:
    """Where a page's text lies in the repository."""
    elsewhere = {page: name for name, page in ROOT_PAGES.items()}
    return elsewhere.get(src_uri, f"docs/{src_uri}")


def _repository_path(match: re.Match, origin: str) -> str | None:
    """The file that a link means, relative to the repository.

    None for code, web addresses and links within ``docs/``, which MkDocs checks itself.
    """
    target = match["target"]
    if target is None or re.match(r"[a-z]+:", target):
        return None
    path = os.path.normpath(os.path.join(os.path.dirname(origin), target))
    return (
        None
        if origin.startswith("docs/")
        and path.startswith("docs/")
        and path.endswith((".md", ".png"))
        else path
    )


def _target(path: str) -> str:
    if path in PAGES_ELSEWHERE:
        return PAGES_ELSEWHERE[path]
    if path.startswith("docs/") and path.endswith((".md", ".png")):
        return path.removeprefix("docs/")
    return _copy_of(path)


def _copy_of(path: str) -> str:
    """Every linked file ends in .txt, so that a browser shows it."""
    return f"repository/{path.lstrip(chr(46))}.txt"
