"""Fixtures of the channels: a stand-in for Twilio, and a source where nothing changed."""

from collections.abc import Callable, Iterator

import pytest

from cobranca.connections import Connection
from cobranca.policy.texts import Texts
from cobranca.reminders.channels.twilio import Twilio
from reminders.channels.twilio_server import TwilioServer
from reminders.plans import as_planned


@pytest.fixture(autouse=True)
def nothing_changed_at_the_source(monkeypatch):
    monkeypatch.setattr("cobranca.sources.current_state.read_current_state", as_planned)


@pytest.fixture
def twilio() -> Iterator[Callable[[str], tuple[Twilio, TwilioServer]]]:
    """Start a server that behaves as named, and open the channel to it."""
    servers = []

    def start(behaviour: str = "ok") -> tuple[Twilio, TwilioServer]:
        server = TwilioServer(behaviour)
        servers.append(server)
        texts = Texts(
            connection="twilio",
            whatsapp_from="+5511400000000",
            sms_from="+5511400000001",
            status_url="https://example.com/cobranca/events/twilio",
        )
        connection = Connection(
            "twilio", "twilio", "127.0.0.1", server.port, "AC" + "0" * 32, "token-secret"
        )
        # A long limit elsewhere, so that a busy machine is never mistaken for a late answer.
        limit = 0.7 if behaviour == "accept then late" else 20
        return Twilio(connection, texts, timeout_seconds=limit), server

    yield start
    for server in servers:
        server.close()
