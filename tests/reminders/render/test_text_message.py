"""WhatsApp and SMS texts: the approved words filled in, and messages that are refused."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from cobranca.policy import load_policy
from cobranca.reminders.render.email import Unsendable
from cobranca.reminders.render.letter_samples import samples
from cobranca.reminders.render.renderer import MessageRenderer
from cobranca.schema import PRINCIPAL
from cobranca.settings import PROJECT_ROOT
from policy.config_edits import edit_yaml
from reminders.forbidden_words import disrespectful_words, promising_words
from reminders.plans import PHONE, TONIGHT, item
from reminders.rendering import planned_text


def test_a_text_fills_the_approved_words_with_the_payers_values(settings):
    renderer = MessageRenderer(load_policy(settings.config, TONIGHT), TONIGHT)
    text = renderer.render(planned_text(settings, items=[item("R1", days=9), item("R2", days=2)]))
    assert (text.to_number, text.channel, text.template) == (PHONE, "whatsapp", "first_notice")
    assert "Olá, Maria!" in text.body
    assert "2 títulos com vencimentos de 09/11/2026 a 16/11/2026" in text.body
    assert "https://pagar.example.com.br/R1 e https://pagar.example.com.br/R2" in text.body
    assert "{" not in text.body and PHONE not in repr(text) and "Maria" not in repr(text)
    # The numbered variables, put into the approved template, give the same text.
    template = load_policy(settings.config, TONIGHT).texts.texts["first_notice"]["whatsapp"].body
    names = []
    for part in template.split("{")[1:]:
        name = part.split("}")[0]
        if name not in names:
            names.append(name)
    rebuilt = template
    for name, (_, value) in zip(names, text.variables, strict=True):
        rebuilt = rebuilt.replace(f"{{{name}}}", value)
    assert rebuilt == text.body


def test_amounts_of_two_currencies_are_never_added_in_a_text(settings):
    body = "{razao_social} {cnpj} {endereco} {contato} {link} {valores} | {total}"
    edit_yaml(settings, "texts.yml", texts={"first_notice": {"whatsapp": {"body": body}}})
    renderer = MessageRenderer(load_policy(settings.config, TONIGHT), TONIGHT)
    dollars = {"currency": "USD", "boleto_line": None, "pix_code": None}
    items = [
        item("R1"),
        item("R2", amount="10.00", **dollars),
        item("R3", amount="5.00", **dollars),
    ]
    body = renderer.render(planned_text(settings, items=items)).body.replace("\u00a0", " ")
    reais = "R$ 1.020,33 (principal R$ 1.000,00, multa R$ 20,00, juros R$ 0,33)"
    assert (
        f"{reais} e US$ 15,30 (principal US$ 15,00, multa US$ 0,30, juros US$ 0,00) | R$ 1.020,33 "
        "e US$ 15,30" in body
    )


@pytest.mark.parametrize(
    ("days", "itemised"),
    [
        (1, "R$ 816,00 (principal R$ 1.000,00, crédito a seu favor R$ 200,00, multa R$ 16,00, "),
        (-1, "R$ 800,00 (principal R$ 1.000,00, crédito a seu favor R$ 200,00)"),
    ],
)
def test_a_text_names_the_credit_that_it_takes_off(settings, days, itemised):
    body = "{razao_social} {cnpj} {endereco} {contato} {link} {valores} | {total}"
    edit_yaml(settings, "texts.yml", texts={"first_notice": {"whatsapp": {"body": body}}})
    renderer = MessageRenderer(load_policy(settings.config, TONIGHT), TONIGHT)
    fine = Decimal(16 if days > 0 else 0)
    charges = {"fine": fine, "interest": Decimal(0), "amount_due": Decimal(800) + fine}
    asked = item("R1", days=days, credit_applied=Decimal(200), **charges)
    assert itemised in renderer.render(planned_text(settings, items=[asked])).body.replace(
        "\u00a0", " "
    )


SHIPPED = load_policy(PROJECT_ROOT / "include" / "config", TONIGHT)
EVERY_TEXT = [
    (template, channel)
    for template, by_channel in SHIPPED.texts.texts.items()
    for channel in by_channel
]


ONE, TWO = "1 título com vencimento em {}", "2 títulos com vencimentos de {} a {}"
LATE = "R$ 1.280,09 (principal R$ 1.250,90, multa R$ 25,02, juros R$ 4,17)"


@pytest.mark.parametrize(("template", "channel"), EVERY_TEXT)
@pytest.mark.parametrize("number", [1, 2])
def test_every_shipped_text_holds_the_fields_that_the_law_requires(template, channel, number):
    """The creditor (CDC, art. 42-A), itemised amounts (Lei SP 14.953/2013), payment and contact."""
    is_late = template not in ("preventive", "due_today")
    days = 10 if is_late else -3 if template == "preventive" else 0
    items = tuple(planned_item(f"A{n}", days - n, is_late) for n in range(number))
    message = replace(
        samples(TONIGHT)["3-first_notice"][1],
        template=template,
        channel=channel,
        phone=PHONE,
        items=items,
    )
    message = replace(message, step_offset=days)
    body = MessageRenderer(SHIPPED, TONIGHT).render(message).body.replace("\u00a0", " ")
    creditor = SHIPPED.creditors[PRINCIPAL]
    for field in (
        creditor.legal_name,
        creditor.tax_id,
        creditor.full_address,
        creditor.phone,
        creditor.trade_name,
    ):
        assert field in body, field
    first, last = (f"{due:%d/%m/%Y}" for due in (items[0].due_date, items[-1].due_date))
    # On the due date a text is about the receivables of that day only.
    documents = 1 if template == "due_today" else number
    assert (ONE.format(first) if documents == 1 else TWO.format(first, last)) in body
    amount = LATE if is_late else "R$ 1.250,90"
    assert (
        amount in body
        if documents == 1
        else "R$ 2.560,18 (principal R$ 2.501,80" in body or "R$ 2.501,80." in body
    )
    assert ("multa" in body) == is_late
    assert " e ".join(item.payment_url for item in items[:documents]) in body
    assert "Se já pagou" in body and not set("{}") & set(body) and len(body) <= 1024
    assert disrespectful_words(body) == [] and promising_words(body) == []


def planned_item(receivable_id: str, days: int, is_late: bool):
    source = samples(TONIGHT)["6-last_notice"][1].items[0]
    due, zero = TONIGHT - timedelta(days=days), Decimal(0)
    fine, interest = (Decimal("25.02"), Decimal("4.17")) if is_late else (zero, zero)
    amount = Decimal("1250.90")
    return replace(
        source,
        receivable_id=receivable_id,
        section="overdue" if is_late else "upcoming",
        is_carrier=receivable_id == "A0",
        due_date=due,
        effective_due_date=due,
        amount=amount,
        open_amount=amount,
        fine=fine,
        interest=interest,
        amount_due=amount + fine + interest,
        payment_url=f"https://pagar.example.com.br/{receivable_id}",
    )


@pytest.mark.parametrize(
    ("urls", "shown"),
    [
        (["https://a.example/1"], "https://a.example/1"),
        (["https://a.example/1", None], "https://www.example.com.br"),
        ([None], "https://www.example.com.br"),
        (
            [f"https://a.example/{n}" for n in range(3)],
            "https://a.example/0 e https://a.example/1 e https://a.example/2",
        ),
        ([f"https://a.example/{n}" for n in range(4)], "https://www.example.com.br"),
    ],
)
def test_a_text_links_to_where_everything_can_be_paid(urls, shown):
    items = tuple(
        replace(planned_item(f"A{n}", 10, True), payment_url=url) for n, url in enumerate(urls)
    )
    message = replace(
        samples(TONIGHT)["3-first_notice"][1], channel="sms", phone=PHONE, items=items
    )
    assert f"Como pagar: {shown}. " in MessageRenderer(SHIPPED, TONIGHT).render(message).body


@pytest.mark.parametrize(
    ("name", "greeting"),
    [("SILVA, MARIA", "Olá, cliente!"), ("Exemplo Ltda.", "Olá, Exemplo Ltda!")],
)
def test_a_text_greets_as_a_letter_does_and_has_no_empty_value(name, greeting):
    items = (planned_item("A0", 10, True),)
    message = replace(
        samples(TONIGHT)["3-first_notice"][1],
        channel="whatsapp",
        phone=PHONE,
        items=items,
        customer_name=name,
    )
    text = MessageRenderer(SHIPPED, TONIGHT).render(message)
    assert greeting in text.body and all(value for _, value in text.variables)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"payment_url": "https://\u0430pple.com/"}, "link de pagamento inválido"),
        ({"interest": Decimal("0.01")}, "não somam"),
    ],
)
def test_a_text_with_an_unsafe_link_or_wrong_amounts_is_refused(changes, reason):
    items = (replace(planned_item("A0", 10, True), **changes),)
    with pytest.raises(Unsendable, match=reason):
        MessageRenderer(SHIPPED, TONIGHT).render(
            replace(samples(TONIGHT)["3-first_notice"][1], channel="sms", phone=PHONE, items=items)
        )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phone": None}, "telefone"),
        ({"phone": "11 98765-4321"}, "telefone"),
        ({"template": "last_notice"}, "não há texto"),
    ],
)
def test_a_text_without_a_valid_number_or_an_approved_template_is_refused(
    settings, changes, reason
):
    renderer = MessageRenderer(load_policy(settings.config, TONIGHT), TONIGHT)
    with pytest.raises(Unsendable, match=reason):
        renderer.render(replace(planned_text(settings), **changes))
