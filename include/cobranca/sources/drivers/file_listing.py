"""List the files that a pattern matches, and notice files that change while they are read."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import translate
from pathlib import Path

from cobranca.sources.mapping.model import SourceMapping
from cobranca.sources.source_problem import FileProblem

# Size, times of the last change of content and of the entry, and number of a file.
Stamp = tuple[int, int, int, int]

# Of a file that is gone: no file has it.
_NO_STAMP: Stamp = (-1, -1, -1, -1)

AGAIN = "have it written again, whole, then run this step again; nothing of this source was landed"


def matching(mapping: SourceMapping, entity: str, pattern: str, take: str = "all") -> list[Path]:
    """The files of one pattern, by name.

    Raises:
        FileProblem: there is none.
        ConfigError: the folder is not defined.
    """
    folder = mapping.files_folder()
    paths = sorted(Path(path) for path, _ in present(folder, pattern))
    if not paths:
        state = "does not exist" if not folder.is_dir() else f"holds no file '{pattern}'"
        raise FileProblem(
            f"source '{mapping.source}', {entity}",
            f"the folder {folder} {state}",
            "have the files put there, or correct the pattern",
        )
    return paths if take == "all" else paths[-1:]


def present(folder: Path, pattern: str) -> Iterator[tuple[str, Stamp]]:
    """Each file that a pattern names, in no order, with what changes whenever its content does.

    As ``Path.glob`` finds them, at a quarter of its cost: this is asked before every handful of
    messages.
    """
    above, _, name = pattern.rpartition("/")
    if re.search(r"[*?\[]", above) or "**" in name:
        found: Iterable[os.DirEntry[str] | Path] = folder.glob(pattern)
    else:
        named = re.compile(translate(name)).fullmatch
        try:
            found = [one for one in os.scandir(folder / above) if named(one.name)]
        except OSError:
            found = []
    for one in found:
        try:
            if one.is_file():
                yield os.fspath(one), _stamp(one.stat())
        except OSError:  # gone since it was listed
            continue


@contextmanager
def unchanged(mapping: SourceMapping, entity: str, path: Path) -> Iterator[Stamp]:
    """Refuse a file that is written, or taken away, while it is read.

    Raises:
        FileProblem: it changed.
    """
    before = _stamp_now(path)
    yield before or _NO_STAMP
    if before is None or _stamp_now(path) != before:
        raise FileProblem(
            f"source '{mapping.source}', {entity}",
            f"file '{path.name}' changed while it was read",
            AGAIN,
        )


def _stamp_now(path: Path) -> Stamp | None:
    try:
        return _stamp(path.stat())
    except OSError:
        return None


def _stamp(found: os.stat_result) -> Stamp:
    # The time of the last change of its entry, too: a copy may keep the time of its original.
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
