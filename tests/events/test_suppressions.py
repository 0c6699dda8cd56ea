"""The provider's lists of addresses, read every night."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from cobranca.errors import ConfigError
from cobranca.events.reconcile import reconcile
from cobranca.events.suppressions import PAGE, ProviderSilent, pull_suppressions
from cobranca.ledger import open_ledger
from cobranca.ledger.address_digest import digest
from cobranca.ledger.feedback import publish_feedback
from cobranca.ledger.tables import suppressions
from events.reports import contact, put
from ledger.clients import LedgerClients

D = date(2026, 11, 18)
YESTERDAY = int(datetime(2026, 11, 17, 15, 0, tzinfo=UTC).timestamp())


def listed(settings) -> dict[tuple[str, str], date | None]:
    engine = open_ledger(settings.ledger)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(suppressions)).all()
    engine.dispose()
    return {(row.kind, row.address_digest): row.removed_on for row in rows}


def test_the_lists_are_followed_page_by_page_and_hold_no_address(provider, real):
    provider.lists["bounces"] = [
        {"email": f"Person{number}@Example.com", "created": YESTERDAY} for number in range(PAGE + 3)
    ]
    provider.lists["unsubscribes"] = [{"email": "gone@example.com", "created": YESTERDAY}] * 2
    counts = pull_suppressions(real, D)
    assert counts == {
        "bounced": PAGE + 3,
        "invalid": 0,
        "complained": 0,
        "opted_out": 1,
        "removed": 0,
    }
    assert ("bounced", digest("person1@example.com")) in listed(real)
    engine = open_ledger(real.ledger)
    with engine.connect() as connection:
        assert "@" not in repr(connection.execute(sa.select(suppressions)).all())
    engine.dispose()
    # Asked again, nothing changes; an address that was taken off the list is written to again.
    assert pull_suppressions(real, D + timedelta(days=1))["removed"] == 0
    provider.lists["unsubscribes"] = []
    assert pull_suppressions(real, D + timedelta(days=2))["removed"] == 1
    assert listed(real)["opted_out", digest("gone@example.com")] == D + timedelta(days=2)
    provider.lists["unsubscribes"] = [
        {"email": "gone@example.com", "created": YESTERDAY + 9 * 86400}
    ]
    pull_suppressions(real, D + timedelta(days=10))
    assert listed(real)["opted_out", digest("gone@example.com")] is None


def test_an_address_that_is_on_a_list_twice_counts_from_its_first_day(provider, real):
    """Only addresses of earlier days are kept out: one that is listed anew each day stays out."""
    first = YESTERDAY - 5 * 86_400
    provider.lists["bounces"] = [
        {"email": "a@example.com", "created": created} for created in (YESTERDAY, first)
    ]
    pull_suppressions(real, D)
    engine = open_ledger(real.ledger)
    with engine.connect() as connection:
        [row] = connection.execute(sa.select(suppressions)).all()
    engine.dispose()
    assert row.listed_on == D - timedelta(days=6)


def test_the_lists_land_for_the_nights_after_them(provider, real):
    import pyarrow.parquet as pq

    provider.lists["spam_reports"] = [
        {"email": "yesterday@example.com", "created": YESTERDAY},
        {"email": "today@example.com", "created": YESTERDAY + 86400},
    ]
    pull_suppressions(real, D)
    landed = pq.read_table(publish_feedback(real, D).path("suppressions.parquet")).to_pylist()
    assert [(row["kind"], row["address_digest"]) for row in landed] == [
        ("complained", digest("yesterday@example.com"))
    ]


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, ConfigError), (401, ConfigError), (500, ProviderSilent), (200, ProviderSilent)],
)
def test_half_an_answer_changes_nothing(provider, real, status, error):
    provider.lists["bounces"] = [{"email": "a@example.com", "created": YESTERDAY}]
    pull_suppressions(real, D)
    before = listed(real)
    provider.lists["bounces"] = []
    provider.status["suppression/spam_reports"] = status
    with pytest.raises(error, match="spam_reports"):
        pull_suppressions(real, D)
    assert listed(real) == before


def test_a_provider_that_cannot_be_reached_is_said_to_be_silent(provider, real):
    provider.close()
    with pytest.raises(ProviderSilent, match="cannot be reached"):
        pull_suppressions(real, D)


def test_the_outbox_asks_no_provider(provider, settings):
    engine = open_ledger(settings.ledger)
    put(LedgerClients(engine), contact(1, "unknown"))
    engine.dispose()
    assert pull_suppressions(settings, D) == {}
    assert reconcile(settings, D) == {"settled": 0, "found": 0, "unknown": 1}
    assert provider.asked == []
