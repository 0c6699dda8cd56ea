"""The project's kinds of expectation: each measures with one SQL statement.

Only numbers leave the database. This module imports Great Expectations, so import it only inside
functions.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from string import Template
from typing import Any, ClassVar

from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.expectations.core.expect_column_values_to_be_in_set import (
    ExpectColumnValuesToBeInSet,
)
from great_expectations.expectations.core.expect_column_values_to_be_unique import (
    ExpectColumnValuesToBeUnique,
)
from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
    ExpectColumnValuesToNotBeNull,
)
from great_expectations.expectations.core.expect_table_row_count_to_be_between import (
    ExpectTableRowCountToBeBetween,
)
from great_expectations.expectations.core.unexpected_rows_expectation import (
    UnexpectedRowsExpectation,
)
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

from cobranca.money import format_number
from cobranca.schema import PRINCIPAL

__all__ = [
    "ByCreditor",
    "Expectation",
    "Measured",
    "NoOffenders",
    "filled",
    "one_of",
    "some_rows",
    "unique",
]


@dataclass(frozen=True)
class ByCreditor:
    """A value of the policy that some creditors have of their own.

    ``column`` of the statement holds a row's creditor; a landing of before there were several has
    none.
    """

    group: object
    own: Mapping[str, object]
    column: str = "landed.creditor"

    def sql(self) -> str:
        """The value that holds for a row."""
        group = _literal(self.group)
        cases = "".join(
            f" when '{creditor}' then {_literal(value)}"
            for creditor, value in self.own.items()
            if value != self.group
        )
        if not cases:
            return group
        return f"(case coalesce({self.column}, '{PRINCIPAL}'){cases} else {group} end)"


class Measured(UnexpectedRowsExpectation):
    """A check whose SQL returns one row: ``offenders`` (0 passes), and figures to show.

    Subclasses give the plain meaning (``title``), what should be seen (``expected``) and how to see
    it (``measure``), all with ``$parameters``. Great Expectations puts the table in place of
    ``{batch}`` and, unless the statement holds the word ``join``, gives it an alias of its own:
    name it (``{batch} as reminder``) in joins, and only there.
    """

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)
    title: ClassVar[str] = ""
    expected: ClassVar[str] = ""
    observed: ClassVar[str] = "$lines"
    measure: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def on(
        cls,
        table: str,
        *,
        subject: str = "",
        severity: str = "critical",
        needs: tuple[str, ...] = (),
        **values: object,
    ) -> "Measured":
        """The check of one table; ``values`` fill the ``$parameters`` of the SQL and of the texts.

        ``needs`` names the other tables that the SQL reads, where the class cannot know them.
        """
        shown = {name: for_people(value) for name, value in values.items()}
        return cls(
            unexpected_rows_query=Template(cls.sql()).substitute(
                {name: _literal(value) for name, value in values.items()}
            ),
            severity=FailureSeverity(severity),
            meta=described(
                check_name(cls),
                table,
                subject,
                Template(cls.title).substitute(shown),
                Template(cls.expected).substitute(shown),
                (*cls.needs, *needs),
            ),
        )

    @classmethod
    def sql(cls) -> str:
        """The statement, with its ``$parameters``."""
        return cls.measure

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine[Any] | None = None,
    ) -> dict[str, Any]:
        (row,) = metrics["unexpected_rows_query.table"]
        offenders = row["offenders"]
        if offenders is None:
            raise ValueError("the measure gave no number")
        figures = {name: for_people(value) for name, value in row.items()} | {
            "lines": _lines(offenders)
        }
        return {
            "success": offenders == 0,
            "result": {"observed_value": Template(self.observed).substitute(figures)},
        }


class NoOffenders(Measured):
    """A check whose SQL (``offending``) selects the rows that break the rule.

    Only their number leaves the database.
    """

    expected: ClassVar[str] = "nenhuma linha"
    offending: ClassVar[str] = ""

    @classmethod
    def sql(cls) -> str:
        return f"select count(*) as offenders from ({cls.offending}) as offending"


def described(
    check: str, table: str, subject: str, title: str, expected: str, needs: Iterable[str] = ()
) -> dict[str, Any]:
    """What an expectation carries besides its rule, so that people can read its result."""
    return {
        "check": check,
        "table": table,
        "subject": subject or table,
        "title": title,
        "expected": expected,
        "needs": sorted({table, *needs}),
    }


def filled(
    table: str, column: str, *, subject: str = "", severity: str = "critical"
) -> Expectation:
    """No value of the column is missing."""
    meta = described(
        "filled", table, subject, f"{column}: preenchido em todas as linhas", "nenhuma linha vazia"
    )
    return ExpectColumnValuesToNotBeNull(
        column=column, severity=FailureSeverity(severity), meta=meta
    )


def unique(
    table: str,
    column: str,
    title: str,
    *,
    check: str = "unique",
    subject: str = "",
    severity: str = "critical",
) -> Expectation:
    """No value of the column occurs twice."""
    meta = described(check, table, subject, title, "nenhuma linha repetida")
    return ExpectColumnValuesToBeUnique(
        column=column, severity=FailureSeverity(severity), meta=meta
    )


def one_of(
    table: str, column: str, values: tuple[str, ...], title: str, *, check: str, subject: str = ""
) -> Expectation:
    """Every value of the column is one of a few."""
    meta = described(check, table, subject, title, "somente: " + ", ".join(values))
    return ExpectColumnValuesToBeInSet(
        column=column,
        value_set=list(values),
        severity=FailureSeverity.CRITICAL,
        meta=meta,
    )


def some_rows(
    table: str,
    title: str,
    *,
    minimum: int = 1,
    check: str = "rows_present",
    subject: str = "",
    severity: str = "critical",
) -> Expectation:
    """An explicit floor: an empty table passes every other expectation."""
    meta = described(
        check,
        table,
        subject,
        title,
        f"pelo menos {for_people(minimum)} {'linha' if minimum == 1 else 'linhas'}",
    )
    return ExpectTableRowCountToBeBetween(
        min_value=minimum, severity=FailureSeverity(severity), meta=meta
    )


def check_name(kind: type) -> str:
    """``ExpectAmountsToAddUp`` → ``amounts_to_add_up``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__.removeprefix("Expect")).lower()


def for_people(value: object) -> str:
    """A figure as pt-BR text."""
    match value:
        case None:
            return "nenhum"
        case bool():
            return "sim" if value else "não"
        case int():
            return f"{value:,}".replace(",", ".")
        case Decimal():
            return format_number(value)
        case date():
            return value.strftime("%d/%m/%Y")
    return str(value)


def _lines(count: int) -> str:
    return {0: "nenhuma linha", 1: "1 linha"}.get(count, f"{for_people(count)} linhas")


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, ByCreditor):
        return value.sql()
    return f"date '{value.isoformat()}'" if isinstance(value, date) else str(value)
