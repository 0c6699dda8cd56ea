"""A folder of CSV or Parquet files behind the same interface as a database.

Every file is read once, whole, into a private throw-away DuckDB, one table for each entity; the
source's queries run there, cut off from every other file. A file that is half written, ragged,
wrongly encoded or changed while it is read is refused whole, with its name and line and without a
word of its content.

Nothing is guessed: the source's file says how the CSV is written. All its columns are text, so
leading zeros stay; money is read exactly, by the decimal sign that was named, on its way out.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca.sources.drivers.csv_files import (
    NUMBER_FORMATS,
    BadLine,
    cell_readers,
    csv_tables,
    undecodable_line,
)
from cobranca.sources.drivers.file_listing import AGAIN, matching, unchanged
from cobranca.sources.drivers.stream import (
    CHUNK_ROWS,
    LARGEST_VALUE,
    GroupTotals,
    Key,
    Row,
    Rows,
    Stream,
    T,
    group_totals,
)
from cobranca.sources.mapping.model import Csv, EntityMapping, SourceMapping
from cobranca.sources.source_problem import FileProblem, SourceProblem

if TYPE_CHECKING:
    import duckdb


class FilesSnapshot:
    """The files of one source as they were when it was opened.

    What each method owes its caller is said by
    :class:`~cobranca.sources.drivers.stream.SourceSnapshot`.
    """

    engine = "files"
    moment = "each file read once, unchanged meanwhile"

    def __init__(self, mapping: SourceMapping, database: "duckdb.DuckDBPyConnection | None"):
        self._mapping, self._opened = mapping, database

    @property
    def _database(self) -> "duckdb.DuckDBPyConnection":
        """The tables of the files. Bank return files next to a database need none."""
        assert self._opened is not None
        return self._opened

    def stream(self, entity: str, query: str) -> Stream[Rows]:
        """Run a query on the tables of the files.

        Raises:
            SourceProblem: the query does not fit the files, or a row cannot be computed.
        """
        cursor = self._attempt(entity, lambda: self._database.cursor().execute(query))
        columns = tuple(item[0].lower() for item in cursor.description)
        return Stream(columns, self._chunks(entity, cursor, columns))

    bulk = stream

    def rows(self, entity: str, query: str) -> Sequence[Row]:
        return self._attempt(entity, lambda: self._database.cursor().execute(query).fetchall())

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield

    def first_rows(self, query: str, limit: int) -> str:
        return f"select * from (\n{query}\n) q limit {limit}"

    def columns(self, entity: str, query: str) -> dict[str, str]:
        """The query's columns with their broad types; those of CSV are empty: all of it is text."""
        is_csv = self._mapping.entity(entity).csv is not None
        return {
            name: "" if is_csv else _broad_type(kind)
            for name, kind in self._described(entity, query).items()
        }

    def only(self, query: str, columns: Sequence[str]) -> str:
        quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
        return f"select {quoted} from (\n{query}\n) q"

    def totals(
        self, entity: str, query: str, by: Sequence[str] = (), amounts: Sequence[str] = ()
    ) -> list[GroupTotals]:
        """Counted and added by DuckDB from the text of the files: no value passes the cleaning."""
        kinds = {name.lower(): kind for name, kind in self._described(entity, query).items()}
        # Text is added up here and read one by one on its way out, by different means.
        if amounts and kinds.get("amount") == "VARCHAR":
            query = (
                f"select * replace ({self._added('amount', entity)} as amount) from (\n{query}\n) q"
            )
        columns = [*by, "count(*)", *(f"sum({amount})" for amount in amounts)]
        grouped = f" group by {', '.join(by)}" if by else ""
        text = f"select {', '.join(columns)} from (\n{query}\n) q{grouped}"
        return [group_totals(row, len(by)) for row in self.rows(entity, text)]

    def part(self, query: str, columns: str, condition: str) -> str:
        return f"select {columns} from (\n{query}\n) q where {condition}"

    def day(self, day: date, sample: object) -> str:
        return f"{day:%Y%m%d}" if isinstance(sample, int) else f"'{day}'"

    def _described(self, entity: str, query: str) -> dict[str, str]:
        """The query's columns with DuckDB's types."""
        rows = self.rows(entity, f"select column_name, column_type from (describe (\n{query}\n))")
        return {str(name): str(kind) for name, kind in rows}

    def _added(self, column: str, entity: str) -> str:
        """SQL of a column of text as exact numbers; what is none is null, and part of no sum."""
        sign = self._csv(entity).decimal
        thousands = "." if sign == "," else ","
        text = f"trim(replace({column}, chr(160), ' '))"
        digits = (
            f"replace(replace(regexp_replace({text}, 'R[$]|\\s', '', 'g'), '{thousands}', "
            f"''), '{sign}', '.')"
        )
        return (
            f"case when regexp_full_match({text}, '{NUMBER_FORMATS[sign]}') then "
            f"try_cast({digits} as decimal(38, 18)) end"
        )

    def where_in(
        self,
        entity: str,
        query: str,
        column: str,
        values: Sequence[Key],
        *,
        as_stored: bool = False,
    ) -> Iterator[Rows]:
        """Chunks of the rows whose ``column`` is one of ``values``; text compares unpadded."""
        wanted = (
            f"select * from (\n{query}\n) q where trim(cast({column} as varchar)) in (select "
            "unnest(?))"
        )
        texts = [str(value) for value in values]
        cursor = self._attempt(entity, lambda: self._database.cursor().execute(wanted, [texts]))
        return self._chunks(entity, cursor, tuple(item[0].lower() for item in cursor.description))

    def _csv(self, entity: str) -> Csv:
        return self._mapping.entity(entity).csv or Csv()

    def _chunks(
        self, entity: str, cursor: "duckdb.DuckDBPyConnection", columns: Sequence[str]
    ) -> Iterator[Rows]:
        read = (
            cell_readers(entity, columns, self._csv(entity))
            if self._mapping.entity(entity).csv
            else {}
        )
        while rows := self._attempt(entity, lambda: cursor.fetchmany(CHUNK_ROWS)):
            self._refuse_giants(entity, columns, rows)
            yield (
                [
                    [read[at](value) if at in read else value for at, value in enumerate(row)]
                    for row in rows
                ]
                if read
                else rows
            )

    def _refuse_giants(self, entity: str, columns: Sequence[str], rows: Rows) -> None:
        for name, values in zip(columns, zip(*rows, strict=True), strict=True):
            if any(
                isinstance(value, (str, bytes)) and len(value) > LARGEST_VALUE for value in values
            ):
                raise SourceProblem(
                    f"source '{self._mapping.source}', {entity}",
                    f"column '{name}' holds a value of more than {LARGEST_VALUE:,} characters",
                    "have the export leave it out",
                )

    def _attempt(self, entity: str, work: Callable[[], T]) -> T:
        import duckdb

        try:
            return work()
        except duckdb.Error as error:
            problem = _plain(error)
        where = f"source '{self._mapping.source}', {entity}"
        if problem is None:
            raise SourceProblem(
                where,
                "the query could not compute a row of the files",
                "make the query tolerate it (try_cast)",
            )
        raise SourceProblem(
            where,
            f"the query does not fit the files ({problem})",
            f"correct the query in the file of source '{self._mapping.source}'",
        )


def load_table(
    database: "duckdb.DuckDBPyConnection",
    mapping: SourceMapping,
    entity: str,
    wanted: EntityMapping,
) -> None:
    """Read one entity's files into a table of its name, each once.

    Raises:
        FileProblem: a file is missing, half written, or not as the source's file describes it.
    """
    if wanted.files is None:
        return
    first: list[str] | None = None
    for path in matching(mapping, entity, wanted.files, wanted.take):
        with unchanged(mapping, entity, path):
            if path.suffix.lower() == ".parquet":
                columns = _load_parquet(database, mapping, entity, path, first)
            else:
                columns = _load_csv(database, mapping, entity, path, wanted.csv or Csv(), first)
        first = first or columns


def _load_parquet(
    database: "duckdb.DuckDBPyConnection",
    mapping: SourceMapping,
    entity: str,
    path: Path,
    first: list[str] | None,
) -> list[str]:
    import duckdb

    origin = f"'{_quoted(path.name)}' as file_name, row_number() over () as file_line"
    query = f"select *, {origin} from read_parquet('{_quoted(str(path))}')"
    try:
        if first is None:
            database.execute(f"create table {entity} as {query}")
        else:
            database.execute(f"insert into {entity} by name {query}")
        return [row[0] for row in database.execute(f"describe {entity}").fetchall()]
    except duckdb.Error:
        pass
    raise _refused(
        mapping,
        entity,
        path,
        "is no readable Parquet file like the others: damaged, half written or of other columns",
    )


def _load_csv(
    database: "duckdb.DuckDBPyConnection",
    mapping: SourceMapping,
    entity: str,
    path: Path,
    how: Csv,
    first: list[str] | None,
) -> list[str]:
    header: list[str] = []
    problem = None
    try:
        for header, chunk in csv_tables(path, how):
            if first is not None and sorted(map(str.lower, header)) != sorted(
                map(str.lower, first)
            ):
                raise BadLine(1, "the header differs from that of the file before it")
            database.register("chunk", chunk)
            if first is None:
                database.execute(f"create table {entity} as select * from chunk")
                first = header
            else:
                database.execute(f"insert into {entity} by name select * from chunk")
            database.unregister("chunk")
        return header
    except BadLine as error:
        problem = f"line {error.line}: {error.problem}"
    except UnicodeDecodeError:
        problem = (
            f"line {undecodable_line(path, how.encoding)}: it is not written in {how.encoding}"
        )
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    raise _refused(mapping, entity, path, problem)


def _refused(mapping: SourceMapping, entity: str, path: Path, problem: str) -> FileProblem:
    return FileProblem(
        f"source '{mapping.source}', {entity}", f"file '{path.name}', {problem}", AGAIN
    )


def _plain(error: Exception) -> str | None:
    """DuckDB's text where it can only speak of the query.

    Its hints are left out: they could name columns of a file without a header.
    """
    import duckdb

    if not isinstance(
        error,
        (
            duckdb.BinderException,
            duckdb.CatalogException,
            duckdb.ParserException,
            duckdb.PermissionException,
        ),
    ):
        return None
    text = str(error).partition("\n")[0].partition("Candidate")[0].partition("Did you mean")[0]
    return text.strip().rstrip("!.:")


def _broad_type(kind: str) -> str:
    if (
        kind.startswith(("DECIMAL", "DOUBLE", "FLOAT", "HUGEINT"))
        or kind.endswith("INT")
        or kind == "INTEGER"
    ):
        return "number"
    if kind.startswith(("DATE", "TIMESTAMP")):
        return "date"
    return {"BOOLEAN": "flag", "BLOB": "bytes"}.get(kind, "text")


def _quoted(text: str) -> str:
    return text.replace("'", "''")
