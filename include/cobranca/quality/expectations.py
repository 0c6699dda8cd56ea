"""The project's own kinds of expectation: named classes that measure with one SQL statement and read back numbers only.

Imports Great Expectations, so import this module only inside functions.
"""

import re
from datetime import date
from decimal import Decimal
from string import Template
from typing import ClassVar

import great_expectations.expectations as gxe

from cobranca.money import format_number


class Measured(gxe.UnexpectedRowsExpectation):
    """A check whose SQL returns one row: ``offenders`` (0 passes) and the figures that ``observed`` shows.

    Subclasses give the plain meaning (``title``), what should be seen (``expected``) and how to see it (``measure``),
    all with ``$parameters``. Great Expectations puts the table in place of ``{batch}`` and, unless the statement holds
    the word ``join``, gives it an alias of its own: name it (``{batch} as reminder``) in joins, and only there.
    """

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)
    title: ClassVar[str] = ""
    expected: ClassVar[str] = ""
    observed: ClassVar[str] = "$lines"
    measure: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def on(cls, table: str, *, subject: str = "", severity: str = "critical", needs: tuple = (), **values) -> "Measured":
        """The check of one table; ``values`` fill the ``$parameters`` of the SQL and of the texts.

        ``needs`` names the other tables that the SQL reads, where the class cannot know them.
        """
        shown = {name: for_people(value) for name, value in values.items()}
        return cls(
            unexpected_rows_query=Template(cls.sql()).substitute({name: _literal(value) for name, value in values.items()}),
            severity=severity,
            meta=described(check_name(cls), table, subject, cls.title, cls.expected, (*cls.needs, *needs), shown),
        )

    @classmethod
    def sql(cls) -> str:
        return cls.measure

    def _validate(self, metrics, runtime_configuration=None, execution_engine=None):
        (row,) = metrics["unexpected_rows_query.table"]
        offenders = row["offenders"]
        if offenders is None:
            raise ValueError("the measure gave no number")
        figures = {name: for_people(value) for name, value in row.items()} | {"lines": _lines(offenders)}
        return {"success": offenders == 0, "result": {"observed_value": Template(self.observed).substitute(figures)}}


class NoOffenders(Measured):
    """A check whose SQL (``offending``) selects the rows that break the rule; only their number leaves the database."""

    expected: ClassVar[str] = "nenhuma linha"
    offending: ClassVar[str] = ""

    @classmethod
    def sql(cls) -> str:
        return f"select count(*) as offenders from ({cls.offending}) as offending"


def described(check: str, table: str, subject: str, title: str, expected: str, needs=(), shown=None) -> dict:
    """What an expectation carries beside its rule, so that its result can be told to people."""
    shown = shown or {}
    return {
        "check": check,
        "table": table,
        "subject": subject or table,
        "title": Template(title).substitute(shown),
        "expected": Template(expected).substitute(shown),
        "needs": sorted({table, *needs}),
    }


def filled(table: str, column: str, *, subject: str = "", severity: str = "critical"):
    """No value of the column is missing."""
    meta = described("filled", table, subject, f"{column}: preenchido em todas as linhas", "nenhuma linha vazia")
    return gxe.ExpectColumnValuesToNotBeNull(column=column, severity=severity, meta=meta)


def unique(table: str, column: str, title: str, *, check: str = "unique", subject: str = "", severity: str = "critical"):
    """No value of the column occurs twice."""
    meta = described(check, table, subject, title, "nenhuma linha repetida")
    return gxe.ExpectColumnValuesToBeUnique(column=column, severity=severity, meta=meta)


def one_of(table: str, column: str, values: tuple[str, ...], title: str, *, check: str, subject: str = ""):
    """Every value of the column is one of a few."""
    meta = described(check, table, subject, title, "somente: " + ", ".join(values))
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values), severity="critical", meta=meta)


def some_rows(table: str, title: str, *, minimum: int = 1, check: str = "rows_present", subject: str = "", severity="critical"):
    """An explicit floor: an empty table passes every other expectation."""
    meta = described(check, table, subject, title, f"pelo menos {for_people(minimum)} {'linha' if minimum == 1 else 'linhas'}")
    return gxe.ExpectTableRowCountToBeBetween(min_value=minimum, severity=severity, meta=meta)


def check_name(kind: type) -> str:
    """``ExpectAmountsToAddUp`` → ``amounts_to_add_up``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__.removeprefix("Expect")).lower()


def for_people(value) -> str:
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


def _literal(value) -> str:
    return f"date '{value.isoformat()}'" if isinstance(value, date) else str(value)
