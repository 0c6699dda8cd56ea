"""Run expectations over Parquet files: views in an in-memory DuckDB, checked by Great Expectations.

It reads files and not the warehouse, so that what is judged is what the next step will read, on
every engine.
"""

import logging
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cobranca.partitions.verdict import Check
from cobranca.schema import RAW
from cobranca.warehouse.engines import sql_type

if TYPE_CHECKING:
    import duckdb
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
    from great_expectations.expectations.expectation import Expectation

MEMORY_LIMIT = "1500MB"
LONGEST_MESSAGE = 200


@dataclass
class Files:
    """Parquet files as views of one in-memory database.

    ``connection`` is for figures, ``database`` for expectations.
    """

    connection: "duckdb.DuckDBPyConnection"
    database: str
    tables: frozenset[str]

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query; each query knows its own columns."""
        cursor = self.connection.execute(query)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def columns(self, table: str) -> dict[str, str]:
        """Column names and their DuckDB types."""
        return {row["column_name"]: row["column_type"] for row in self.rows(f"describe {table}")}


@contextmanager
def open_files(paths: Mapping[str, list[Path]]) -> Iterator[Files]:
    """Make one view a name; a name without an existing, readable file has no view."""
    import duckdb

    database = f":memory:gate_{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory() as spill, duckdb.connect(database) as connection:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute(f"set temp_directory = '{spill}'")
        connection.execute("set preserve_insertion_order = false")
        connection.execute("set enable_progress_bar = false")
        tables = {name for name, files in paths.items() if _view(connection, name, files)}
        yield Files(connection, database, frozenset(tables))


def run(files: Files, expectations: "Sequence[Expectation]") -> list[Check]:
    """Check every expectation; the answers keep the order of the questions.

    A check that raises, or that lacks a table, is *broken*: not passed, and not taken for bad data.
    """
    answers: dict[int, Check] = {}
    by_table: dict[str, list[int]] = {}
    for index, expectation in enumerate(expectations):
        missing = [table for table in _meta(expectation)["needs"] if table not in files.tables]
        if missing:
            answers[index] = _check(
                expectation,
                False,
                f"arquivo ausente ou ilegível: {', '.join(missing)}",
                broken=True,
            )
        else:
            by_table.setdefault(_meta(expectation)["table"], []).append(index)
    with _context(files.database) as datasource:
        for table, indexes in by_table.items():
            asked = {index: expectations[index] for index in indexes}
            answers |= _ask(datasource, table, asked)
    return [answers[index] for index in range(len(expectations))]


def _view(connection: "duckdb.DuckDBPyConnection", name: str, files: list[Path]) -> bool:
    import duckdb

    present = [str(path) for path in files if path.is_file()]
    if not present or len(present) < len(files):
        return False
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in present)
    found = f"read_parquet([{listed}], union_by_name = true)"
    try:
        names = {row[0] for row in connection.execute(f"describe from {found}").fetchall()}
        # A column that did not exist yet when a past night landed is empty.
        absent = "".join(
            f", cast(null as {sql_type(field.type)}) as {field.name}"
            for field in RAW.get(name.partition("_")[2], ())
            if field.name not in names
        )
        connection.execute(f"create view {name} as select *{absent} from {found}")
    except duckdb.Error:
        return False
    return True


@contextmanager
def _context(database: str) -> "Iterator[SQLDatasource]":
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    from cobranca.quality.duckdb_dialect import register

    register()
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        ),
    )
    datasource = context.data_sources.add_sql(
        name="files", connection_string=f"duckdb+files:///{database}"
    )
    try:
        yield datasource
    finally:
        datasource.get_engine().dispose()


def _ask(
    datasource: "SQLDatasource", table: str, asked: "dict[int, Expectation]"
) -> dict[int, Check]:
    import great_expectations as gx

    for index, expectation in asked.items():
        _meta(expectation)["index"] = index
    try:
        asset = datasource.add_table_asset(name=table, table_name=table)
        batch = asset.add_batch_definition_whole_table(table).get_batch()
        suite = gx.ExpectationSuite(name=table, expectations=list(asked.values()))
        result = batch.validate(
            suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0}
        )
    # an error here breaks the checks, and a broken check must be reported, not hidden
    except Exception as error:
        return {
            index: _check(asked[index], False, _without_values(error), broken=True)
            for index in asked
        }
    answers = {
        answer.expectation_config.meta["index"]: answer
        for answer in result.results
        if answer.expectation_config is not None
    }
    return {
        index: _answered(expectation, answers.get(index)) for index, expectation in asked.items()
    }


def _answered(expectation: "Expectation", answer: "ExpectationValidationResult | None") -> Check:
    if answer is None:
        return _check(expectation, False, "sem resposta", broken=True)
    message = _raised(answer.exception_info or {})
    if message is not None:
        return _check(expectation, False, _without_values(message), broken=True)
    return _check(expectation, bool(answer.success), _observed(answer.result))


def _check(expectation: "Expectation", passed: bool, observed: str, broken: bool = False) -> Check:
    meta = _meta(expectation)
    return Check(
        name=meta["check"],
        subject=meta["subject"],
        severity=str(getattr(expectation.severity, "value", expectation.severity)),
        passed=passed,
        observed=observed,
        expected=meta["expected"],
        broken=broken,
        title=meta["title"],
    )


def _meta(expectation: "Expectation") -> dict[str, Any]:
    """What :func:`cobranca.quality.expectations.described` gave the expectation."""
    return expectation.meta or {}


def _observed(result: Mapping[str, Any]) -> str:
    from cobranca.quality.expectations import for_people

    if "observed_value" in result:
        value = result["observed_value"]
        return value if isinstance(value, str) else f"{for_people(value)} linhas"
    offenders, rows = result.get("unexpected_count", 0), result.get("element_count", 0)
    return f"{for_people(offenders)} de {for_people(rows)} linhas" if offenders else "nenhuma linha"


def _raised(info: Mapping[str, Any]) -> str | None:
    """The message of the exception, if there was one.

    Great Expectations keeps it flat or one level down, by metric.
    """
    for entry in [info, *(value for value in info.values() if isinstance(value, Mapping))]:
        if entry.get("raised_exception"):
            return entry.get("exception_message") or "exception without a message"
    return None


def _without_values(error: object) -> str:
    """The first line of a message, without what could be data.

    That is quoted text, addresses and long numbers.
    """
    line = (
        next((line for line in str(error).splitlines() if line.strip()), "") or type(error).__name__
    )
    line = re.sub(r"'[^']*'?", "'…'", line)
    line = re.sub(r"\S*@\S*", "…", line)
    return re.sub(r"\d[\d.\-/]{6,}\d", "…", line)[:LONGEST_MESSAGE]
