"""SendGrid: the body of a request.

What each of the provider's answers means is tested in ``tests/faults``.
"""

import base64
import json
from dataclasses import replace
from email.message import Message

import pytest

from cobranca.reminders.channels import Attachment, sendgrid
from cobranca.reminders.render import statement
from reminders.rendering import RENDERER, letter_for, many, message_about


@pytest.mark.usefixtures("unsubscribe_secret")
def test_the_request_carries_the_pictures_and_the_headers():
    letter = letter_for(unsubscribe_url="https://a.example/sair")
    body = sendgrid.compose(letter)
    sent = {each["content_id"]: each for each in body["attachments"]}
    assert sorted(sent) == sorted(picture.content_id for picture in letter.pictures)
    for picture in letter.pictures:
        found = sent[picture.content_id]
        assert (found["disposition"], found["type"], found["filename"]) == (
            "inline",
            "image/png",
            picture.file_name,
        )
        assert base64.b64decode(found["content"]) == picture.content
    assert body["headers"] == dict(letter.headers)


def test_the_request_carries_the_statement_of_a_long_letter():
    letter = RENDERER.render(message_about(*many(200)))
    *pictures, found = sendgrid.compose(letter)["attachments"]
    assert len(pictures) == len(letter.pictures) > 0
    assert base64.b64decode(found.pop("content")) == letter.attachment.content
    # The provider refuses a type with a semicolon, so the file itself says that it is UTF-8.
    assert found == {
        "type": "text/csv",
        "filename": "relacao_de_documentos_2026-11-18.csv",
        "disposition": "attachment",
    }
    bare = RENDERER.render(message_about(*many(200, pix_code=None)))
    assert len(sendgrid.compose(bare)["attachments"]) == 1
    assert "attachments" not in sendgrid.compose(
        RENDERER.render(message_about(*many(1, pix_code=None)))
    )


def test_the_largest_message_is_one_that_the_provider_takes(monkeypatch):
    """30 MB with everything, as SendGrid counts: 31,457,280 bytes."""
    letter = RENDERER.render(message_about(*many(200)))
    largest = Attachment("a.csv", "text/csv", b"x" * statement.MOST_BYTES)
    body = sendgrid.compose(replace(letter, attachment=largest))
    assert len(json.dumps(body)) < 25_000_000


def answered(**headers: str) -> Message:
    found = Message()
    for name, value in headers.items():
        found[name.replace("_", "-")] = value
    return found


@pytest.mark.parametrize(
    ("status", "message_id", "result"),
    [(202, "id", "sent"), (202, None, "unknown"), (200, "id", "unknown"), (204, "id", "unknown")],
)
def test_only_202_with_an_id_is_accepted(status, message_id, result):
    headers = answered(X_Message_Id=message_id) if message_id else answered()
    assert sendgrid._accepted(status, headers).result == result


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (400, "rejected"),
        (401, "halt"),
        (403, "halt"),
        (404, "unknown"),
        (413, "rejected"),
        (429, "retry"),
        (500, "unknown"),
        (503, "unknown"),
    ],
)
def test_each_refusal_has_its_outcome(status, result):
    """Only what proves that the message was not accepted may be sent again."""
    assert sendgrid._refused(status, answered()).result == result


@pytest.mark.usefixtures("unsubscribe_secret")
def test_no_reader_is_tracked():
    """Of a person the provider learns what the letter needs, and of ours only an opaque key."""
    letter = letter_for()
    body = sendgrid.compose(letter)
    assert body["tracking_settings"] == {
        "click_tracking": {"enable": False, "enable_text": False},
        "open_tracking": {"enable": False},
    }
    assert body["custom_args"] == {"message_key": letter.message_key}
