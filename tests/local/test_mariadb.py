"""The MariaDB server that other tests use."""

from sqlalchemy import create_engine, text

from servers import MariadbUnavailable, PrivateMariadb, processes_naming, unavailable


def test_mariadb_works_and_leaves_nothing_behind():
    server = PrivateMariadb()
    try:
        server.start()
    except MariadbUnavailable as error:
        unavailable(str(error))
    folder = server.folder
    engine = create_engine(server.create_database("billing"))
    with engine.connect() as connection:
        assert connection.execute(text("select 'ação', database()")).one() == ("ação", "billing")
    engine.dispose()
    assert processes_naming(server._password) == []
    assert not (folder / "init.sql").exists()
    server.stop()
    assert not folder.exists()
    assert processes_naming(str(folder)) == []
