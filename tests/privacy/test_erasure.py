"""Canaries who were contacted and then erased are found nowhere, nor contacted again, whatever the source still holds."""

import duckdb

from cobranca.demo.agents import return_workbooks
from cobranca.manifest import read_manifest
from cobranca.privacy import erase
from privacy.company import CALLED, WRITTEN, found_in
from privacy.conftest import FIRST, SECOND, settings_in

BY = {"by": "maria", "reason": "pedido do titular", "business_date": FIRST}


def rows(settings, business_date, table, query):
    batch = read_manifest(settings.folder("outbound", business_date))
    return duckdb.sql(query.format(f"read_parquet('{batch.path(table + '.parquet')}')")).fetchall()


def test_a_canary_lives_through_a_night(first_night):
    settings = settings_in(first_night)
    found = found_in(settings.data, WRITTEN.needles)
    kinds = {path.split("/")[0] for path in found}
    assert {"landing", "outbound", "outbox", "reports"} <= kinds, kinds
    assert "queues" in {path.split("/")[0] for path in found_in(settings.data, CALLED.needles)}
    assert not {"quality", "history", ".dbt", "ledger.db"} & kinds


def test_an_erased_canary_is_found_nowhere_and_never_contacted_again(place):
    settings = settings_in(place)
    return_workbooks(settings, SECOND)
    events = settings.data / "inbox" / "events"
    events.mkdir(parents=True)
    (events / "e.json").write_text(f'[{{"email": "{WRITTEN.email}"}}, {{"email": "comum10@example.com"}}]')

    before = found_in(settings.data, [*WRITTEN.needles, *CALLED.needles])
    planned = erase.plan(settings, "crm:1")
    assert found_in(settings.data, [*WRITTEN.needles, *CALLED.needles]) == before
    for account in ("crm:1", "crm:2"):
        erasure, left = erase.apply(settings, account, **BY)
        assert left == [] and erasure.unreadable == ()
        told = erase.told(settings, erasure, left)
        assert not [needle for needle in [*WRITTEN.needles, *CALLED.needles] if needle in told]
    assert found_in(settings.data, [*WRITTEN.needles, *CALLED.needles]) == {}
    assert "comum10@example.com" in (events / "e.json").read_text()
    assert len(planned.steps) > 5
