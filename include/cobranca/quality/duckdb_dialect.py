"""A SQLAlchemy dialect over an in-memory DuckDB, with what Great Expectations asks for.

Great Expectations fetches a result after it has let go of its connection, and a DuckDB connection
drops a result as soon as it runs the next statement. Here every cursor is a DuckDB cursor of its
own, which keeps its result.
"""

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import URL, Connection, text, types
from sqlalchemy.dialects import registry
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPIModule, ReflectedColumn

if TYPE_CHECKING:
    import duckdb

SCHEME = "duckdb.files"


class _Connection:
    """A DuckDB connection for reading only: there is no transaction to commit or to roll back."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection

    def cursor(self) -> "duckdb.DuckDBPyConnection":
        return self._connection.cursor()

    def commit(self) -> None:
        pass

    def rollback(self) -> None:
        pass

    def close(self) -> None:
        self._connection.close()


class FilesDialect(DefaultDialect):
    """``duckdb+files:///:memory:name`` joins the database of that name in this process."""

    name = "duckdb"
    driver = "files"
    default_paramstyle = "qmark"
    supports_native_boolean = True
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> DBAPIModule:
        import duckdb

        # DuckDB is a DBAPI module; it does not say so in its types.
        return cast("DBAPIModule", duckdb)

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        return [url.database], {}

    def connect(self, *cargs: Any, **_: Any) -> DBAPIConnection:
        import duckdb

        return cast("DBAPIConnection", _Connection(duckdb.connect(*cargs)))

    # SQLAlchemy names these parameters; only the name of a view matters here.
    def has_table(
        self, connection: Connection, table_name: str, schema: str | None = None, **_: Any
    ) -> bool:
        return table_name in self.get_view_names(connection, schema)

    def get_schema_names(self, connection: Connection, **_: Any) -> list[str]:
        return ["main"]

    def get_table_names(
        self,
        connection: Connection,
        schema: str | None = None,
        **_: Any,
    ) -> list[str]:
        return []

    def get_view_names(
        self,
        connection: Connection,
        schema: str | None = None,
        **_: Any,
    ) -> list[str]:
        query = text("select view_name from duckdb_views() where not internal")
        return list(connection.execute(query).scalars())

    def get_columns(
        self,
        connection: Connection,
        table_name: str,
        schema: str | None = None,
        **_: Any,
    ) -> list[ReflectedColumn]:
        query = text(
            "select column_name from duckdb_columns() where table_name = :name order by "
            "column_index"
        )
        names: list[str] = list(connection.execute(query, {"name": table_name}).scalars())
        return [
            {"name": name, "type": types.NullType(), "nullable": True, "default": None}
            for name in names
        ]


def register() -> None:
    """Make ``duckdb+files://`` known to SQLAlchemy."""
    registry.register(SCHEME, __name__, FilesDialect.__name__)
