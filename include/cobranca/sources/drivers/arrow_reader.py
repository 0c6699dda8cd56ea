"""Choose the Arrow reader of a database connection."""

import sqlalchemy as sa

from cobranca.sources.drivers.arrow_columns import Reader


def open_reader(connection: sa.Connection, seconds: int) -> Reader | None:
    """What reads from this connection's moment in bulk; ``None`` where there is no such way.

    ``seconds`` is the longest that one statement may take.
    """
    if (connection.dialect.name, connection.dialect.driver) == ("postgresql", "psycopg"):
        from cobranca.sources.drivers.arrow_postgresql import open_postgresql

        return open_postgresql(connection, seconds)
    if (connection.dialect.name, connection.dialect.driver) == ("mysql", "pymysql"):
        from cobranca.sources.drivers.arrow_mysql import open_mysql

        return open_mysql(connection)
    return None
