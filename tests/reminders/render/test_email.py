"""Letters: legal fields, tone, unsubscribe headers, pictures, and messages that are refused."""

import re
from html import unescape

import pytest

from cobranca.payments import pix, qr
from cobranca.policy.letterhead import read_logo
from cobranca.reminders.channels.outbox import compose
from cobranca.reminders.render import unsubscribe
from cobranca.reminders.render.email import LetterRenderer
from cobranca.reminders.render.letter_samples import samples
from cobranca.reminders.render.payment_options import Unsendable
from pictures import png
from reminders.forbidden_words import disrespectful_words, promising_words
from reminders.plans import TONIGHT, item, message
from reminders.rendering import (
    AFTER_PAYMENT,
    CREDITOR,
    DUNNING,
    OFFER,
    RENDERER,
    letter,
    letter_for,
    plain_text,
    read_messages,
)

SURVEY_URL = "https://www.example.com.br/pesquisa"
SAMPLES = {message.template: message for _, message in samples(TONIGHT).values()}

# CDC, art. 42-A: who the creditor is, and how to reach it.
IDENTITY = (
    CREDITOR.legal_name,
    CREDITOR.tax_id,
    CREDITOR.address,
    CREDITOR.phone,
    CREDITOR.email,
)


def letter_after_payment(template: str, survey_url: str = SURVEY_URL):
    """The letter of a thank-you, or of a survey with its link."""
    url = survey_url if template == "survey" else None
    return letter_for(SAMPLES[template], survey_url=url)


@pytest.mark.parametrize("template", DUNNING)
def test_every_legal_field_is_in_both_versions(settings, template):
    overdue, upcoming = item("A1", days=10, amount="1250.90"), item("A2", days=-3, amount="99.90")
    written = letter(settings, overdue, upcoming, template=template)
    for version in (written.html, written.text):
        text = (
            plain_text(version).replace("\u00a0", " ")
            if version is written.html
            else version.replace("\u00a0", " ")
        )
        for field in IDENTITY:
            assert field in text, field
        # Lei SP 14.953/2013: principal, fine and interest itemised, and how they were computed.
        for line, amount in (
            ("Principal", "R$ 1.250,90"),
            ("Multa (2%)", "R$ 25,02"),
            ("Juros (10 dias desde 08/11/2026)", "R$ 4,17"),
        ):
            assert re.search(rf"{re.escape(line)}:? {re.escape(amount)}", text), line
        assert "juros simples de 1% ao mês (1/30 por dia)" in text
        # Amounts that are not yet due are not part of the overdue total.
        assert re.search(r"Total vencido \(?1 documento\)?:? R\$ 1\.280,09", text)
        assert (
            re.search(r"Total a vencer \(?1 documento\)?:? R\$ 99,90", text)
            and "R$ 1.379,99" not in text
        )
        # Payment options, due dates, a person to contact, and what to do if it is already paid.
        assert "23793.38128 86000.782713" in text and overdue["pix_code"] in text
        assert overdue["payment_url"] in version and "Pagar este documento" in version
        assert not re.search(r"\{\w*\}|\[\[|\{\{", version), "a placeholder was left"
        assert "Venceu em 08/11/2026, há 10 dias" in text and "Vence em 21/11/2026" in text
        assert "Já pagou?" in text and CREDITOR.service_hours in text
        assert text.index("Documento vencido") < text.index("A vencer")
        # LGPD: the legal basis, and how to unsubscribe.
        assert (
            "proteção do crédito (LGPD, art. 7º, X)" in text
            and "Prefere não receber os nossos e-mails?" in text
        )


@pytest.mark.parametrize("template", DUNNING)
def test_the_wording_is_respectful(settings, template):
    written = letter(settings, item("A1", days=10), template=template)
    for text in (written.subject, plain_text(written.html), written.text):
        assert disrespectful_words(text) == []


@pytest.mark.parametrize("template", DUNNING)
def test_a_letter_promises_only_what_the_creditor_configured(settings, template):
    planned = read_messages(settings, message(1, [item("A1", days=10)], template=template))[0]
    written = letter_for(planned, offer_options=("doze vezes",))
    for text in (written.subject, plain_text(written.html), written.text):
        assert promising_words(text) == []


@pytest.mark.parametrize("template", DUNNING)
def test_the_subject_reveals_no_name_amount_or_debt(settings, template):
    written = letter(
        settings, item("A1", days=10), template=template, customer_name="Joaquim Barbosa"
    )
    assert not re.search(
        r"joaquim|barbosa|\d|r\$|venc|pag|boleto|fatura|cobran|atras", written.subject.lower()
    )


def test_the_page_loads_nothing_from_the_network(settings):
    written = letter(settings, item("A1"))
    assert not re.search(r"<script|<link|@import|url\(", written.html)
    assert all(source.startswith("cid:") for source in re.findall(r"src=\"([^\"]*)", written.html))


def test_a_letter_of_fifteen_documents_is_whole_and_light(settings):
    written = letter(settings, *(item(f"A{n:03d}", days=n) for n in range(1, 16)))
    assert len(written.html.encode()) <= 90_000 and written.attachment is None
    assert len(compose(written).as_bytes()) < 200_000


@pytest.mark.parametrize(
    ("payer_class", "template", "url", "is_shown"),
    [
        ("viciado", "preventive", "https://www.example.com.br/dda", True),
        ("viciado", "first_notice", "https://www.example.com.br/dda", True),
        ("viciado", "last_notice", "https://www.example.com.br/dda", False),
        ("irregular", "preventive", "https://www.example.com.br/dda", False),
        ("viciado", "preventive", None, False),
    ],
)
def test_only_habitual_late_payers_get_the_education_link(
    settings, payer_class, template, url, is_shown
):
    rows = message(
        1, [item("A1", days=-3)], template=template, payer_class=payer_class, step_offset=-3
    )
    written = letter_for(read_messages(settings, rows)[0], education_url=url)
    assert (
        ("Uma dica para o dia a dia." in written.text)
        == ("Uma dica para o dia a dia." in written.html)
        == is_shown
    )
    assert not is_shown or (url in written.html and url in written.text)


def test_an_offer_lists_the_configured_options(settings):
    options = ("12 parcelas", "<i>prazo</i>")
    offer = read_messages(settings, message(1, template="offer"))[0]
    written = letter_for(offer, offer_options=options)
    assert "- 12 parcelas\n- <i>prazo</i>\n" in written.text
    assert ">12 parcelas</li>" in written.html and "&lt;i&gt;prazo" in written.html
    other = read_messages(settings, message(1))[0]
    assert "12 parcelas" not in letter_for(other, offer_options=options).text


@pytest.mark.parametrize("template", AFTER_PAYMENT)
def test_a_letter_after_payment_mentions_no_debt(template):
    written = letter_after_payment(template)
    assert not written.pictures
    for text in (written.subject, plain_text(written.html), written.text):
        assert not re.search(
            r"R\$|venc|boleto|pix|multa|juros|já pagou|crédito", text, re.IGNORECASE
        )
        assert disrespectful_words(text) == []
    for text in (plain_text(written.html), written.text):
        assert "Identificamos o seu pagamento em 17/11/2026" in text
        for field in IDENTITY:
            assert field in text, field
    link = f"{SURVEY_URL}?s=exemplo"
    assert (link in written.text) == (link in written.html) == (template == "survey")


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://forms.example.com/f", "https://forms.example.com/f?s=exemplo"),
        ("https://forms.example.com/f?id=9", "https://forms.example.com/f?id=9&s=exemplo"),
    ],
)
def test_the_survey_link_keeps_the_query_of_its_url(url, link):
    written = letter_after_payment("survey", url)
    assert f"{link}\n" in written.text and f'"{link}"' in unescape(written.html)


def test_a_thank_you_with_an_open_document_is_refused(settings):
    with pytest.raises(Unsendable, match="títulos em aberto"):
        letter(settings, item("A1"), template="thank_you")


def test_customers_who_share_a_mailbox_get_separate_letters(settings):
    shared = "contador@example.com"
    found = read_messages(
        settings,
        *(
            message(n, customer_name=name, email=shared)
            for n, name in ((1, "Ana Um"), (2, "Bia Dois"))
        ),
    )
    first, second = (RENDERER.render(message) for message in found)
    if "Ana" not in first.text:
        first, second = second, first
    assert (
        first.to_address == second.to_address == shared and first.message_key != second.message_key
    )
    for own, other in ((first, "R00002"), (second, "R00001")):
        assert other not in own.text and other not in own.html
    assert "Bia" not in first.text + first.html and "Ana" not in second.text + second.html


@pytest.mark.parametrize(("documents", "is_shown"), [(4, False), (5, True)])
def test_a_letter_of_many_documents_begins_with_an_overview(settings, documents, is_shown):
    written = letter(settings, *(item(f"A{n:03d}", days=n) for n in range(1, documents + 1)))
    assert ("Resumo" in plain_text(written.html)) == is_shown
    assert written.html.count("NF-A001") == (2 if is_shown else 1)


def test_a_letter_without_payment_options_says_how_to_get_one(settings):
    written = letter(settings, item("A1", boleto_line=None, pix_code=None, payment_url=None))
    assert CREDITOR.phone in written.text and "Para receber o boleto" in written.text


@pytest.mark.parametrize(
    "address",
    [None, "", "maria", "maria@", "a@example.com, b@example.com", "a@example.com\nBcc: b@c.d"],
)
def test_a_letter_without_one_valid_address_is_refused(settings, address):
    with pytest.raises(Unsendable, match="e-mail inválido"):
        letter(settings, item("A1"), email=address)


def test_an_unknown_template_is_refused(settings):
    with pytest.raises(Unsendable, match="modelo"):
        letter(settings, item("A1"), template="third_notice")


def test_the_repr_of_a_letter_holds_no_personal_data(settings):
    planned = read_messages(settings, message(1))[0]
    written = RENDERER.render(planned)
    assert "maria" not in repr(planned).lower() and "maria" not in repr(written).lower()


@pytest.mark.usefixtures("unsubscribe_secret")
def test_rendering_a_message_twice_gives_the_same_letter():
    first, second = (letter_for(unsubscribe_url="https://a.example/sair") for _ in range(2))
    assert first == second


def test_each_pix_code_has_a_picture_that_the_html_references():
    letter = letter_for()
    assert [picture.content_id for picture in letter.pictures] == re.findall(
        r'src="cid:([^"]*)"', letter.html
    )
    assert [picture.content for picture in letter.pictures] == [
        qr.png(item.pix_code) for item in OFFER.items
    ]
    assert all(picture.content_id.endswith("@example.com.br") for picture in letter.pictures)


def test_each_picture_shows_the_pix_code_of_the_text():
    own = letter_for(pix_key="pix@example.com.br")
    codes = re.findall(r"Pix copia e cola: (\S.*)", own.text)
    assert [picture.content for picture in own.pictures] == [qr.png(code.strip()) for code in codes]
    assert all(pix.is_valid(code) for code in codes)


def test_a_pix_code_too_long_for_a_qr_code_is_refused(monkeypatch):
    # No valid code is that long, so the limit of QR codes is lowered here.
    assert len(qr.matrix("x" * pix.LONGEST)) > 0
    message = samples(TONIGHT)["6-last_notice"][1]
    monkeypatch.setattr(qr, "_BLOCKS", qr._BLOCKS[:4])
    with pytest.raises(Unsendable, match="longo demais para um QR Code"):
        RENDERER.render(message)


@pytest.mark.usefixtures("unsubscribe_secret")
def test_the_unsubscribe_header_is_one_click_and_identifies_no_person():
    letter = letter_for(unsubscribe_url="https://a.example/sair")
    headers = dict(letter.headers)
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.match(
        r"<(https://a\.example/sair\?t=([\w-]+))>, <mailto:", headers["List-Unsubscribe"]
    )
    assert unsubscribe.named_by(link[2]) == (OFFER.customer_key, OFFER.creditor)
    assert (
        OFFER.customer_key not in str(headers) and "example.com>" not in headers["List-Unsubscribe"]
    )
    assert f'href="{link[1]}"' in letter.html and link[1] in letter.text


def test_without_an_unsubscribe_page_the_header_is_a_prepared_reply():
    letter = letter_for()
    assert dict(letter.headers) == {
        "List-Unsubscribe": f"<mailto:{CREDITOR.reply_to}"
        f"?subject=Parar%20os%20e-mails%3A%20{OFFER.message_key}>"
    }
    assert (
        "Responda a este e-mail com a palavra" in letter.html
        and "Responda a este e-mail com a palavra" in letter.text
    )


def test_a_letter_carries_the_logo_and_the_color_of_its_creditor(tmp_path):
    (tmp_path / "logo.png").write_bytes(png(480, 120))
    creditor = CREDITOR.model_copy(update={"color": "#7a2e12"})
    creditor._picture = read_logo(tmp_path / "logo.png")
    written = LetterRenderer(creditor, TONIGHT).render(OFFER)
    logo = written.pictures[0]
    assert (logo.file_name, logo.content) == ("logo.png", png(480, 120))
    assert logo.content_id == f"logo.{OFFER.message_key}@example.com.br"
    assert len({picture.content_id for picture in written.pictures}) == len(written.pictures) == 3
    (shown,) = re.findall(r"<img src=\"cid:logo\.[^>]*>", written.html)
    assert f"cid:{logo.content_id}" in shown and 'width="160" height="40"' in shown
    assert f'alt="{CREDITOR.trade_name}"' in shown, "for whoever sees no pictures"
    # head, buttons and links; none of the template's own
    assert written.html.count("#7a2e12") > 4
    assert not re.search("#0b5f58|#0b6b63|#cfe6e3", written.html)


def test_a_letter_without_a_logo_shows_none():
    written = letter_for()
    assert "cid:logo" not in written.html and len(written.pictures) == 2
    assert written.html.count("#0b5f58") and not re.search("colors|None", written.html)
