"""SendGrid: the body of a request.

What each of the provider's answers means is tested in ``tests/faults``.
"""

import base64
from email.message import Message

import pytest

from cobranca.reminders.channels import sendgrid
from reminders.rendering import letter_for


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
