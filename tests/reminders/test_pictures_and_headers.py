"""What goes with a letter: pictures of its Pix codes, the way out of the mailing, and how the channels carry both."""

import base64
import re
from email import message_from_bytes, policy

import pytest

from cobranca.payments import pix, qr
from cobranca.policy import load_policy
from cobranca.reminders import unsubscribe
from cobranca.reminders.channels import outbox, sendgrid_mail
from cobranca.reminders.channels.outbox import Outbox
from cobranca.reminders.letters import LetterWriter
from cobranca.reminders.preview import samples
from cobranca.settings import PROJECT_ROOT
from reminders.plans import TONIGHT

CREDITOR = load_policy(PROJECT_ROOT / "include" / "config", TONIGHT).creditor
TWO = samples(TONIGHT)["5-offer"][1]
SECRET = "a secret of an installation, long enough"


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_UNSUBSCRIBE", f'{{"conn_type": "generic", "password": "{SECRET}"}}')


def write(message=TWO, **settings):
    return LetterWriter(CREDITOR.model_copy(update=settings), TONIGHT).write(message)


def test_each_pix_code_has_its_picture_where_the_page_names_it():
    letter = write()
    assert [picture.content_id for picture in letter.pictures] == re.findall(r'src="cid:([^"]*)"', letter.html)
    assert [picture.content for picture in letter.pictures] == [qr.png(item.pix_code) for item in TWO.items]
    assert all(picture.content_id.endswith("@example.com.br") for picture in letter.pictures)


def test_the_outbox_mail_carries_the_pictures_inline():
    letter = write()
    mail = message_from_bytes(outbox.compose(letter).as_bytes(), policy=policy.default)
    pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert [part["Content-ID"] for part in pictures] == [f"<{picture.content_id}>" for picture in letter.pictures]
    assert [part.get_content() for part in pictures] == [picture.content for picture in letter.pictures]
    assert {part.get_content_disposition() for part in pictures} == {"inline"}
    assert mail.get_body(("plain",)).get_content().splitlines() == letter.text.splitlines()


def test_the_outbox_page_opens_from_disk_with_its_pictures(tmp_path):
    letter = write()
    assert Outbox(tmp_path, TONIGHT).send(letter).result == "sent"
    page = (tmp_path / f"{letter.message_key}.html").read_text(encoding="utf-8")
    shown = re.findall(r'src="data:image/png;base64,([^"]*)"', page)
    assert [base64.b64decode(content) for content in shown] == [picture.content for picture in letter.pictures]
    assert "cid:" not in page


def test_sendgrid_gets_the_pictures_and_the_headers():
    letter = write(unsubscribe_url="https://a.example/sair")
    body = sendgrid_mail.compose(letter)
    sent = {each["content_id"]: each for each in body["attachments"]}
    assert sorted(sent) == sorted(picture.content_id for picture in letter.pictures)
    for picture in letter.pictures:
        found = sent[picture.content_id]
        assert (found["disposition"], found["type"], found["filename"]) == ("inline", "image/png", picture.file_name)
        assert base64.b64decode(found["content"]) == picture.content
    assert body["headers"] == dict(letter.headers)


def test_one_click_stops_the_messages_and_the_link_names_nobody():
    message = TWO
    letter = write(unsubscribe_url="https://a.example/sair")
    headers = dict(letter.headers)
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.match(r"<(https://a\.example/sair\?t=([\w-]+))>, <mailto:", headers["List-Unsubscribe"])
    assert unsubscribe.customer_of(link[2]) == message.customer_key
    assert message.customer_key not in str(headers) and "example.com>" not in headers["List-Unsubscribe"]
    assert f'href="{link[1]}"' in letter.html and link[1] in letter.text


def test_without_a_page_the_way_out_is_a_prepared_reply():
    letter = write()
    assert dict(letter.headers) == {
        "List-Unsubscribe": f"<mailto:{CREDITOR.reply_to}?subject=Parar%20os%20e-mails%3A%20{TWO.message_key}>"
    }
    assert "Responda a este e-mail com a palavra" in letter.html and "Responda a este e-mail com a palavra" in letter.text


def test_the_headers_survive_the_mail():
    letter = write(unsubscribe_url="https://a.example/sair")
    mail = message_from_bytes(outbox.compose(letter).as_bytes(), policy=policy.default)
    for name, value in letter.headers:
        assert "".join(mail[name].split()) == "".join(value.split())


def test_a_letter_written_twice_is_the_same_letter():
    assert write(unsubscribe_url="https://a.example/sair") == write(unsubscribe_url="https://a.example/sair")


def test_the_picture_is_of_the_code_in_the_text():
    own = write(pix_key="pix@example.com.br")
    codes = re.findall(r"Pix copia e cola: (\S.*)", own.text)
    assert [picture.content for picture in own.pictures] == [qr.png(code.strip()) for code in codes]
    assert all(pix.is_valid(code) for code in codes)
