"""The outbox: mails with pictures and headers, pages for a browser, and text messages."""

import base64
import re
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from cobranca.reminders import deliver, plan
from cobranca.reminders.channels.outbox import Outbox, compose
from reminders.plans import TONIGHT, item, message, publish_plan
from reminders.rendering import letter, letter_for


def test_the_mail_is_read_back_as_written(settings):
    written = letter(settings, item("A1"), customer_name="José, o Ferreiro Ltda")
    mail = message_from_bytes(compose(written).as_bytes(), policy=policy.default)
    assert mail["To"].addresses[0].display_name == "José, o Ferreiro Ltda"
    assert mail["Subject"] == written.subject
    assert mail.get_body(("plain",)).get_content().splitlines() == written.text.splitlines()
    assert mail.get_body(("html",)).get_content().split() == written.html.split()
    with pytest.raises(ValueError):
        compose(replace(written, to_name="José\nBcc: outro@example.com"))


def test_the_mail_carries_the_pictures_inline():
    letter = letter_for()
    mail = message_from_bytes(compose(letter).as_bytes(), policy=policy.default)
    pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert [part["Content-ID"] for part in pictures] == [
        f"<{picture.content_id}>" for picture in letter.pictures
    ]
    assert [part.get_content() for part in pictures] == [
        picture.content for picture in letter.pictures
    ]
    assert {part.get_content_disposition() for part in pictures} == {"inline"}
    assert mail.get_body(("plain",)).get_content().splitlines() == letter.text.splitlines()


def test_the_page_for_a_browser_embeds_the_pictures(tmp_path):
    letter = letter_for()
    assert Outbox(tmp_path, TONIGHT).send(letter).result == "sent"
    page = (tmp_path / f"{letter.message_key}.html").read_text(encoding="utf-8")
    shown = re.findall(r'src="data:image/png;base64,([^"]*)"', page)
    assert [base64.b64decode(content) for content in shown] == [
        picture.content for picture in letter.pictures
    ]
    assert "cid:" not in page


@pytest.mark.usefixtures("unsubscribe_secret")
def test_the_mail_keeps_the_headers_of_the_letter():
    letter = letter_for(unsubscribe_url="https://a.example/sair")
    mail = message_from_bytes(compose(letter).as_bytes(), policy=policy.default)
    for name, value in letter.headers:
        assert "".join(mail[name].split()) == "".join(value.split())


def test_text_messages_stay_in_the_outbox_by_default(settings):
    publish_plan(settings, [message(1), message(2, channel="whatsapp"), message(3, channel="sms")])
    plan(settings, TONIGHT)
    assert deliver(settings, TONIGHT).sent == 3
    folder = settings.folder("outbox", TONIGHT)
    mails = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in folder.glob("*.eml")
    ]
    texts = {str(mail["Subject"]): mail for mail in mails if mail["Subject"] in ("WhatsApp", "SMS")}
    assert set(texts) == {"WhatsApp", "SMS"}
    assert "Ipê Amarelo" in texts["SMS"].get_content()
    assert deliver(settings, TONIGHT).new == 0
