"""The few things Great Expectations asks of a database, answered by an in-memory DuckDB.

Great Expectations fetches a result after it has let go of its connection, and a DuckDB connection drops a result as
soon as it runs the next statement. Here every cursor is a DuckDB cursor of its own, which keeps its result.
"""

from sqlalchemy import text, types
from sqlalchemy.dialects import registry
from sqlalchemy.engine.default import DefaultDialect

SCHEME = "duckdb.files"


class _Connection:
    """A DuckDB connection for reading only: there is no transaction to commit or to roll back."""

    def __init__(self, connection):
        self._connection = connection

    def cursor(self):
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
    def import_dbapi(cls):
        import duckdb

        return duckdb

    def create_connect_args(self, url):
        return [url.database], {}

    def connect(self, database):
        return _Connection(self.dbapi.connect(database))

    def has_table(self, connection, table_name, schema=None, **_):
        return table_name in self.get_view_names(connection, schema)

    def get_schema_names(self, connection, **_):
        return ["main"]

    def get_table_names(self, connection, schema=None, **_):
        return []

    def get_view_names(self, connection, schema=None, **_):
        return list(connection.execute(text("select view_name from duckdb_views() where not internal")).scalars())

    def get_columns(self, connection, table_name, schema=None, **_):
        query = text("select column_name from duckdb_columns() where table_name = :name order by column_index")
        names = connection.execute(query, {"name": table_name}).scalars()
        return [{"name": name, "type": types.NullType(), "nullable": True, "default": None} for name in names]


def register() -> None:
    registry.register(SCHEME, __name__, FilesDialect.__name__)
