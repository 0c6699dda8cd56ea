"""The rules of the package's layout: names without doubles, sizes, and a test for each module."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from cobranca.settings import PROJECT_ROOT
from distribution import ALONE, LONGEST, READS_NIGHTS_OF, TOGETHER

PACKAGE = PROJECT_ROOT / "include" / "cobranca"
TESTS = PROJECT_ROOT / "tests"
LONGEST_FILE, LONGEST_CLASS, MOST_PARAMETERS = 450, 250, 6
# A shorter module may be tested with the one that uses it.
SHORT_MODULE = 60
MODULES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if "migrations" not in path.parts and path.stem not in ("__init__", "__main__")
)
# Modules without a test file of their own name: the file that tests them, and the module through
# which it does so: the module itself, or the one that uses it.
TESTED_ELSEWHERE: dict[str, tuple[str, str]] = {
    "cli": ("tests/nights/installation.py", "cli"),
    "demo/agent_answers": ("tests/privacy/test_erase.py", "demo/agent_answers"),
    "demo/history_tables": ("tests/demo/test_settlements.py", "demo/history_tables"),
    "demo/sales": ("tests/demo/test_fill_sources.py", "demo/company_history"),
    "events/twilio_events": ("tests/events/test_web.py", "events/web"),
    "explain/night_rows": ("tests/explain/test_narrate.py", "explain/narrate"),
    "landing/control_totals": ("tests/landing/test_incremental.py", "landing/merge_changes"),
    "landing/full_read": ("tests/landing/test_incremental.py", "landing/incremental"),
    "local/airflow_api": ("tests/local/test_demo.py", "local/airflow_api"),
    "local/server_user": ("tests/local/test_postgres.py", "local/postgres"),
    "local/summary": ("tests/local/test_demo.py", "local/demo"),
    "local/workspace": ("tests/local/test_demo.py", "local/demo"),
    "partitions/erasure_lock": ("tests/privacy/test_erase.py", "partitions/erasure_lock"),
    "partitions/landing_totals": (
        "tests/sources/test_schema_drift.py",
        "partitions/landing_totals",
    ),
    "partitions/manifest": ("tests/test_manifest.py", "partitions/manifest"),
    "partitions/month_history": ("tests/privacy/test_retention.py", "partitions/month_history"),
    "partitions/outbound_partition": (
        "tests/reminders/plan/test_counts.py",
        "partitions/outbound_partition",
    ),
    "partitions/verdict": ("tests/quality/suites/test_arrivals_suite.py", "partitions/verdict"),
    "policy/types": ("tests/test_labels.py", "policy/types"),
    "privacy/amended_batches": ("tests/privacy/test_erase.py", "cli"),
    "privacy/erase_landings": ("tests/privacy/test_erase.py", "privacy/erase"),
    "privacy/erase_outbound": ("tests/privacy/test_erase.py", "privacy/erase"),
    "privacy/erasure_record": ("tests/privacy/test_erase.py", "privacy/erase"),
    "privacy/held_data": ("tests/privacy/test_export.py", "privacy/export"),
    "privacy/payer_traces": ("tests/privacy/test_returned_workbooks.py", "privacy/payer_traces"),
    "quality/arrival_checks": ("tests/sources/test_schema_drift.py", "quality/arrival_checks"),
    "quality/batch_checks": ("tests/quality/suites/test_arrivals_suite.py", "quality"),
    "quality/duckdb_dialect": ("tests/quality/test_quality_page.py", "quality/facts"),
    "quality/expectations": ("tests/quality/test_quality_page.py", "quality/facts"),
    "quality/facts": ("tests/quality/test_quality_page.py", "quality/facts"),
    "quality/gate": ("tests/quality/suites/test_arrivals_suite.py", "quality"),
    "quality/runner": ("tests/quality/test_quality_page.py", "quality/facts"),
    "quality/suites/call_checks": ("tests/quality/suites/test_arrivals_suite.py", "quality"),
    "quality/suites/case_checks": ("tests/quality/suites/test_arrivals_suite.py", "quality"),
    "quality/suites/contacted_checks": ("tests/quality/suites/test_arrivals_suite.py", "quality"),
    "quality/suites/reminder_checks": ("tests/quality/suites/test_arrivals_suite.py", "quality"),
    "queues/guide_sheets": ("tests/queues/test_write_queues.py", "queues/write_queues"),
    "queues/queue_columns": ("tests/queues/test_write_queues.py", "queues/queue_columns"),
    "queues/queue_workbook": ("tests/queues/test_write_queues.py", "queues/write_queues"),
    "queues/scripts": ("tests/queues/test_write_queues.py", "queues/write_queues"),
    "queues/workbook_formats": ("tests/queues/test_write_queues.py", "queues/write_queues"),
    "reminders/channels/protocol": (
        "tests/reminders/channels/test_twilio.py",
        "reminders/channels/twilio",
    ),
    "reminders/delivery/sender_context": (
        "tests/reminders/delivery/test_sender.py",
        "reminders/delivery/sender",
    ),
    "reports/charts": ("tests/reports/test_backtest.py", "reports/backtest"),
    "reports/figures": ("tests/reports/test_write_reports.py", "reports/figures"),
    "reports/indicators": ("tests/reports/test_write_reports.py", "reports/report_workbook"),
    "reports/page_parts": ("tests/warehouse/test_ranking_policy.py", "reports/report_page"),
    "reports/page_sections": ("tests/warehouse/test_ranking_policy.py", "reports/report_page"),
    "reports/plot_drawing": ("tests/reports/test_backtest.py", "reports/backtest"),
    "reports/report_page": ("tests/reports/test_write_reports.py", "reports/write_reports"),
    "reports/report_rows": ("tests/reports/test_backtest.py", "reports/backtest"),
    "reports/report_tables": ("tests/reports/test_write_reports.py", "reports/report_tables"),
    "reports/report_workbook": ("tests/reports/test_write_reports.py", "reports/report_workbook"),
    "reports/table_rows": ("tests/reports/test_write_reports.py", "reports/table_rows"),
    "schema": ("tests/sources/cleaning/test_cleaner.py", "schema"),
    "simulation/compare": ("tests/decisions/test_simulate.py", "simulation/compare"),
    "simulation/decision_path": ("tests/decisions/test_simulate.py", "simulation/decision_path"),
    "simulation/replay": ("tests/decisions/test_simulate.py", "simulation/compare"),
    "simulation/report": ("tests/decisions/test_simulate.py", "simulation/report"),
    "sources/bank_returns/payments": (
        "tests/sources/bank_returns/test_merged_snapshot.py",
        "sources/bank_returns/payments",
    ),
    "sources/cleaning/columns": (
        "tests/sources/cleaning/test_cleaner.py",
        "sources/cleaning/columns",
    ),
    "sources/cleaning/control_groups": (
        "tests/sources/cleaning/test_cleaner.py",
        "sources/cleaning/cleaner",
    ),
    "sources/cleaning/values": (
        "tests/sources/cleaning/test_cleaner.py",
        "sources/cleaning/cleaner",
    ),
    "sources/drivers/arrow_columns": (
        "tests/sources/drivers/test_arrow_reader.py",
        "sources/drivers/arrow_columns",
    ),
    "sources/drivers/arrow_postgresql": (
        "tests/sources/drivers/test_arrow_reader.py",
        "sources/drivers/arrow_postgresql",
    ),
    "sources/drivers/database_errors": (
        "tests/sources/drivers/test_dialects.py",
        "sources/drivers/database_errors",
    ),
    "sources/drivers/dialect_errors": (
        "tests/sources/drivers/test_dialects.py",
        "sources/drivers/database_errors",
    ),
    "sources/drivers/file_listing": (
        "tests/sources/drivers/test_files.py",
        "sources/drivers/file_listing",
    ),
    "sources/drivers/stream": ("tests/sources/cleaning/test_version.py", "sources/drivers/stream"),
    "sources/file_cache": ("tests/sources/drivers/test_files.py", "sources/file_cache"),
    "sources/mapping/model": (
        "tests/sources/bank_returns/test_merged_snapshot.py",
        "sources/mapping/model",
    ),
    "sources/open_files": ("tests/sources/drivers/test_dialects.py", "sources/open_snapshot"),
    "sources/point_lookup": ("tests/sources/test_current_state.py", "sources/current_state"),
    "validation/documents": ("tests/policy/test_config_file.py", "policy"),
    "warehouse/dbt": ("tests/warehouse/test_engines.py", "warehouse/dbt"),
}


def name_of(path: Path) -> str:
    """``sources/drivers/files`` for a module of the package."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_no_two_modules_have_the_same_file_name():
    stems = Counter(path.stem for path in MODULES)
    assert [stem for stem, count in stems.items() if count > 1] == []


def test_no_two_public_classes_have_the_same_name():
    places = defaultdict(list)
    for path in MODULES:
        for node in nodes(path):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name_of(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_larger_than_a_reader_can_hold(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    too_large = []
    for node in nodes(path):
        if isinstance(node, ast.ClassDef) and size(node) > LONGEST_CLASS:
            too_large.append(f"class {node.name}: {size(node)} lines")
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if is_function and parameters(node) > MOST_PARAMETERS:
            too_large.append(f"{node.name}: {parameters(node)} parameters")
    assert too_large == []


def size(node: ast.ClassDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Parameters that a caller gives, an instance or a class not counted."""
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in given)


def test_every_module_is_tested_in_the_file_of_its_name_or_where_the_table_says():
    missing = {
        name_of(path)
        for path in MODULES
        if len(path.read_text(encoding="utf-8").splitlines()) > SHORT_MODULE
        and not (TESTS / path.relative_to(PACKAGE).parent / f"test_{path.stem}.py").exists()
    }
    assert missing - TESTED_ELSEWHERE.keys() == set(), "add the test, or a line of the table"
    assert TESTED_ELSEWHERE.keys() - missing == set(), "the table names what needs no exception"


@pytest.mark.parametrize(("module", "where"), TESTED_ELSEWHERE.items(), ids=TESTED_ELSEWHERE)
def test_what_is_tested_elsewhere_is_tested_there(module, where):
    """The file imports the module, or the one that uses it."""
    place, through = where
    assert through in imports(PROJECT_ROOT / place)
    if through != module and module not in reachable(through):
        started = (PACKAGE / f"{through}.py").read_text(encoding="utf-8")
        assert f"cobranca.{module.replace('/', '.')}" in started, "nor does it start it by name"


def imports(path: Path) -> set[str]:
    """Modules and packages of ours that a file imports, as ``sources/drivers/files``."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cobranca"):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name.removeprefix("cobranca.").replace(".", "/") for name in found if name}


def reachable(module: str) -> set[str]:
    """The modules that a module or a package imports, and those that they import."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        for path in (PACKAGE / f"{name}.py", PACKAGE / name / "__init__.py"):
            new = (imports(path) if path.exists() else set()) - found
            found |= new
            waiting += new
    return found


def test_the_longest_tests_are_named_as_they_are():
    for unit in (*LONGEST, *TOGETHER, *ALONE, *READS_NIGHTS_OF):
        assert (PROJECT_ROOT / unit).exists(), f"tests/distribution.py names {unit}"
