"""Import the addresses that SendGrid no longer writes to.

They are read every night: a webhook can miss one, the provider's lists do not.
"""

import logging
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from cobranca.connections import get_connection
from cobranca.errors import ConfigError, ProviderSilent
from cobranca.events.sendgrid_events import PROVIDER
from cobranca.ledger import open_ledger
from cobranca.ledger.address_digest import digest
from cobranca.ledger.column_types import insert_into, utc_now
from cobranca.ledger.provider_events import local_day
from cobranca.ledger.tables import suppressions
from cobranca.policy import load_policy
from cobranca.reminders.channels.sendgrid import HttpStatusError, SendGrid
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
class SuppressedAddress:
    """One address of one list."""

    kind: str
    address_digest: str
    listed_at: datetime


def pull_suppressions(settings: Settings, business_date: date) -> dict[str, int]:
    """Bring the ledger's table ``suppressions`` in line with SendGrid's lists.

    Only where messages are really sent (``COBRANCA_DELIVERY=sendgrid``); otherwise nothing is
    asked. Returns counts by kind, and ``removed``.

    Raises:
        ConfigError: the provider refuses the key (it needs the permission to read suppressions).
        ProviderSilent: it cannot be reached or gave half an answer; the ledger is as before.
    """
    if settings.delivery != "sendgrid":
        return {}
    accounts = load_policy(settings.config, business_date).sendgrid_connections
    providers = [SendGrid(get_connection(name)) for name in accounts]
    found = {one for provider in providers for path in LISTS for one in _read(provider, path)}
    engine = open_ledger(settings.ledger)
    try:
        return _bring_in_line(engine, found, business_date)
    finally:
        engine.dispose()


def _read(provider: SendGrid, path: str) -> Iterator[SuppressedAddress]:
    for page in range(_MOST_PAGES):
        rows = _page(provider, path, page * PAGE)
        for row in rows:
            yield SuppressedAddress(
                LISTS[path],
                digest(row["email"]),
                datetime.fromtimestamp(int(row["created"]), UTC).replace(tzinfo=None),
            )
        if len(rows) < PAGE:
            return
    raise ProviderSilent(f"the list '{path}' of SendGrid does not end")


def _page(provider: SendGrid, path: str, offset: int) -> list[dict[str, Any]]:
    try:
        rows = provider.get(f"suppression/{path}", {"limit": PAGE, "offset": offset})
        if isinstance(rows, list) and all(
            isinstance(row["email"], str) and int(row["created"]) >= 0 for row in rows
        ):
            return rows
    except HttpStatusError as answer:
        if answer.status in (401, 403):
            raise ConfigError(
                f"SendGrid refuses to show its list '{path}' (HTTP {answer.status}); give the API "
                "key read access to it."
            ) from None
        raise ProviderSilent(
            f"SendGrid answered {answer.status} when asked for its list '{path}'; run this again."
        ) from None
    except (KeyError, TypeError, ValueError):
        pass
    except (urllib.error.URLError, OSError) as error:
        raise ProviderSilent(
            f"SendGrid cannot be reached ({type(error).__name__}); run this again."
        ) from None
    raise ProviderSilent(f"SendGrid's answer for its list '{path}' cannot be read; run this again.")


def _bring_in_line(
    engine: sa.Engine, found: set[SuppressedAddress], business_date: date
) -> dict[str, int]:
    # An address can be on a list twice; its first day counts.
    first: dict[tuple[str, str], SuppressedAddress] = {}
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
            again = {
                "listed_at": insert.excluded.listed_at,
                "listed_on": insert.excluded.listed_on,
                "removed_on": None,
            }
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=keys, set_={**again, "seen_at": utc_now()}
                ),
                rows,
            )
    return {**counts, "removed": len(gone)}
