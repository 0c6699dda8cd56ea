"""The outbox: mails with pictures and headers, pages for a browser, and text messages."""

import base64
import re
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from cobranca.reminders import deliver, plan
from cobranca.reminders.channels.outbox import Outbox, compose
from reminders.plans import TONIGHT, item, message, publish_plan
from reminders.rendering import RENDERER, letter, letter_for, many, message_about


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


LONG, SHORT = (RENDERER.render(message_about(*many(number))) for number in (200, 1))


def test_the_mail_carries_the_statement_of_a_long_letter():
    mail = message_from_bytes(compose(LONG).as_bytes(), policy=policy.default)
    [attached] = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == (
        "relacao_de_documentos_2026-11-18.csv",
        "text/csv",
    )
    assert attached.get_payload(decode=True) == LONG.attachment.content
    # The letter is the letter still: its text, its page, and the pictures within the page.
    assert mail.get_body(("plain",)).get_content().splitlines() == LONG.text.splitlines()
    assert mail.get_body(("html",)).get_content().split() == LONG.html.split()
    pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert len(pictures) == len(LONG.pictures) > 0
    short = message_from_bytes(compose(SHORT).as_bytes(), policy=policy.default)
    assert list(short.iter_attachments()) == []


def test_a_person_opens_the_statement_from_the_page_and_from_the_index(tmp_path):
    outbox = Outbox(tmp_path, TONIGHT)
    for key, written in (("long", LONG), ("short", SHORT)):
        assert outbox.send(replace(written, message_key=key)).result == "sent"
    outbox.close()
    assert (tmp_path / "long.csv").read_bytes() == LONG.attachment.content
    page = (tmp_path / "long.html").read_text(encoding="utf-8")
    name = LONG.attachment.file_name
    assert f'href="long.csv" download="{name}">{name}</a>' in page
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert index.count('<a href="long.csv">anexo</a>') == index.count("anexo") == 1
    assert {path.name for path in tmp_path.glob("short.*")} == {"short.eml", "short.html"}
    assert "Anexo" not in (tmp_path / "short.html").read_text(encoding="utf-8")


def test_a_statement_of_an_attempt_before_does_not_stay(tmp_path):
    """The page was written, the mail was not; until the next attempt most was paid."""
    (tmp_path / f"{SHORT.message_key}.csv").write_bytes(LONG.attachment.content)
    outbox = Outbox(tmp_path, TONIGHT)
    outbox.send(SHORT)
    outbox.close()
    assert list(tmp_path.glob("*.csv")) == []
    assert "anexo" not in (tmp_path / "index.html").read_text(encoding="utf-8")


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
