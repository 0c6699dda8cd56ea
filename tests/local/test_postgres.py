"""The private PostgreSQL: it starts, is ours, stops fast and leaves nothing behind.

Also from the wheel, and below a folder that only root may enter.
"""

import os
import stat
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from cobranca.local import postgres
from cobranca.local.postgres import PrivatePostgres, ServerFailed
from cobranca.local.postgres_binaries import machine_binaries, wheel_binaries
from servers import processes_naming


def binaries_to_try() -> list:
    machine = [pytest.param(folder, id="machine") for folder in machine_binaries()[:1]]
    return machine + [pytest.param(folder, id=folder.parent.name) for folder in wheel_binaries()]


@pytest.fixture
def closed_folder(tmp_path: Path) -> Path:
    """A folder that only its owner may enter, like a checkout under /root."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    return folder


@pytest.mark.parametrize("bin_folder", binaries_to_try())
def test_a_throw_away_server_works_and_leaves_nothing_behind(bin_folder):
    server = PrivatePostgres(bin_folder=bin_folder)
    with server:
        folder = server.folder
        url = server.create_database("first-one")
        assert server.create_database("first-one") == url
        with psycopg.connect(url) as connection:
            assert connection.execute("select current_database(), 1 + 1").fetchone() == (
                "first-one",
                2,
            )
            assert connection.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
        server.drop_database("first-one")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        started = time.monotonic()
    assert time.monotonic() - started < postgres.STOP_SECONDS, "it stopped at the first signal"
    assert not folder.exists()
    assert processes_naming(str(folder)) == []


@pytest.mark.parametrize("bin_folder", binaries_to_try())
def test_a_kept_server_keeps_its_rows_and_its_password_in_a_closed_folder(
    bin_folder, closed_folder
):
    folder = closed_folder / "postgres"
    with PrivatePostgres(folder, bin_folder=bin_folder) as first:
        with psycopg.connect(first.create_database("books")) as connection:
            connection.execute("create table note as select 42 as answer")
        assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
    assert processes_naming(str(folder)) == []
    with (
        PrivatePostgres(folder, bin_folder=bin_folder) as second,
        psycopg.connect(second.url("books")) as connection,
    ):
        assert connection.execute("select answer from note").fetchone() == (42,)


def test_a_second_user_joins_a_running_server_and_leaves_it_running(closed_folder):
    with PrivatePostgres(closed_folder / "postgres") as owner:
        with PrivatePostgres(closed_folder / "postgres") as guest:
            assert guest.url() == owner.url()
        with psycopg.connect(owner.url()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_a_server_that_was_killed_starts_again(closed_folder):
    folder = closed_folder / "postgres"
    server = PrivatePostgres(folder).start()
    server._process.kill()
    server._process.wait()
    server._process = None
    with PrivatePostgres(folder) as again, psycopg.connect(again.url()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_lock_that_names_another_program_does_not_hinder_the_start(closed_folder):
    folder = closed_folder / "postgres"
    with PrivatePostgres(folder):
        lock = (folder / "data" / "postmaster.pid").read_text().splitlines()
    (folder / "data" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lock[1:]]) + "\n")
    started = time.monotonic()
    with PrivatePostgres(folder) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert time.monotonic() - started < postgres.START_SECONDS / 2, "nothing was waited for"


def test_a_server_of_another_folder_is_never_taken_for_ours(postgres_server):
    with PrivatePostgres() as other:
        other.port, other._password = postgres_server.port, postgres_server._password
        assert postgres_server._answers()
        assert not other._answers()


def test_a_taken_port_is_exchanged_for_another(monkeypatch, postgres_server):
    offered = iter([postgres_server.port, postgres.free_port()])
    monkeypatch.setattr(postgres, "free_port", lambda: next(offered))
    with PrivatePostgres() as server:
        assert server.port != postgres_server.port


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("keep me")
    with pytest.raises(ServerFailed, match="folder of its own"):
        PrivatePostgres(tmp_path).start()
    assert (tmp_path / "letter.txt").read_text() == "keep me"


def test_a_server_that_cannot_start_names_its_log(closed_folder):
    folder = closed_folder / "postgres"
    with PrivatePostgres(folder):
        pass
    (folder / "data" / "pg_hba.conf").unlink()
    with pytest.raises(ServerFailed, match=r"pg_hba.*server\.log"):
        PrivatePostgres(folder).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_starts_a_server_too(tmp_path_factory):
    """Root becomes the user nobody first, so that the process has no privileges."""
    home = tmp_path_factory.mktemp("ordinary")
    os.chown(home, 65534, 65534)
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            folder = Path("/tmp") / f"cobranca-ordinary-{os.getpid()}"
            with PrivatePostgres(folder) as server, psycopg.connect(server.url()) as connection:
                good = (
                    connection.execute("select 1").fetchone() == (1,)
                    and folder.stat().st_uid == 65534
                )
            subprocess.run(["rm", "-rf", folder], check=True)
            os._exit(0 if good else 3)
        except BaseException:
            os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_the_secret_is_in_no_command_line(postgres_server):
    assert processes_naming(postgres_server._password) == []
