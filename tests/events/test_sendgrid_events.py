"""Requests of SendGrid's webhook: what an event means, and which signatures are accepted."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from cobranca.errors import ConfigError
from cobranca.events.sendgrid_events import (
    FRESH_SECONDS,
    InvalidSignature,
    SignatureVerifier,
    UnreadableReport,
    read_events,
)
from cobranca.ledger.provider_events import record_events
from cobranca.ledger.tables import contacts, delivery_events
from events.reports import ADDRESS, KEY, NOW, Provider, contact, put, sg_event


@pytest.mark.parametrize(
    ("report", "state", "reason"),
    [
        (sg_event("processed"), "sent", None),
        (sg_event("deferred", response="400 try again later"), "sent", "adiado pelo destino"),
        (sg_event("delivered"), "delivered", None),
        (
            sg_event(
                "bounce",
                type="bounce",
                status="5.1.1",
                reason=f"550 {ADDRESS} unknown",
                bounce_classification="Invalid Address",
            ),
            "bounced",
            "devolvido: endereço inexistente, código 5.1.1",
        ),
        (
            sg_event("dropped", reason="Bounced Address"),
            "bounced",
            "não enviado pelo provedor: endereço que já devolveu mensagens",
        ),
        # none of these says anything against the address
        (
            sg_event("bounce", type="blocked", reason="listed"),
            "undelivered",
            "devolvido: bloqueado pelo destino",
        ),
        (
            sg_event("bounce", type="bounce", bounce_classification="Reputation"),
            "undelivered",
            "devolvido: recusado pela reputação do remetente",
        ),
        (
            sg_event("dropped", reason="Recipient List over Package Quota"),
            "undelivered",
            "não enviado pelo provedor: cota do provedor esgotada",
        ),
        (
            sg_event("dropped", reason="Spam Content (if Spam Checker app is enabled)"),
            "undelivered",
            "não enviado pelo provedor: conteúdo recusado pelo provedor",
        ),
        (
            sg_event("dropped", reason="Unsubscribed Address"),
            "undelivered",
            "não enviado pelo provedor: o cliente pediu para não receber e-mails",
        ),
        (sg_event("spamreport"), "complained", None),
        (sg_event("unsubscribe"), "unknown", None),
    ],
)
def test_each_report_has_one_meaning_and_repeats_no_address(ledger, report, state, reason):
    put(ledger, contact(1, "unknown"))
    events, others = read_events(json.dumps([report]).encode())
    assert (len(events), others) == (1, 0)
    assert record_events(ledger.engine, events).new == 1
    with ledger.engine.connect() as connection:
        row = connection.execute(sa.select(contacts)).one()
        kept = connection.execute(sa.select(delivery_events)).one()
    assert (row.state, row.state_reason) == (state, reason)
    assert ADDRESS not in repr(kept) + repr(row)


def test_what_is_not_ours_or_changes_nothing_is_left_out():
    reports = [
        sg_event("open"),
        sg_event("click"),
        sg_event("delivered", key=None),
        sg_event("delivered", key="short"),
        sg_event("delivered", key="x" * 500),
        {"event": "delivered", "message_key": KEY},
        {"event": "delivered", "message_key": KEY, "timestamp": 10**30},
        {"event": ["delivered"], "message_key": KEY, "timestamp": 1},
        sg_event("delivered"),
    ]
    events, others = read_events(json.dumps(reports).encode())
    assert (len(events), others) == (1, 8)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b'"text"', b"[" * 100_000, b"\xff\xfe", b"null", b"12"]
)
def test_a_body_that_is_no_list_of_events_is_refused(body):
    with pytest.raises(UnreadableReport):
        read_events(body)


def test_only_what_the_provider_signed_lately_is_believed():
    provider, other, body = Provider(), Provider(), json.dumps([sg_event("delivered")]).encode()
    verifier = SignatureVerifier([other.public, provider.public])
    signature, timestamp = provider.sign(body)
    verifier.verify(body, signature, timestamp, NOW)
    verifier.verify(body, signature, timestamp, NOW + timedelta(seconds=FRESH_SECONDS))
    alone = SignatureVerifier([provider.public])
    forgeries = {
        "another body": (body + b" ", signature, timestamp, NOW),
        "another time": (body, signature, str(int(timestamp) + 1), NOW),
        "another signer": (body, other.sign(body)[0], timestamp, NOW),
        "a copy kept": (body, signature, timestamp, NOW + timedelta(seconds=FRESH_SECONDS + 1)),
        "from tomorrow": (body, *provider.sign(body, NOW + timedelta(days=1)), NOW),
        "no signature": (body, None, timestamp, NOW),
        "no time": (body, signature, None, NOW),
        "bad base64": (body, "%%%", timestamp, NOW),
        "strange time": (body, signature, "١٢٣", NOW),
        "huge time": (body, signature, "9" * 400, NOW),
        "bad text": (b"\xff", signature, timestamp, NOW),
    }
    for name, forgery in forgeries.items():
        try:
            alone.verify(*forgery)
        except InvalidSignature:
            continue
        pytest.fail(f"accepted: {name}")


@pytest.mark.parametrize("keys", [[], ["not a key"], [""]])
def test_a_missing_public_key_says_where_to_get_it(keys):
    with pytest.raises(ConfigError, match="sendgrid_events.*Signature Verification"):
        SignatureVerifier(keys)
