"""Explain what a database driver raised, without a word of its text that could quote a row.

Database drivers quote passwords, URLs and values of rows. So their texts are replaced, and only the
parts that name tables and columns are kept.
"""

from sqlalchemy.exc import DBAPIError

from cobranca.connections import Connection
from cobranca.sources.drivers import dialect_errors
from cobranca.sources.drivers.dialects import SNAPSHOT_OFF
from cobranca.sources.mapping.model import SourceMapping
from cobranca.sources.source_problem import SourceProblem


def explain_query(error: BaseException, dialect: str, mapping: SourceMapping) -> tuple[str, str]:
    """What is wrong with a query or its database, and the cure."""
    original = getattr(error, "orig", None) or error
    text = dialect_errors.plain_text(dialect, original)
    if text is not None:
        problem = f"the database refuses the query ({text})"
        if dialect_errors.is_forbidden(dialect, original):
            user = f"the user of connection '{mapping.connection}'"
            return problem, f"have {user} granted to read what the query names"
        cure = f"correct the query in the file of source '{mapping.source}'"
        if dialect_errors.is_unknown_table(dialect, original):
            cure += "; a table of another schema is written with it (schema.table)"
        return problem, cure
    if dialect_errors.is_timeout(dialect, original):
        return (
            f"a statement took longer than {mapping.statement_timeout_seconds} s",
            "make the query lighter or raise statement_timeout_seconds in the source's file",
        )
    code = dialect_errors.code_of(original) or type(original).__name__
    number = dialect_errors.number_of(original)
    if dialect == "mssql" and number == 3952:
        return SNAPSHOT_OFF
    if dialect == "oracle" and number == 1555:
        return (
            "Oracle no longer has the rows as of the landing's first moment (ORA-01555)",
            "have its administrator raise undo_retention, or land this source at a quieter hour",
        )
    if (
        isinstance(error, DBAPIError)
        and not error.connection_invalidated
        and str(code)[:2] in ("22", "23")
    ):
        return (
            f"the database could not compute a row (code {code})",
            "correct the row there, or make the query tolerate it",
        )
    return (
        f"the database failed while it was read (code {code})",
        "nothing of this source was landed; see the database's own log and run this step again",
    )


def explain_connect(
    error: BaseException, dialect: str, credentials: Connection, mapping: SourceMapping
) -> SourceProblem:
    """Why no connection came about."""
    original = getattr(error, "orig", None) or error
    variable = f"AIRFLOW_CONN_{mapping.connection_id.upper()}"
    place = (
        f"{credentials.host or 'localhost'}:{credentials.port}"
        if credentials.port
        else credentials.host or "localhost"
    )
    if credentials.conn_type == "sqlite":
        problem = (
            f"connection '{mapping.connection}' names a file that is no readable SQLite database"
        )
        cure = f"correct {variable}"
    elif dialect_errors.answered(dialect, original):
        problem = (
            f"connection '{mapping.connection}': the database server at {place} refused the "
            "login or has no such database"
        )
        cure = (
            f"correct user, password and database name in {variable} (or in Airflow's "
            f"connection '{mapping.connection}')"
        )
    else:
        problem = f"connection '{mapping.connection}': no database answers at {place}"
        cure = (
            f"start the database or correct host and port in {variable}, then run this step again"
        )
    return SourceProblem(f"source '{mapping.source}'", problem, cure)
