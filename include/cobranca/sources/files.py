"""A folder of CSV or Parquet files behind the same interface as a database.

Every file is read once, whole, into a private throw-away DuckDB, one table for each entity; the source's queries run
there, cut off from every other file. A file that is half written, ragged, wrongly encoded or changed while it is read is
refused whole, with its name and line and without a word of its content.

Nothing is guessed: the source's file says how the CSV is written. All its columns are text, so leading zeros stay; money
is read exactly, by the decimal sign that was named, on its way out.
"""

import csv
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from cobranca import schema
from cobranca.sources.clean import NoNumber
from cobranca.sources.engine import CHUNK_ROWS, LARGEST_VALUE, Stream
from cobranca.sources.mapping import ENTITY_NAMES, FILE_COLUMNS, Csv, EntityMapping, SourceMapping
from cobranca.sources.problem import FileProblem, SourceProblem

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from cobranca.sources.returns import Parsed, Returns

# Size, times of the last change of content and of the entry, and number of a file.
Stamp = tuple[int, int, int, int]
MEMORY = "512MB"
AGAIN = "have it written again, whole, then run this step again; nothing of this source was landed"
# What is handed on for text that the named decimal sign does not explain: cleaning calls it unreadable.
_UNREADABLE = NoNumber("?")
# At most as many digits as DuckDB adds exactly. Both Python and DuckDB understand these.
_NUMBERS = {
    ",": r"([-+]?)\s*(?:R\$)?\s*([-+]?)\s*(\d{1,3}(?:\.\d{3}){1,5}|\d{1,18})(?:,(\d{0,18}))?",
    ".": r"([-+]?)\s*(?:R\$)?\s*([-+]?)\s*(\d{1,3}(?:,\d{3}){1,5}|\d{1,18})(?:\.(\d{0,18}))?",
}


class FilesSnapshot:
    """The files of one source as they were when it was opened; the methods are those of ``engine.Snapshot``."""

    engine = "files"
    moment = "each file read once, unchanged meanwhile"

    def __init__(self, mapping: SourceMapping, database: "duckdb.DuckDBPyConnection | None", returns: "Returns"):
        self._mapping, self._database, self.returns = mapping, database, returns

    def stream(self, entity: str, query: str) -> Stream:
        """Run a query on the tables of the files.

        Raises:
            SourceProblem: the query does not fit the files, or a row cannot be computed.
        """
        cursor = self._attempt(entity, lambda: self._database.cursor().execute(query))
        columns = tuple(item[0].lower() for item in cursor.description)
        return Stream(columns, self._chunks(entity, cursor, columns))

    bulk = stream

    def rows(self, entity: str, query: str) -> list[Sequence]:
        return self._attempt(entity, lambda: self._database.cursor().execute(query).fetchall())

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield

    def first_rows(self, query: str, limit: int) -> str:
        return f"select * from (\n{query}\n) q limit {limit}"

    def columns(self, entity: str, query: str) -> dict[str, str]:
        """The query's columns with their broad type; that of CSV is empty, since all of it is text."""
        kinds = self.rows(entity, f"select column_name, column_type from (describe (\n{query}\n))")
        return {name: "" if self._mapping.entity(entity).csv else _broad_type(kind) for name, kind in kinds}

    def only(self, query: str, columns: Sequence[str]) -> str:
        quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
        return f"select {quoted} from (\n{query}\n) q"

    def totals(
        self, entity: str, query: str, by: Sequence[str] = (), amounts: Sequence[str] = ()
    ) -> list[tuple[tuple, int, list[Decimal | float | None]]]:
        """As of ``engine.Snapshot``, counted and added by DuckDB from the text of the files: no value passes the cleaning."""
        kinds = dict(self.rows(entity, f"select lower(column_name), column_type from (describe (\n{query}\n))"))
        # Text is added up here and read one by one on its way out, by different means.
        if amounts and kinds.get("amount") == "VARCHAR":
            query = f"select * replace ({self._added('amount', entity)} as amount) from (\n{query}\n) q"
        columns = [*by, "count(*)", *(f"sum({amount})" for amount in amounts)]
        grouped = f" group by {', '.join(by)}" if by else ""
        found = []
        for row in self.rows(entity, f"select {', '.join(columns)} from (\n{query}\n) q{grouped}"):
            sums = [Decimal(total) if isinstance(total, int) else total for total in row[len(by) + 1 :]]
            found.append((tuple(row[: len(by)]), row[len(by)], sums))
        return found

    def _added(self, column: str, entity: str) -> str:
        """SQL of a column of text as exact numbers; what is none is null, and part of no sum."""
        sign = self._csv(entity).decimal
        thousands = "." if sign == "," else ","
        text = f"trim(replace({column}, chr(160), ' '))"
        digits = f"replace(replace(regexp_replace({text}, 'R[$]|\\s', '', 'g'), '{thousands}', ''), '{sign}', '.')"
        return f"case when regexp_full_match({text}, '{_NUMBERS[sign]}') then try_cast({digits} as decimal(38, 18)) end"

    def where_in(
        self, entity: str, query: str, column: str, values: Sequence[str | int], *, as_stored: bool = False
    ) -> Iterator[Sequence[Sequence]]:
        """Chunks of the query's rows whose ``column`` is one of ``values``; text is compared without padding.

        Files have no index that keys ``as_stored`` could use.
        """
        wanted = f"select * from (\n{query}\n) q where trim(cast({column} as varchar)) in (select unnest(?))"
        texts = [str(value) for value in values]
        cursor = self._attempt(entity, lambda: self._database.cursor().execute(wanted, [texts]))
        return self._chunks(entity, cursor, tuple(item[0].lower() for item in cursor.description))

    def _csv(self, entity: str) -> Csv:
        return self._mapping.entity(entity).csv or Csv()

    def _chunks(self, entity: str, cursor: "duckdb.DuckDBPyConnection", columns: Sequence[str]) -> Iterator[Sequence[Sequence]]:
        read = _readers(entity, columns, self._csv(entity)) if self._mapping.entity(entity).csv else {}
        while rows := self._attempt(entity, lambda: cursor.fetchmany(CHUNK_ROWS)):
            self._refuse_giants(entity, columns, rows)
            yield [[read[at](value) if at in read else value for at, value in enumerate(row)] for row in rows] if read else rows

    def _refuse_giants(self, entity: str, columns: Sequence[str], rows: Sequence[Sequence]) -> None:
        for name, values in zip(columns, zip(*rows, strict=True), strict=True):
            if any(isinstance(value, (str, bytes)) and len(value) > LARGEST_VALUE for value in values):
                raise SourceProblem(
                    f"source '{self._mapping.source}', {entity}",
                    f"column '{name}' holds a value of more than {LARGEST_VALUE:,} characters",
                    "have the export leave it out",
                )

    def _attempt(self, entity: str, work: Callable):
        import duckdb

        try:
            return work()
        except duckdb.Error as error:
            problem = _plain(error)
        where = f"source '{self._mapping.source}', {entity}"
        if problem is None:
            raise SourceProblem(where, "the query could not compute a row of the files", "make the query tolerate it (try_cast)")
        raise SourceProblem(
            where,
            f"the query does not fit the files ({problem})",
            f"correct the query in the file of source '{self._mapping.source}'",
        )


@contextmanager
def open_files(mapping: SourceMapping, parsed: "Parsed | None" = None) -> Iterator[FilesSnapshot]:
    """Read every file of a source; return files that are in ``parsed`` and have not changed since are not read again.

    Raises:
        FileProblem: a file is missing or cannot be believed; it is named, with the line where there is one.
        ConfigError: the folder or the meaning of bank codes is not defined.
    """
    import duckdb

    from cobranca.sources.returns import read_returns

    returns = read_returns(mapping, parsed)
    if all(mapping.entity(entity).from_database for entity in ENTITY_NAMES):
        # Its return files are all there is of files.
        yield FilesSnapshot(mapping, None, returns)
        return
    with tempfile.TemporaryDirectory(prefix="cobranca-files-") as scratch:
        database = duckdb.connect(
            f"{scratch}/files.duckdb",
            config={
                "memory_limit": MEMORY,
                "threads": 2,
                "temp_directory": f"{scratch}/spill",
                "autoinstall_known_extensions": "false",
            },
        )
        try:
            database.execute("set enable_progress_bar = false")
            for entity in ENTITY_NAMES:
                wanted = mapping.entity(entity)
                if wanted.files:
                    _load(database, mapping, entity, wanted)
            _load_returns(database, mapping, returns)
            # From here on a query sees these tables and nothing else of this machine.
            database.execute("set enable_external_access = false")
            database.execute("set lock_configuration = true")
            # Open, it needs no name; without one nothing of it is left behind by a process that is killed.
            database.execute("checkpoint")
            os.unlink(f"{scratch}/files.duckdb")
            yield FilesSnapshot(mapping, database, returns)
        finally:
            database.close()


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

    As ``Path.glob`` finds them, at a quarter of its cost: this is asked before every handful of messages.
    """
    above, _, name = pattern.rpartition("/")
    if re.search(r"[*?\[]", above) or "**" in name:
        found = ((str(path), path.is_file, path.stat) for path in folder.glob(pattern))
    else:
        named = re.compile(translate(name)).fullmatch
        try:
            found = [(one.path, one.is_file, one.stat) for one in os.scandir(folder / above) if named(one.name)]
        except OSError:
            found = []
    for path, is_file, stat in found:
        try:
            if is_file():
                yield path, _stamp(stat())
        except OSError:  # gone since it was listed
            continue


@contextmanager
def unchanged(mapping: SourceMapping, entity: str, path: Path) -> Iterator[Stamp]:
    """Refuse a file that somebody writes, or takes away, while it is read.

    Raises:
        FileProblem: it changed.
    """
    before = _stamp_now(path)
    yield before
    if before is None or _stamp_now(path) != before:
        raise FileProblem(f"source '{mapping.source}', {entity}", f"file '{path.name}' changed while it was read", AGAIN)


def _stamp_now(path: Path) -> Stamp | None:
    try:
        return _stamp(path.stat())
    except OSError:
        return None


def _stamp(found: os.stat_result) -> Stamp:
    # The time of the last change of its entry, too: a copy may keep the time of its original.
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _load(database: "duckdb.DuckDBPyConnection", mapping: SourceMapping, entity: str, wanted: EntityMapping) -> None:
    first: list[str] | None = None
    for path in matching(mapping, entity, wanted.files, wanted.take):
        with unchanged(mapping, entity, path):
            if path.suffix.lower() == ".parquet":
                columns = _load_parquet(database, mapping, entity, path, first)
            else:
                columns = _load_csv(database, mapping, entity, path, wanted.csv or Csv(), first)
        first = first or columns


def _load_parquet(
    database: "duckdb.DuckDBPyConnection", mapping: SourceMapping, entity: str, path: Path, first: list[str] | None
) -> list[str]:
    import duckdb

    told = f"'{_quoted(path.name)}' as file_name, row_number() over () as file_line"
    query = f"select *, {told} from read_parquet('{_quoted(str(path))}')"
    try:
        if first is None:
            database.execute(f"create table {entity} as {query}")
        else:
            database.execute(f"insert into {entity} by name {query}")
        return [row[0] for row in database.execute(f"describe {entity}").fetchall()]
    except duckdb.Error:
        pass
    raise _refused(
        mapping, entity, path, "is no readable Parquet file like the others: damaged, half written or of other columns"
    )


def _load_csv(
    database: "duckdb.DuckDBPyConnection", mapping: SourceMapping, entity: str, path: Path, how: Csv, first: list[str] | None
) -> list[str]:
    header: list[str] = []
    problem = None
    try:
        for header, chunk in _csv_tables(path, how):
            if first is not None and sorted(map(str.lower, header)) != sorted(map(str.lower, first)):
                raise _BadLine(1, "the header differs from that of the file before it")
            database.register("chunk", chunk)
            if first is None:
                database.execute(f"create table {entity} as select * from chunk")
                first = header
            else:
                database.execute(f"insert into {entity} by name select * from chunk")
            database.unregister("chunk")
        return header
    except _BadLine as error:
        problem = f"line {error.line}: {error.problem}"
    except UnicodeDecodeError:
        problem = f"line {_undecodable_line(path, how.encoding)}: it is not written in {how.encoding}"
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    raise _refused(mapping, entity, path, problem)


def _refused(mapping: SourceMapping, entity: str, path: Path, problem: str) -> FileProblem:
    return FileProblem(f"source '{mapping.source}', {entity}", f"file '{path.name}', {problem}", AGAIN)


class _BadLine(Exception):
    """A line that makes its file unbelievable; the text holds nothing of it."""

    def __init__(self, line: int, problem: str):
        super().__init__(problem)
        self.line, self.problem = line, problem


def _csv_tables(path: Path, how: Csv) -> Iterator[tuple[list[str], "pa.Table"]]:
    """Header and rows of one file, chunk by chunk; at least one chunk, which may be empty."""
    encoding = "utf-8-sig" if how.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else how.encoding
    _check_ended(path, how)
    csv.field_size_limit(LARGEST_VALUE)
    with path.open(encoding=encoding, newline="") as handle:
        reader = csv.reader(_without_zeros(handle), delimiter=how.delimiter, quotechar=how.quote, strict=True)
        records = _records(reader)
        header = list(how.columns) or _header(next(records, None))
        rows: list[list] = []
        sent = False
        for line, record in records:
            if len(record) != len(header):
                raise _BadLine(line, f"it has {len(record)} fields instead of {len(header)}")
            record.append(line)
            rows.append(record)
            if len(rows) == CHUNK_ROWS:
                yield header, _table(header, rows, path)
                rows, sent = [], True
        if rows or not sent:
            yield header, _table(header, rows, path)


def _check_ended(path: Path, how: Csv) -> None:
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        if size == 0:
            raise _BadLine(1, "the file is empty")
        handle.seek(max(0, size - 4))
        end = handle.read()
    # UTF-16 writes a zero byte beside each line end.
    if how.final_newline and not end.rstrip(b"\0").endswith((b"\n", b"\r")):
        raise _BadLine(_lines_of(path), "it is not ended: the file is half written (or set final_newline: false)")


def _lines_of(path: Path) -> int:
    with path.open("rb") as handle:
        return sum(1 for _ in handle)


def _without_zeros(handle: TextIO) -> Iterator[str]:
    for number, line in enumerate(handle, start=1):
        if "\0" in line:
            raise _BadLine(number, "it holds zero bytes: the file is half written, or not in the encoding that was named")
        yield line


def _records(reader) -> Iterator[tuple[int, list[str]]]:
    """Records with the line on which each ends. Empty lines may only stand at the end."""
    empty = None
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # The csv module's texts speak of quotes, delimiters and limits, never of what stands there.
            raise _BadLine(max(1, reader.line_num), f"it is no well-formed CSV ({error})") from None
        if not record:
            empty = empty or reader.line_num
        elif empty is not None:
            raise _BadLine(empty, "it is empty, and more follows")
        else:
            yield reader.line_num, record


def _header(first: tuple[int, list[str]] | None) -> list[str]:
    if first is None:
        raise _BadLine(1, "there is no header")
    names = [name.strip() for name in first[1]]
    for position, name in enumerate(names, start=1):
        if not name:
            raise _BadLine(first[0], f"column {position} of the header has no name")
        if name.lower() in [other.lower() for other in names[: position - 1]] or name.lower() in FILE_COLUMNS:
            raise _BadLine(first[0], f"column {position} of the header has a name that another column has already")
    return names


def _table(header: list[str], rows: list[list], path: Path) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = list(zip(*rows, strict=True)) or [()] * (len(header) + 1)
    arrays = []
    for values in columns[:-1]:
        array = pa.array(values, pa.string())
        arrays.append(pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array))
    names = [*header, *FILE_COLUMNS]
    told = [pa.repeat(path.name, len(rows)).cast(pa.string()), pa.array(columns[-1], pa.int64())]
    return pa.Table.from_arrays([*arrays, *told], names=names)


def _undecodable_line(path: Path, encoding: str) -> int:
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                return number
    return 1


def _load_returns(database: "duckdb.DuckDBPyConnection", mapping: SourceMapping, returns: "Returns") -> None:
    """Bank return files as a table, where they are all that is known of payments."""
    from cobranca.sources.returns import as_table

    wanted = mapping.entities.payments
    if wanted.cnab and not wanted.from_database:
        database.register("found", as_table(returns.all, in_cents="amount" in wanted.cents))
        database.execute("create table return_files as select * from found")
        database.unregister("found")


def _readers(entity: str, columns: Sequence[str], how: Csv) -> dict[int, Callable]:
    """Position → how the text of that column is read: money and rates by the decimal sign, dates by their pattern."""
    number = lru_cache(maxsize=4096)(lambda text: _number(text, how.decimal))
    moment = lru_cache(maxsize=65_536)(lambda text: _date(text, how.date_format))
    found: dict[int, Callable] = {}
    for position, name in enumerate(columns):
        kind = schema.ENTITIES[entity].field(name).type if name in schema.ENTITIES[entity].names else None
        if kind in (schema.MONEY, schema.RATE):
            found[position] = lambda value: number(value) if isinstance(value, str) else value
        elif kind in (schema.DATE, schema.TIME) and how.date_format:
            found[position] = lambda value: moment(value) if isinstance(value, str) else value
    return found


def _number(text: str, sign: str) -> Decimal | str | None:
    text = text.replace("\u00a0", " ").strip()
    if not text:
        return None
    match = re.fullmatch(_NUMBERS[sign], text)
    if match is None or (match[1] and match[2]):
        # NaN and infinity keep their own reason.
        return text if text.lower().lstrip("+-") in ("nan", "inf", "infinity") else _UNREADABLE
    minus = "-" if "-" in (match[1], match[2]) else ""
    return Decimal(f"{minus}{re.sub('[.,]', '', match[3])}.{match[4] or '0'}")


def _date(text: str, pattern: str) -> date | datetime | str:
    text = text.strip()
    for tried in (pattern, f"{pattern} %H:%M:%S", f"{pattern} %H:%M"):
        try:
            found = datetime.strptime(text, tried)
        except ValueError:
            continue
        return found.date() if tried == pattern and "%H" not in pattern else found
    return text


def _plain(error: Exception) -> str | None:
    """DuckDB's text where it can only speak of the query; its hints could name columns of a file without a header."""
    import duckdb

    if not isinstance(
        error, (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.PermissionException)
    ):
        return None
    text = str(error).partition("\n")[0].partition("Candidate")[0].partition("Did you mean")[0]
    return text.strip().rstrip("!.:")


def _broad_type(kind: str) -> str:
    if kind.startswith(("DECIMAL", "DOUBLE", "FLOAT", "HUGEINT")) or kind.endswith("INT") or kind == "INTEGER":
        return "number"
    if kind.startswith(("DATE", "TIMESTAMP")):
        return "date"
    return {"BOOLEAN": "flag", "BLOB": "bytes"}.get(kind, "text")


def _quoted(text: str) -> str:
    return text.replace("'", "''")
