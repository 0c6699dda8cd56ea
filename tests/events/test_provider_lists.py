"""What the provider is asked every night: its lists of addresses, and its log about messages that are unknown."""

import json
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from cobranca.errors import ConfigError
from cobranca.events.reconcile import reconcile
from cobranca.events.suppressions import PAGE, ProviderSilent, pull_suppressions
from cobranca.ledger import open_ledger
from cobranca.ledger.addresses import digest
from cobranca.ledger.contacts import ContactLedger
from cobranca.ledger.feedback import publish_feedback
from cobranca.ledger.tables import suppressions
from events.reports import contact, put, states

D = date(2026, 11, 18)
YESTERDAY = int(datetime(2026, 11, 17, 15, 0, tzinfo=UTC).timestamp())


class StandIn:
    """Answers GET requests from ``lists`` (path → rows) and ``log`` (message key → status); ``status`` answers instead."""

    def __init__(self):
        self.lists: dict[str, list[dict]] = {}
        self.log: dict[str, str] = {}
        self.status: dict[str, int] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                path = parts.path.removeprefix("/v3/")
                outer.asked.append(path)
                assert self.headers["Authorization"] == "Bearer SG.key"
                status, body = outer.answer(path, query)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str, query: dict) -> tuple[int, bytes]:
        if path in self.status:
            return self.status[path], b"<html>not JSON</html>"
        if path == "messages":
            key = query["query"].split('"')[1]
            found = [{"msg_id": f"id-{key}", "status": self.log[key], "to_email": "x@example.com"}] if key in self.log else []
            return 200, json.dumps({"messages": found}).encode()
        start = int(query["offset"])
        return 200, json.dumps(
            self.lists.get(path.removeprefix("suppression/"), [])[start : start + int(query["limit"])]
        ).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider(monkeypatch):
    stand_in = StandIn()
    monkeypatch.setenv("AIRFLOW_CONN_SENDGRID", f"http://:SG.key@127.0.0.1:{stand_in.port}")
    yield stand_in
    stand_in.close()


@pytest.fixture
def real(settings):
    return replace(settings, delivery="sendgrid")


def listed(settings) -> dict[tuple[str, str], date | None]:
    engine = open_ledger(settings.ledger)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(suppressions)).all()
    engine.dispose()
    return {(row.kind, row.address_digest): row.removed_on for row in rows}


def test_the_lists_are_followed_page_by_page_and_hold_no_address(provider, real):
    provider.lists["bounces"] = [{"email": f"Person{number}@Example.com", "created": YESTERDAY} for number in range(PAGE + 3)]
    provider.lists["unsubscribes"] = [{"email": "gone@example.com", "created": YESTERDAY}] * 2
    counts = pull_suppressions(real, D)
    assert counts == {"bounced": PAGE + 3, "invalid": 0, "complained": 0, "opted_out": 1, "removed": 0}
    assert ("bounced", digest("person1@example.com")) in listed(real)
    engine = open_ledger(real.ledger)
    with engine.connect() as connection:
        assert "@" not in repr(connection.execute(sa.select(suppressions)).all())
    engine.dispose()
    # Asked again, nothing changes; an address that somebody took off the list is written to again.
    assert pull_suppressions(real, D + timedelta(days=1))["removed"] == 0
    provider.lists["unsubscribes"] = []
    assert pull_suppressions(real, D + timedelta(days=2))["removed"] == 1
    assert listed(real)["opted_out", digest("gone@example.com")] == D + timedelta(days=2)
    provider.lists["unsubscribes"] = [{"email": "gone@example.com", "created": YESTERDAY + 9 * 86400}]
    pull_suppressions(real, D + timedelta(days=10))
    assert listed(real)["opted_out", digest("gone@example.com")] is None


def test_the_lists_land_for_the_nights_after_them(provider, real):
    import pyarrow.parquet as pq

    provider.lists["spam_reports"] = [
        {"email": "yesterday@example.com", "created": YESTERDAY},
        {"email": "today@example.com", "created": YESTERDAY + 86400},
    ]
    pull_suppressions(real, D)
    landed = pq.read_table(publish_feedback(real, D).path("suppressions.parquet")).to_pylist()
    assert [(row["kind"], row["address_digest"]) for row in landed] == [("complained", digest("yesterday@example.com"))]


@pytest.mark.parametrize(
    ("status", "error"), [(403, ConfigError), (401, ConfigError), (500, ProviderSilent), (200, ProviderSilent)]
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


def test_the_outbox_asks_nobody(provider, settings):
    engine = open_ledger(settings.ledger)
    put(ContactLedger(engine), contact(1, "unknown"))
    engine.dispose()
    assert pull_suppressions(settings, D) == {}
    assert reconcile(settings, D) == {"settled": 0, "found": 0, "unknown": 1}
    assert provider.asked == []


def test_the_log_settles_what_it_knows_and_the_rest_stays_unknown(provider, real):
    engine = open_ledger(real.ledger)
    ledger = ContactLedger(engine)
    old = {**contact(9, "unknown"), "business_date": D - timedelta(days=40)}
    put(ledger, *(contact(number, "unknown") for number in (1, 2, 3, 4)), contact(5, "sent"), old)
    provider.log = {f"M{1:024x}": "delivered", f"M{2:024x}": "processing", f"M{3:024x}": "not_delivered"}
    assert reconcile(real, D) == {"settled": 0, "found": 3, "unknown": 1}
    assert list(states(ledger).values()) == ["delivered", "sent", "undelivered", "unknown", "sent", "unknown"]
    with engine.connect() as connection:
        assert connection.scalar(sa.text(f"select provider_message_id from contacts where message_key = 'M{1:024x}'"))
    # Nothing is ever planned again because the log does not know it.
    assert reconcile(real, D) == {"settled": 0, "found": 0, "unknown": 1}
    engine.dispose()


@pytest.mark.parametrize("status", [403, 429, 500, 200])
def test_a_log_that_gives_no_answer_leaves_everything_as_it_is(provider, real, status):
    engine = open_ledger(real.ledger)
    put(ContactLedger(engine), contact(1, "unknown"), contact(2, "unknown"))
    provider.status["messages"] = status
    assert reconcile(real, D) == {"settled": 0, "found": 0, "unknown": 2}
    assert len(provider.asked) == 1
    engine.dispose()
