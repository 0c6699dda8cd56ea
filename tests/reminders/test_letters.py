"""The letters: what the law asks for is in them, what would hurt is not, and wrong ways to pay never leave."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from html import unescape

import pytest

from cobranca.errors import PartitionError
from cobranca.money import format_money
from cobranca.policy import load_policy
from cobranca.reminders.channels.outbox import compose
from cobranca.reminders.compile_templates import TEMPLATES, compile_template, names
from cobranca.reminders.letters import LetterWriter, Unsendable
from cobranca.reminders.messages import FILE, Message, PlanFile
from cobranca.reminders.preview import samples
from cobranca.settings import PROJECT_ROOT
from reminders.plans import TONIGHT, item, message, publish_plan
from reminders.respect import promises, refuse

CREDITOR = load_policy(PROJECT_ROOT / "include" / "config", TONIGHT).creditor
WRITER = LetterWriter(CREDITOR, TONIGHT)
NAMES = ["preventive", "due_today", "first_notice", "second_notice", "offer", "last_notice"]
SETTLED = {"thank_you": None, "survey": "https://www.example.com.br/pesquisa"}


def read(settings, *messages: list[dict]) -> list[Message]:
    with PlanFile(publish_plan(settings, list(messages)).path(FILE)) as plan:
        return [found for chunk in plan.messages() for found in chunk]


def letter(settings, *items: dict, **changes):
    return WRITER.write(read(settings, message(1, list(items), **changes))[0])


def courtesy(template: str, **changes):
    """A letter to somebody who has paid."""
    writer = LetterWriter(CREDITOR.model_copy(update={"survey_url": SETTLED[template]} | changes), TONIGHT)
    return writer.write(dict(samples(TONIGHT).values())[TITLES[template]])


TITLES = {message.template: title for title, message in samples(TONIGHT).values()}


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_the_shipped_html_is_what_the_sources_compile_to():
    assert names() == sorted([*NAMES, *SETTLED])
    for name in names():
        for file, content in compile_template(name).items():
            shipped = (TEMPLATES / file).read_text(encoding="utf-8")
            assert shipped == content, f"run python -m cobranca.reminders.compile_templates ({file})"


@pytest.mark.parametrize("template", NAMES)
def test_every_legal_field_is_in_both_versions(settings, template):
    overdue, upcoming = item("A1", days=10, amount="1250.90"), item("A2", days=-3, amount="99.90")
    written = letter(settings, overdue, upcoming, template=template)
    for version in (written.html, written.text):
        text = plain(version).replace("\u00a0", " ") if version is written.html else version.replace("\u00a0", " ")
        # CDC 42-A: who collects.
        for field in (CREDITOR.legal_name, CREDITOR.tax_id, CREDITOR.address, CREDITOR.phone, CREDITOR.email):
            assert field in text, field
        # Lei SP 14.953/2013: principal, fine and interest apart, and how they were computed.
        for line, amount in (
            ("Principal", "R$ 1.250,90"),
            ("Multa (2%)", "R$ 25,02"),
            ("Juros (10 dias desde 08/11/2026)", "R$ 4,17"),
        ):
            assert re.search(rf"{re.escape(line)}:? {re.escape(amount)}", text), line
        assert "juros simples de 1% ao mês (1/30 por dia)" in text
        # What is not yet due is no part of what is owed.
        assert re.search(r"Total vencido \(?1 documento\)?:? R\$ 1\.280,09", text)
        assert re.search(r"Total a vencer \(?1 documento\)?:? R\$ 99,90", text) and "R$ 1.379,99" not in text
        # Ways to pay, due dates, a person to talk to, "already paid?".
        assert "23793.38128 86000.782713" in text and overdue["pix_code"] in text
        assert overdue["payment_url"] in version and "Pagar este documento" in version
        assert not re.search(r"\{\w*\}|\[\[|\{\{", version), "a placeholder was left"
        assert "Venceu em 08/11/2026, há 10 dias" in text and "Vence em 21/11/2026" in text
        assert "Já pagou?" in text and CREDITOR.service_hours in text
        assert text.index("Documento vencido") < text.index("A vencer")
        # LGPD: on what basis, and how to stop the messages.
        assert "proteção do crédito (LGPD, art. 7º, X)" in text and "Prefere não receber os nossos e-mails?" in text


@pytest.mark.parametrize("template", NAMES)
def test_the_wording_is_respectful(settings, template):
    written = letter(settings, item("A1", days=10), template=template)
    for text in (written.subject, plain(written.html), written.text):
        assert refuse(text) == []


@pytest.mark.parametrize("template", NAMES)
def test_nothing_is_promised_but_what_the_creditor_wrote(settings, template):
    kept = LetterWriter(CREDITOR.model_copy(update={"offer_options": ("doze vezes",)}), TONIGHT)
    written = kept.write(read(settings, message(1, [item("A1", days=10)], template=template))[0])
    for text in (written.subject, plain(written.html), written.text):
        assert promises(text) == []


@pytest.mark.parametrize(
    ("items", "asked"),
    [
        ([item("A1", days=10)], "Não reconhece este documento?"),
        ([item("A1", days=10), item("A2", days=-3)], "Não reconhece este documento?"),
        ([item("A1", days=10), item("A2", days=2)], "Não reconhece algum destes documentos?"),
        ([item("A2", days=-3)], None),
    ],
)
@pytest.mark.parametrize("template", ["second_notice", "last_notice"])
def test_whoever_does_not_know_a_document_can_say_so(settings, items, asked, template):
    written = letter(settings, *items, template=template)
    for text in (plain(written.html), written.text):
        assert re.findall(r"Não reconhece[^?]*\?", text) == ([asked] if asked else [])


@pytest.mark.parametrize("template", NAMES)
def test_the_subject_tells_a_passer_by_nothing(settings, template):
    written = letter(settings, item("A1", days=10), template=template, customer_name="Joaquim Barbosa")
    assert not re.search(r"joaquim|barbosa|\d|r\$|venc|pag|boleto|fatura|cobran|atras", written.subject.lower())


def test_the_page_calls_nobody(settings):
    written = letter(settings, item("A1"))
    assert not re.search(r"<script|<link|@import|url\(", written.html)
    assert all(source.startswith("cid:") for source in re.findall(r"src=\"([^\"]*)", written.html))


def test_fifteen_documents_still_fit_into_what_mail_programs_show(settings):
    written = letter(settings, *(item(f"A{n:03d}", days=n) for n in range(1, 16)))
    assert len(written.html.encode()) < 102_000, "Gmail cuts longer pages"
    assert len(compose(written).as_bytes()) < 200_000


@pytest.mark.parametrize(
    ("name", "kind", "greeting"),
    [
        ("MARIA DA SILVA", "consumer", "Olá, Maria."),
        ("joão souza", "consumer", "Olá, João."),
        ("Ana  McDonald", "consumer", "Olá, Ana."),
        ("D'ÁVILA SOUZA", "consumer", "Olá, D'Ávila."),
        ("MARIA-CLARA DE SÁ", "consumer", "Olá, Maria-Clara."),
        ("MARIA SILVA 12345678901", "consumer", "Olá, Maria."),
        ("MARIA SILVA 12345678901", None, "Olá, Maria Silva."),
        # a title or an initial is nobody's first name
        ("Sr. João", "consumer", "Olá, Sr. João."),
        ("DRA ANA DOS SANTOS", "consumer", "Olá, Dra Ana dos Santos."),
        ("J SILVA", "consumer", "Olá, J Silva."),
        ("M.ª Souza", "consumer", "Olá, M.ª Souza."),
        # turned around, notes, nobody in particular
        ("SILVA, MARIA", "consumer", "Olá."),
        ("(espólio) João", "consumer", "Olá."),
        ("Espólio de João Silva", "consumer", "Olá."),
        ("MARIA (FALECIDA)", "consumer", "Olá."),
        ("*** NÃO LIGAR *** MARIA", "consumer", "Olá."),
        ("CONSUMIDOR FINAL", "consumer", "Olá."),
        ("12345", "consumer", "Olá."),
        ("...", "consumer", "Olá."),
        ("  ", "consumer", "Olá."),
        ("Maria\u202eavliS", "consumer", "Olá."),
        ("A" * 101, "consumer", "Olá."),
        ("Mercado Bom Preço Ltda", "business", "Olá, Mercado Bom Preço Ltda."),
        ("<b>Zé</b> & Filhos", "business", "Olá, <b>Zé</b> & Filhos."),
        ("Padaria Ltda.", "business", "Olá, Padaria Ltda."),
        ("Padaria\u202e", "business", "Olá."),
        # a company that owes as a consumer
        ("PADARIA PÃO QUENTE LTDA.", "consumer", "Olá, PADARIA PÃO QUENTE LTDA."),
        ("Exemplo S/A", "consumer", "Olá, Exemplo S/A."),
        # thanked: no receivable says who owed
        ("PADARIA PÃO QUENTE", None, "Olá, Padaria Pão Quente."),
        ("Padaria Pão Quente Ltda.", None, "Olá, Padaria Pão Quente Ltda."),
        ("MARIA DA SILVA", None, "Olá, Maria da Silva."),
        ("SILVA, MARIA", None, "Olá."),
    ],
)
def test_payers_are_greeted_by_a_name_that_is_surely_theirs(name, kind, greeting):
    found = dict(samples(TONIGHT).values())
    message = found[TITLES["first_notice" if kind else "thank_you"]]
    items = tuple(replace(item, contract_type=kind) for item in message.items)
    written = WRITER.write(replace(message, customer_name=name, items=items))
    assert f"\n{greeting}\n" in written.text and "<b>Zé" not in written.html
    assert f" {greeting} " in plain(written.html) or "<" in name


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
def test_only_the_habitually_late_are_shown_how_not_to_forget(settings, payer_class, template, url, is_shown):
    writer = LetterWriter(CREDITOR.model_copy(update={"education_url": url}), TONIGHT)
    rows = message(1, [item("A1", days=-3)], template=template, payer_class=payer_class, step_offset=-3)
    written = writer.write(read(settings, rows)[0])
    assert ("Uma dica para o dia a dia." in written.text) == ("Uma dica para o dia a dia." in written.html) == is_shown
    assert not is_shown or (url in written.html and url in written.text)


def test_an_offer_names_what_the_company_keeps(settings):
    writer = LetterWriter(CREDITOR.model_copy(update={"offer_options": ("12 parcelas", "<i>prazo</i>")}), TONIGHT)
    written = writer.write(read(settings, message(1, template="offer"))[0])
    assert "- 12 parcelas\n- <i>prazo</i>\n" in written.text
    assert ">12 parcelas</li>" in written.html and "&lt;i&gt;prazo" in written.html
    assert "12 parcelas" not in writer.write(read(settings, message(1))[0]).text


@pytest.mark.parametrize("template", SETTLED)
def test_who_has_paid_hears_of_no_debt(template):
    written = courtesy(template)
    assert not written.pictures
    for text in (written.subject, plain(written.html), written.text):
        assert not re.search(r"R\$|venc|boleto|pix|multa|juros|já pagou|crédito", text, re.IGNORECASE)
        assert refuse(text) == []
    for text in (plain(written.html), written.text):
        assert "Identificamos o seu pagamento em 17/11/2026" in text
        for field in (CREDITOR.legal_name, CREDITOR.tax_id, CREDITOR.address, CREDITOR.phone, CREDITOR.email):
            assert field in text, field
    link = "https://www.example.com.br/pesquisa?s=exemplo"
    assert (link in written.text) == (link in written.html) == (template == "survey")


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://forms.example.com/f", "https://forms.example.com/f?s=exemplo"),
        ("https://forms.example.com/f?id=9", "https://forms.example.com/f?id=9&s=exemplo"),
    ],
)
def test_a_survey_keeps_the_query_of_its_address(url, link):
    written = courtesy("survey", survey_url=url)
    assert f"{link}\n" in written.text and f'"{link}"' in unescape(written.html)


def test_a_thank_you_with_an_open_document_is_not_sent(settings):
    with pytest.raises(Unsendable, match="títulos em aberto"):
        letter(settings, item("A1"), template="thank_you")


def test_one_mailbox_of_several_customers_gets_separate_messages(settings):
    shared = "contador@example.com"
    found = read(settings, *(message(n, customer_name=name, email=shared) for n, name in ((1, "Ana Um"), (2, "Bia Dois"))))
    first, second = (WRITER.write(message) for message in found)
    if "Ana" not in first.text:
        first, second = second, first
    assert first.to_address == second.to_address == shared and first.message_key != second.message_key
    for own, other in ((first, "R00002"), (second, "R00001")):
        assert other not in own.text and other not in own.html
    assert "Bia" not in first.text + first.html and "Ana" not in second.text + second.html


@pytest.mark.parametrize(("documents", "is_shown"), [(4, False), (5, True)])
def test_many_documents_are_listed_before_they_are_explained(settings, documents, is_shown):
    written = letter(settings, *(item(f"A{n:03d}", days=n) for n in range(1, documents + 1)))
    assert ("Resumo" in plain(written.html)) == is_shown
    assert written.html.count("NF-A001") == (2 if is_shown else 1)


def test_amounts_of_two_currencies_are_never_added(settings):
    dollars = item("A2", currency="USD", amount="500.00", boleto_line=None, pix_code=None)
    written = letter(settings, item("A1", amount="1000.00"), dollars)
    assert "Total em BRL (1 documento vencido): R$\u00a01.020,33" in written.text
    assert "Total em USD (1 documento vencido): US$\u00a0510,17" in written.text


def test_a_code_issued_for_more_than_is_due_is_left_out(settings):
    half = {"open_amount": Decimal(500), "fine": Decimal(10), "interest": Decimal(0), "amount_due": Decimal(510)}
    written = letter(settings, item("A1", **half))
    assert "linha digitável" not in written.text and "Pix copia" not in written.text
    assert "Já pago ou abatido: -R$\u00a0500,00" in written.text and "https://pagar.example.com.br/A1" in written.text


def test_a_code_issued_without_the_charges_says_so(settings):
    written = letter(settings, item("A1", days=10, amount="1000.00"))
    assert written.text.count("Emitido com o valor de R$\u00a01.000,00, sem a multa e os juros até hoje.") == 2


def test_without_any_way_to_pay_the_letter_says_how_to_get_one(settings):
    written = letter(settings, item("A1", boleto_line=None, pix_code=None, payment_url=None))
    assert CREDITOR.phone in written.text and "Para receber o boleto" in written.text


WRONG_DIGIT = item("A1")["boleto_line"][:-1] + "7"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"boleto_line": item("A1")["boleto_line"][:46]}, "boleto incompleto"),
        ({"boleto_line": WRONG_DIGIT}, "boleto"),
        ({"boleto_line": item("A1", amount="999.99")["boleto_line"]}, "boleto com valor diferente"),
        ({"boleto_line": item("A1", days=9)["boleto_line"]}, "boleto com vencimento diferente"),
        ({"pix_code": item("A1")["pix_code"][:-1] + "Z"}, "código Pix inválido"),
        ({"pix_code": item("A1", amount="1000.01")["pix_code"]}, "Pix com valor diferente"),
        ({"payment_url": "javascript:alert(1)"}, "link"),
        ({"payment_url": "http://pagar.example.com.br/1"}, "link"),
        ({"payment_url": "https://banco@golpe.example/1"}, "link"),
        ({"interest": Decimal("0.01")}, "não somam"),
    ],
)
def test_a_message_with_a_wrong_way_to_pay_is_not_sent(settings, changes, reason):
    with pytest.raises(Unsendable, match=reason):
        letter(settings, item("A1", **changes))


@pytest.mark.parametrize("address", [None, "", "maria", "maria@", "a@example.com, b@example.com", "a@example.com\nBcc: b@c.d"])
def test_a_message_without_one_valid_address_is_not_sent(settings, address):
    with pytest.raises(Unsendable, match="e-mail inválido"):
        letter(settings, item("A1"), email=address)


def test_an_unknown_template_is_not_sent(settings):
    with pytest.raises(Unsendable, match="modelo"):
        letter(settings, item("A1"), template="third_notice")


def test_the_mail_reads_back_as_written(settings):
    written = letter(settings, item("A1"), customer_name="José, o Ferreiro")
    mail = message_from_bytes(compose(written).as_bytes(), policy=policy.default)
    assert mail["To"].addresses[0].display_name == "José, o Ferreiro"
    assert mail["Subject"] == written.subject
    assert mail.get_body(("plain",)).get_content().splitlines() == written.text.splitlines()
    assert mail.get_body(("html",)).get_content().split() == written.html.split()
    with pytest.raises(ValueError):
        compose(replace(written, to_name="José\nBcc: outro@example.com"))


def test_a_letter_shows_no_personal_data_when_printed(settings):
    found = read(settings, message(1))[0]
    assert "maria" not in repr(found).lower() and "maria" not in repr(WRITER.write(found)).lower()


def test_a_due_date_that_moves_to_a_bank_day_is_explained(settings):
    saturday = TONIGHT + timedelta(days=3)
    moved = item("A1", days=-3, effective_due_date=saturday + timedelta(days=2))
    written = letter(settings, moved, template="preventive", step_offset=-3)
    assert "Vence em 21/11/2026; pode ser pago sem acréscimo até 23/11/2026" in written.text


def test_rows_of_one_message_that_disagree_are_refused(settings):
    rows = message(1, [item("A1"), item("A2")])
    rows[1]["email"] = "outra@example.com"
    with pytest.raises(PartitionError, match="email"):
        read(settings, rows)


def test_money_keeps_its_no_break_space():
    assert format_money(Decimal("1234.5")) == "R$\u00a01.234,50"
