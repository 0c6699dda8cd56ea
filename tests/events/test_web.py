"""The web application over real HTTP on loopback: signed reports and the unsubscribe page."""

import json
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
import uvicorn
import yaml

from cobranca.events import sendgrid_events, web
from cobranca.ledger import open_ledger
from cobranca.ledger.provider_events import record_consent
from cobranca.ledger.tables import consents, contacts
from cobranca.reminders.render.unsubscribe import Tokens, link
from creditor_files import make_group
from events.reports import ADDRESS, Provider, contact, put, sg_event, states
from ledger.clients import LedgerClients

SECRET = "s3cret-of-at-least-thirty-two-characters"


@contextmanager
def served(app):
    sock = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def ask(url: str, body: bytes | None = None, headers: dict | None = None) -> tuple[int, str, dict]:
    request = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode(), dict(response.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


@pytest.fixture
def house(settings, monkeypatch):
    provider = Provider()
    monkeypatch.setenv(
        "AIRFLOW_CONN_SENDGRID_EVENTS",
        json.dumps({"conn_type": "generic", "password": provider.public}),
    )
    monkeypatch.setenv(
        "AIRFLOW_CONN_UNSUBSCRIBE", json.dumps({"conn_type": "generic", "password": SECRET})
    )
    engine = open_ledger(settings.ledger)
    clock = SimpleNamespace(ahead=timedelta(0))
    with served(web.create_app(settings, now=lambda: datetime.now(UTC) + clock.ahead)) as url:
        yield SimpleNamespace(
            url=url, provider=provider, ledger=LedgerClients(engine), settings=settings, clock=clock
        )
    engine.dispose()


def report(
    house, body: bytes, *, at: datetime | None = None, signer: Provider | None = None, **headers
) -> int:
    signature, timestamp = (signer or house.provider).sign(body, at or datetime.now(UTC))
    signed = {
        sendgrid_events.SIGNATURE: signature,
        sendgrid_events.TIMESTAMP: timestamp,
        "Content-Type": "application/json",
        **headers,
    }
    return ask(f"{house.url}/events/sendgrid", body, signed)[0]


def test_signed_reports_move_contacts_however_often_they_come(house):
    put(house.ledger, contact(1), contact(2, "unknown"))
    body = json.dumps(
        [sg_event("delivered"), sg_event("bounce", key=f"M{2:024x}", status="5.1.1")]
    ).encode()
    assert [report(house, body) for _ in range(3)] == [204, 204, 204]
    assert list(states(house.ledger).values()) == ["delivered", "bounced"]


def test_forged_stale_and_unsigned_reports_change_nothing(house, caplog):
    put(house.ledger, contact(1))
    body = json.dumps([sg_event("spamreport")]).encode()
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert report(house, body, signer=Provider()) == 403
    assert report(house, body, at=hour_ago) == 403
    assert ask(f"{house.url}/events/sendgrid", body)[0] == 403
    assert report(house, b"{") == 400
    assert states(house.ledger) == {f"M{1:024x}": "sent"}
    assert ADDRESS not in caplog.text


def test_a_body_larger_than_any_of_the_provider_is_not_read(house, monkeypatch):
    monkeypatch.setattr(web, "LARGEST_BODY", 1000)
    assert report(house, b"x" * 5000) == 413

    def endless():
        for _ in range(50):
            yield b"y" * 1000

    request = urllib.request.Request(
        f"{house.url}/events/sendgrid", data=endless(), headers={"Transfer-Encoding": "chunked"}
    )
    with pytest.raises((urllib.error.URLError, OSError)) as refused:
        urllib.request.urlopen(request, timeout=20)
    assert getattr(refused.value, "code", 413) == 413


def test_a_ledger_that_is_down_lets_the_provider_keep_its_reports(house, monkeypatch, caplog):
    put(house.ledger, contact(1))

    def down(*_):
        raise sa.exc.OperationalError("select", {}, Exception("password=secret"))

    monkeypatch.setattr(web, "record_events", down)
    caplog.set_level(logging.DEBUG)
    assert report(house, json.dumps([sg_event("delivered")]).encode()) == 503
    assert "secret" not in caplog.text


def test_without_its_public_key_nothing_is_believed(house, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_SENDGRID_EVENTS")
    assert report(house, json.dumps([sg_event("delivered")]).encode()) == 503


def test_one_click_stops_the_e_mails_and_looking_at_the_link_does_not(house):
    url = link(f"{house.url}/unsubscribe", Tokens(SECRET).token_for("C1"))
    status, page, headers = ask(url)
    assert (status, "Não quero mais receber" in page) == (200, True)
    assert "default-src 'none'" in headers["content-security-policy"]
    assert house.ledger.lookups.opted_out(["C1"]) == set()
    # What a mail program posts, then what the page's button posts.
    for body in (b"List-Unsubscribe=One-Click", b""):
        status, page, _ = ask(url, body, {"Content-Type": "application/x-www-form-urlencoded"})
        assert (status, "pedido registrado" in page) == (200, True)
    assert house.ledger.lookups.opted_out(["C1"]) == {("C1", "email", None)}
    with house.ledger.engine.connect() as connection:
        assert [row.origin for row in connection.execute(sa.select(consents))] == ["link"], (
            "one opt-out, however often it comes"
        )


@pytest.mark.parametrize(
    ("body", "refused", "words"),
    [
        (b"only_this=1", "atacado", "os avisos de Jacarand"),
        (b"", None, "os nossos avisos"),
        (b"List-Unsubscribe=One-Click", None, "os nossos avisos"),
    ],
)
def test_the_page_of_one_of_several_creditors_lets_the_payer_choose(house, body, refused, words):
    make_group(house.settings.config)
    url = link(f"{house.url}/unsubscribe", Tokens(SECRET).token_for("C1", "atacado"))
    status, page, _ = ask(url)
    assert status == 200
    assert "Não quero mais os e-mails de Jacarandá" in page and "Nem os de Ipê Amarelo" in page
    for _ in range(2):
        status, page, _ = ask(url, body, {"Content-Type": "application/x-www-form-urlencoded"})
        assert (status, words in page) == (200, True)
    assert house.ledger.lookups.opted_out(["C1"]) == {("C1", "email", refused)}
    with house.ledger.engine.connect() as connection:
        assert len(connection.execute(sa.select(consents)).all()) == 1


@pytest.mark.parametrize(
    "query",
    ["", "?t=", "?t=invented", "?t=" + "A" * 5000, "?t=%00%ff", "?t=<script>alert(1)</script>"],
)
def test_an_invented_link_says_so_and_stops_no_messages(house, query):
    for body in (None, b"List-Unsubscribe=One-Click"):
        status, page, _ = ask(f"{house.url}/unsubscribe{query}", body)
        assert (status, "não é válido" in page, "<script>" in page) == (404, True, False)
    with house.ledger.engine.connect() as connection:
        assert connection.execute(sa.select(consents)).all() == []


def test_a_wish_that_cannot_be_kept_is_not_confirmed(house, monkeypatch):
    def down(*_, **__):
        raise OSError

    monkeypatch.setattr(web, "record_opt_out_by_link", down)
    status, page, _ = ask(
        link(f"{house.url}/unsubscribe", Tokens(SECRET).token_for("C1")),
        b"List-Unsubscribe=One-Click",
    )
    assert (status, "Não foi possível registrar" in page) == (503, True)


def test_there_is_nothing_else_to_call(house):
    assert {
        ask(f"{house.url}{path}")[0] for path in ("/", "/docs", "/openapi.json", "/events")
    } == {404}
    assert ask(f"{house.url}/events/sendgrid")[0] == 405


TWILIO = "https://example.com/cobranca/events/twilio"


@pytest.fixture
def texting(house, monkeypatch):
    """The house with an account of Twilio, and a function that reports as Twilio does."""
    from twilio.request_validator import RequestValidator

    monkeypatch.setenv("AIRFLOW_CONN_TWILIO", "twilio://AC0:token-secret@")
    path = house.settings.config / "texts.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content |= {"connection": "twilio", "sms_from": "+5511400000000", "status_url": TWILIO}
    content["texts"] = {
        "preventive": {
            "sms": {"body": "{razao_social} {cnpj} {endereco} {contato} {valores} {link}"}
        }
    }
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")

    def report(key: str, *, token: str = "token-secret", **fields) -> int:
        query = f"message_key={key}"
        signature = RequestValidator(token).compute_signature(f"{TWILIO}?{query}", fields)
        headers = {
            "X-Twilio-Signature": signature,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return ask(f"{house.url}/events/twilio?{query}", urlencode(fields).encode(), headers)[0]

    return report


def test_status_callbacks_of_texts_move_contacts_and_hear_who_wants_no_more(house, texting):
    put(house.ledger, *({**contact(number), "channel": "sms"} for number in (1, 2, 3)))
    keys = [f"M{number:024x}" for number in (1, 2, 3)]
    for _ in range(2):
        assert texting(keys[0], MessageStatus="delivered", To="+5511987654321") == 204
        assert texting(keys[0], MessageStatus="sent") == 204
        assert texting(keys[1], MessageStatus="undelivered", ErrorCode="30003") == 204
        assert texting(keys[2], MessageStatus="failed", ErrorCode="21610") == 204
    assert states(house.ledger) == dict(zip(keys, ("delivered", "bounced", "bounced"), strict=True))
    payers = [f"C{number:020x}" for number in (1, 2, 3)]
    assert house.ledger.lookups.opted_out(payers) == {(payers[2], "sms", None)}
    with house.ledger.engine.connect() as connection:
        reason = connection.scalar(
            sa.select(contacts.c.state_reason).where(contacts.c.message_key == keys[1])
        )
    assert reason == "não entregue: código 30003"


def test_a_callback_that_somebody_kept_does_not_undo_a_later_wish(house, texting):
    put(house.ledger, {**contact(1), "channel": "sms"})
    key, payer = f"M{1:024x}", f"C{1:020x}"
    assert texting(key, MessageStatus="failed", ErrorCode="21610") == 204
    assert house.ledger.lookups.opted_out([payer]) == {(payer, "sms", None)}
    record_consent(
        house.ledger.engine,
        payer,
        "sms",
        is_opted_in=True,
        origin="person",
        at=datetime.now(UTC) + timedelta(seconds=1),
    )
    house.clock.ahead = timedelta(days=3)
    assert texting(key, MessageStatus="failed", ErrorCode="21610") == 204
    assert house.ledger.lookups.opted_out([payer]) == set()


def test_forged_callbacks_change_nothing(house, texting):
    put(house.ledger, contact(1))
    key = f"M{1:024x}"
    assert texting(key, token="another", MessageStatus="failed") == 403
    assert ask(f"{house.url}/events/twilio?message_key={key}", b"MessageStatus=failed")[0] == 403
    assert texting("short", MessageStatus="failed") == 400
    assert texting(key, MessageStatus="strange") == 400
    assert states(house.ledger) == {key: "sent"}


def test_without_an_account_no_callback_is_believed(house):
    assert ask(f"{house.url}/events/twilio?message_key=x", b"MessageStatus=failed")[0] == 503
