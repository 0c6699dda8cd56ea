"""dbt's reading of the project, which is the same in every folder of data.

An installation reads it once, in its first night; a test is an installation of its own and would
read it again, for nine seconds of processor time.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cobranca.warehouse import dbt

FILE = "partial_parse.msgpack"


@pytest.fixture(scope="session", autouse=True)
def parsed_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every worker of the run hands its reading on, and begins with that of another one."""
    folder = tmp_path_factory.getbasetemp()
    shared = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / FILE
    invoke = dbt.invoke

    def with_what_was_read(arguments: Sequence[str], work: Path):
        from dbt.adapters.duckdb.credentials import DuckDBCredentials

        own = work / "target" / FILE
        with pytest.MonkeyPatch.context() as patch:
            # dbt would read all again because the database is another file: its path is among
            # these keys, and nothing in the project asks for it
            keys = ("database", "schema")
            patch.setattr(DuckDBCredentials, "_connection_keys", lambda self: keys)
            if shared.exists() and not own.exists():
                own.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(shared, own)
            done = invoke(arguments, work)
        if own.exists() and not shared.exists():
            draft = shared.with_suffix(f".{os.getpid()}")
            shutil.copy(own, draft)
            draft.rename(shared)
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt, "invoke", with_what_was_read)
        yield
