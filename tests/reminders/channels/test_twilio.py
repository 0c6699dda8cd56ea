"""Twilio: requests as the provider gets them, and what each of its answers means."""

import json
import logging
from dataclasses import replace

import pytest

from cobranca.connections import Connection
from cobranca.errors import ConfigError
from cobranca.policy import load_policy
from cobranca.policy.texts import Texts
from cobranca.reminders.channels import Text
from cobranca.reminders.channels.twilio import Twilio
from cobranca.reminders.render.renderer import MessageRenderer
from reminders.plans import PHONE, TONIGHT
from reminders.rendering import planned_text

SID = "HX" + "a" * 32
ANSWERS = {
    "ok": "sent",
    "accept then drop": "unknown",
    "accept then late": "unknown",
    "accept then 500": "unknown",
    "503": "unknown",
    "302": "unknown",
    "half": "unknown",
    "429": "retry",
    "400": "rejected",
    "401": "halt",
    "403": "halt",
}


def rendered_text(settings) -> Text:
    renderer = MessageRenderer(load_policy(settings.config, TONIGHT), TONIGHT)
    return renderer.render(planned_text(settings))


@pytest.mark.parametrize(("behaviour", "result"), ANSWERS.items())
def test_each_answer_of_the_provider_has_one_outcome(settings, twilio, behaviour, result, caplog):
    caplog.set_level(logging.DEBUG)
    channel, server = twilio(behaviour)
    text = rendered_text(settings)
    outcome = channel.send(text)
    assert outcome.result == result
    assert (outcome.provider_message_id is not None) == (result == "sent")
    for secret in (PHONE, "token-secret", "Maria"):
        assert secret not in caplog.text and secret not in repr(outcome)
    if server.accepted:
        assert result in ("sent", "unknown"), "what was accepted is never sent again"


def test_a_refused_connection_is_retried(settings, twilio):
    channel, server = twilio()
    server.close()
    text = rendered_text(settings)
    assert channel.send(text).result == "retry"


def test_the_request_has_recipient_sender_and_approved_template(settings, twilio):
    channel, server = twilio()
    text = rendered_text(settings)
    channel.send(text)
    channel.send(replace(text, channel="sms", content_sid=None))
    channel.send(replace(text, content_sid=SID))
    whatsapp, sms, approved = server.accepted
    assert (whatsapp["To"], whatsapp["From"]) == (f"whatsapp:{PHONE}", "whatsapp:+5511400000000")
    assert (sms["To"], sms["From"], sms["Body"]) == (PHONE, "+5511400000001", text.body)
    assert sms["StatusCallback"].endswith(f"/cobranca/events/twilio?message_key={text.message_key}")
    assert approved["ContentSid"] == SID and "Body" not in approved
    assert json.loads(approved["ContentVariables"])["1"] == "Maria"


def test_a_connection_without_token_is_refused_with_the_cure():
    with pytest.raises(ConfigError, match="AIRFLOW_CONN_TWILIO"):
        Twilio(Connection("twilio", "twilio"), Texts())
