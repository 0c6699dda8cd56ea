"""Phrases that depend on a letter's receivables: greetings, totals, due dates."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from cobranca.reminders.render.letter_samples import samples
from cobranca.reminders.render.phrases import amount_lines
from reminders.plans import TONIGHT, item
from reminders.rendering import RENDERER, letter, plain_text

SAMPLES = {message.template: message for _, message in samples(TONIGHT).values()}


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
        # A title or an initial is no first name.
        ("Sr. João", "consumer", "Olá, Sr. João."),
        ("DRA ANA DOS SANTOS", "consumer", "Olá, Dra Ana dos Santos."),
        ("J SILVA", "consumer", "Olá, J Silva."),
        ("M.ª Souza", "consumer", "Olá, M.ª Souza."),
        # Last name first, notes, no name of a person.
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
        # A company with a consumer contract.
        ("PADARIA PÃO QUENTE LTDA.", "consumer", "Olá, PADARIA PÃO QUENTE LTDA."),
        ("Exemplo S/A", "consumer", "Olá, Exemplo S/A."),
        # A thank-you: no receivable says what kind of payer this is.
        ("PADARIA PÃO QUENTE", None, "Olá, Padaria Pão Quente."),
        ("Padaria Pão Quente Ltda.", None, "Olá, Padaria Pão Quente Ltda."),
        ("MARIA DA SILVA", None, "Olá, Maria da Silva."),
        ("SILVA, MARIA", None, "Olá."),
    ],
)
def test_the_greeting_uses_a_name_only_where_it_is_certain(name, kind, greeting):
    message = SAMPLES["first_notice" if kind else "thank_you"]
    items = tuple(replace(item, contract_type=kind) for item in message.items)
    written = RENDERER.render(replace(message, customer_name=name, items=items))
    assert f"\n{greeting}\n" in written.text and "<b>Zé" not in written.html
    assert f" {greeting} " in plain_text(written.html) or "<" in name


@pytest.mark.parametrize(
    ("name", "kind", "header"),
    [
        ("MARIA  DA SILVA", "consumer", "Maria da Silva"),
        ("MARIA SILVA 12345678901", "consumer", "Maria Silva"),
        ("Ana (NAO LIGAR)", "consumer", ""),
        ("*** NÃO LIGAR *** MARIA", "consumer", ""),
        ("Ana - AGRESSIVA", "consumer", ""),
        ("Ana/João", "consumer", ""),
        ("Espólio de João Silva", "consumer", ""),
        ("Maria\u202eavliS", "consumer", ""),
        ("Padaria Sol (NÃO LIGAR)", "business", "Padaria Sol"),
        ("Padaria Sol [caloteiro", "business", "Padaria Sol"),
        ("Padaria Sol - NÃO LIGAR", "business", "Padaria Sol"),
        ("Padaria Sol * ver com Ana", "business", "Padaria Sol"),
        ("Padaria (matriz) Sol", "business", "Padaria Sol"),
        ("Auto-Peças Sol S/A", "business", "Auto-Peças Sol S/A"),
        ("(NÃO LIGAR)", "business", ""),
        ("Padaria Sol Ltda (NÃO LIGAR)", None, "Padaria Sol Ltda"),
    ],
)
def test_no_note_beside_a_name_reaches_the_header(name, kind, header):
    message = SAMPLES["first_notice" if kind else "thank_you"]
    items = tuple(replace(item, contract_type=kind) for item in message.items)
    written = RENDERER.render(replace(message, customer_name=name, items=items))
    assert written.to_name == header
    assert not re.search("LIGAR|AGRESSIVA|caloteiro|ver com", written.text + written.html)


def test_amounts_of_two_currencies_are_never_added(settings):
    dollars = item("A2", currency="USD", amount="500.00", boleto_line=None, pix_code=None)
    written = letter(settings, item("A1", amount="1000.00"), dollars)
    assert "Total em BRL (1 documento vencido): R$\u00a01.020,33" in written.text
    assert "Total em USD (1 documento vencido): US$\u00a0510,17" in written.text


def test_a_due_date_that_moves_to_a_bank_day_is_explained(settings):
    saturday = TONIGHT + timedelta(days=3)
    moved = item("A1", days=-3, effective_due_date=saturday + timedelta(days=2))
    written = letter(settings, moved, template="preventive", step_offset=-3)
    assert "Vence em 21/11/2026; pode ser pago sem acréscimo até 23/11/2026" in written.text


@pytest.mark.parametrize(
    ("starts", "told"),
    [
        ("original_due", "Juros (11 dias desde 07/11/2026)"),
        ("effective_due", "Juros (9 dias desde 09/11/2026)"),
    ],
)
def test_the_days_of_interest_are_those_charged(starts, told):
    """A debt due on a Saturday, of which interest may count from there or from the bank day."""
    due = replace(
        SAMPLES["first_notice"].items[0],
        due_date=TONIGHT - timedelta(days=11),
        effective_due_date=TONIGHT - timedelta(days=9),
        interest_start=starts,
        interest=Decimal("1.00"),
        section="overdue",
    )
    assert [line.label for line in amount_lines(due, TONIGHT)][-1] == told


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
def test_a_letter_about_overdue_documents_asks_whether_they_are_recognised(
    settings, items, asked, template
):
    written = letter(settings, *items, template=template)
    for text in (plain_text(written.html), written.text):
        assert re.findall(r"Não reconhece[^?]*\?", text) == ([asked] if asked else [])
