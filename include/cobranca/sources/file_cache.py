"""A cache of the files of sources, kept open from one pre-send check to the next.

A caller that asks the same sources again and again, seconds apart, would read every file every
time. Here a listing of the files shows whether anything was added, changed or taken away since;
only then are they read, and of return files only the new ones.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field

from cobranca.sources.bank_returns.payments import ReturnFileCache
from cobranca.sources.drivers.file_listing import Stamp, present
from cobranca.sources.mapping.model import ENTITY_NAMES, SourceMapping
from cobranca.sources.open_files import SourceFiles, open_files
from cobranca.sources.source_problem import FileProblem


@dataclass
class _Opened:
    """How a source's files stood, and what came of reading them."""

    mapping: SourceMapping
    stood: dict[str, Stamp]
    found: SourceFiles | FileProblem
    closing: ExitStack = field(default_factory=ExitStack)


class FileCache:
    """The files of any number of sources; :meth:`close` forgets them. Meant for one thread."""

    def __init__(self) -> None:
        self._opened: dict[str, _Opened] = {}
        self._parsed: dict[str, ReturnFileCache] = {}

    def open(self, mapping: SourceMapping) -> SourceFiles:
        """A source's files as they are now.

        What it returned before for that source may be closed by this.

        Raises:
            FileProblem: a file is missing or cannot be believed; the same again for as long as
                nothing has changed.
            ConfigError: the folder or the meaning of bank codes is not defined.
        """
        stands = _stands(mapping)
        opened = self._opened.get(mapping.source)
        if opened is None or (opened.mapping, opened.stood) != (mapping, stands):
            self._forget(mapping.source)
            opened = self._opened[mapping.source] = self._read(mapping, stands)
        if isinstance(opened.found, FileProblem):
            raise opened.found.with_traceback(None)
        return opened.found

    def close(self) -> None:
        for source in list(self._opened):
            self._forget(source)
        self._parsed.clear()

    def _read(self, mapping: SourceMapping, stands: dict[str, Stamp]) -> _Opened:
        parsed = self._parsed.setdefault(mapping.source, ReturnFileCache())
        with ExitStack() as stack:
            found: SourceFiles | FileProblem
            try:
                found = stack.enter_context(open_files(mapping, parsed))
            except FileProblem as problem:
                found = problem
            return _Opened(mapping, stands, found, stack.pop_all())

    def _forget(self, source: str) -> None:
        if opened := self._opened.pop(source, None):
            opened.closing.close()


def _stands(mapping: SourceMapping) -> dict[str, Stamp]:
    """Listed before anything is read: what changes meanwhile differs the next time."""
    entities = [mapping.entity(name) for name in ENTITY_NAMES]
    cnab = mapping.entities.payments.cnab
    patterns = [entity.files for entity in entities if entity.files] + [one.files for one in cnab]
    folder, codes = mapping.files_folder(), {mapping.codes_file(one) for one in cnab}
    listed = [present(folder, pattern) for pattern in patterns] + [
        present(path.parent, path.name) for path in codes
    ]
    return {path: stamp for files in listed for path, stamp in files}
