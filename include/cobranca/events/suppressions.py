"""The addresses that SendGrid no longer writes to, asked for every night: a webhook can miss one, its lists do not."""

import logging
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import sqlalchemy as sa

from cobranca.connections import get_connection
from cobranca.errors import ConfigError, ProviderSilent
from cobranca.events.sendgrid import PROVIDER
from cobranca.ledger import open_ledger
from cobranca.ledger.addresses import digest
from cobranca.ledger.events import local_day
from cobranca.ledger.tables import insert_into, suppressions, utc_now
from cobranca.policy import load_policy
from cobranca.reminders.channels.sendgrid_mail import Answered, SendGrid
from cobranca.settings import Settings

log = logging.getLogger(__name__)

# Kinds as they land. Blocks are left out: the provider tries those addresses again by itself.
LISTS = {
    "bounces": "bounced",
    "invalid_emails": "invalid",
    "spam_reports": "complained",
    "unsubscribes": "opted_out",
}
PAGE = 500
_MOST_PAGES = 20_000


@dataclass(frozen=True)
class Listed:
    """One address of one list."""

    kind: str
    address_digest: str
    listed_at: datetime


def pull_suppressions(settings: Settings, business_date: date) -> dict[str, int]:
    """Bring the ledger's table ``suppressions`` in line with SendGrid's lists; returns counts by kind, and ``removed``.

    Only where messages are really sent (``COBRANCA_DELIVERY=sendgrid``); otherwise nothing is asked.

    Raises:
        ConfigError: the provider refuses the key (it needs the permission to read suppressions).
        ProviderSilent: it cannot be reached or gave half an answer; the ledger is as before.
    """
    if settings.delivery != "sendgrid":
        return {}
    provider = SendGrid(get_connection(load_policy(settings.config, business_date).creditor.sendgrid_connection))
    found = {one for path in LISTS for one in _read(provider, path)}
    engine = open_ledger(settings.ledger)
    try:
        return _bring_in_line(engine, found, business_date)
    finally:
        engine.dispose()


def _read(provider: SendGrid, path: str) -> Iterator[Listed]:
    for page in range(_MOST_PAGES):
        rows = _page(provider, path, page * PAGE)
        for row in rows:
            yield Listed(LISTS[path], digest(row["email"]), datetime.fromtimestamp(int(row["created"]), UTC).replace(tzinfo=None))
        if len(rows) < PAGE:
            return
    raise ProviderSilent(f"the list '{path}' of SendGrid does not end")


def _page(provider: SendGrid, path: str, offset: int) -> list[dict]:
    try:
        rows = provider.get(f"suppression/{path}", {"limit": PAGE, "offset": offset})
        if isinstance(rows, list) and all(isinstance(row["email"], str) and int(row["created"]) >= 0 for row in rows):
            return rows
    except Answered as answer:
        if answer.status in (401, 403):
            raise ConfigError(
                f"SendGrid refuses to show its list '{path}' (HTTP {answer.status}); give the API key read access to it."
            ) from None
        raise ProviderSilent(f"SendGrid answered {answer.status} when asked for its list '{path}'; run this again.") from None
    except (KeyError, TypeError, ValueError):
        pass
    except (urllib.error.URLError, OSError) as error:
        raise ProviderSilent(f"SendGrid cannot be reached ({type(error).__name__}); run this again.") from None
    raise ProviderSilent(f"SendGrid's answer for its list '{path}' cannot be read; run this again.")


def _bring_in_line(engine: sa.Engine, found: set[Listed], business_date: date) -> dict[str, int]:
    # An address can be on a list twice; its first day counts.
    first: dict[tuple[str, str], Listed] = {}
    for one in sorted(found, key=lambda one: one.listed_at, reverse=True):
        first[one.kind, one.address_digest] = one
    rows = [
        {
            "provider": PROVIDER,
            "kind": one.kind,
            "address_digest": one.address_digest,
            "listed_at": one.listed_at,
            "listed_on": local_day(one.listed_at),
        }
        for one in first.values()
    ]
    counts = {kind: sum(1 for row in rows if row["kind"] == kind) for kind in LISTS.values()}
    keys = [suppressions.c.provider, suppressions.c.kind, suppressions.c.address_digest]
    with engine.begin() as connection:
        insert = insert_into(connection, suppressions)
        listed = {
            (row.kind, row.address_digest)
            for row in connection.execute(
                sa.select(suppressions.c.kind, suppressions.c.address_digest).where(
                    suppressions.c.provider == PROVIDER, suppressions.c.removed_on.is_(None)
                )
            )
        }
        gone = sorted(listed - first.keys())
        for kind, address_digest in gone:
            connection.execute(
                suppressions.update()
                .where(
                    suppressions.c.provider == PROVIDER,
                    suppressions.c.kind == kind,
                    suppressions.c.address_digest == address_digest,
                )
                .values(removed_on=business_date)
            )
        if rows:
            again = {"listed_at": insert.excluded.listed_at, "listed_on": insert.excluded.listed_on, "removed_on": None}
            connection.execute(
                insert.on_conflict_do_update(index_elements=keys, set_={**again, "seen_at": utc_now()}),
                rows,
            )
    return {**counts, "removed": len(gone)}
