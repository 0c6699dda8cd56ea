"""Runs of one date wait for each other, and never mix."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cobranca.landing import land
from cobranca.partitions import landing_partition, manifest
from cobranca.settings import Settings
from source_databases import (
    CLIENT,
    SETTLEMENT,
    TITLE,
    D,
    MakeSource,
    landed,
    nothing_half_landed,
    refused,
)  # fmt: skip


def test_two_runs_of_one_date_do_not_mix(erp_only: Settings, make_source: MakeSource):
    """Two runs of one date at once, each of another state: the one that publishes last is whole."""
    erp = make_source("erp", "postgresql")
    erp.add("clientes", CLIENT)
    erp.add("titulos", *[TITLE | {"id": n} for n in range(1, 50)])
    erp.add("baixas", *[SETTLEMENT | {"id": n, "titulo_id": n} for n in range(1, 50)])
    stop, committed = threading.Event(), threading.Event()

    # One title and its settlement at a time, in one transaction: equal counts in every state.
    def write() -> None:
        number = 50
        while not stop.is_set():
            with erp.engine.begin() as connection:
                connection.execute(erp.tables.tables["titulos"].insert(), [TITLE | {"id": number}])
                connection.execute(
                    erp.tables.tables["baixas"].insert(),
                    [SETTLEMENT | {"id": number, "titulo_id": number}],
                )
            number += 1
            committed.set()
            time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert committed.wait(60)
        with ThreadPoolExecutor(2) as runs:
            done = [runs.submit(land.land_all, erp_only, D, f"run {n}") for n in range(2)]
            batches = {run.result(60).batch_id for run in done}
    finally:
        stop.set()
        writer.join()
    published = landing_partition.read_landing(erp_only, D, verify=True)
    titles, paid = landed(published, "erp", "receivables"), landed(published, "erp", "payments")
    assert (
        published.batch_id in batches
        and len(titles) == len(paid) > 49
        and not refused(published, "erp", "payments")
    )
    assert [path.name for path in published.folder.parent.iterdir() if path.is_dir()] == [
        published.batch_id
    ]


@pytest.mark.parametrize("keys", [("run", "run", "run"), ("run 1", "run 2", "run 3")])
def test_runs_of_one_date_that_meet_wait_for_each_other(
    erp_only: Settings,
    make_source: MakeSource,
    monkeypatch: pytest.MonkeyPatch,
    keys: tuple[str, ...],
):
    """Also with one run key: a retry that starts while the first try still lives."""
    erp = make_source("erp")
    erp.add("clientes", CLIENT)
    erp.add("titulos", *[TITLE | {"id": n} for n in range(1, 50)])
    write, failures = manifest.write_atomically, []

    def slowly(*arguments):
        time.sleep(0.05)  # between a file's place and its mention, where another run could step in
        write(*arguments)

    def land_one(key: str) -> None:
        try:
            assert land.land_all(erp_only, D, key).entry("erp/receivables.parquet").rows == 49
        except BaseException as error:
            failures.append(error)

    monkeypatch.setattr(manifest, "write_atomically", slowly)
    threads = [threading.Thread(target=land_one, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    published = landing_partition.read_landing(erp_only, D, verify=True)
    assert len(landed(published, "erp", "receivables")) == 49 and nothing_half_landed(erp_only)
