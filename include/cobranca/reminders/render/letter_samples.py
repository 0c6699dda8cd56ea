"""Samples of every letter, for the person who decides what customers read.

Persons and documents are invented; the company's data come from its configuration.

``cobranca letters preview --folder letters`` writes each sample as a page and as plain text, with
what is attached to it, and an index of all.
"""

import html
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from cobranca.money import to_cents
from cobranca.payments import boleto, pix
from cobranca.policy import load_policy
from cobranca.reminders.channels.outbox import ATTACHED, write_page
from cobranca.reminders.plan.plan_file import Item, Message
from cobranca.reminders.render.email import LetterRenderer
from cobranca.settings import Settings

PERSON, COMPANY = (
    "Maria das Dores Exemplo",
    "Mercado Exemplo de Nome Bastante Comprido Comércio de Alimentos Ltda.",
)
_FREE_FIELD = "3381286000782713695000063"


def write_preview(settings: Settings, business_date: date, folder: Path) -> Path:
    """Write every sample as ``<name>.html`` and ``<name>.txt``; return the index's path.

    What is attached to a letter is ``<name>.csv``. Of several creditors each has a folder of its id.

    Raises:
        ConfigError: the configuration is wrong.
    """
    creditors = load_policy(settings.config, business_date).creditors.values()
    if len(creditors) == 1:
        (creditor,) = creditors
        return _write_samples(LetterRenderer(creditor, business_date), business_date, folder)
    links = []
    for creditor in creditors:
        renderer = LetterRenderer(creditor, business_date)
        _write_samples(renderer, business_date, folder / creditor.id)
        links.append(_CREDITOR.format(id=creditor.id, company=html.escape(creditor.trade_name)))
    index = folder / "index.html"
    index.write_text(_CREDITORS.format(rows="\n".join(links)), encoding="utf-8")
    return index


def _write_samples(renderer: LetterRenderer, business_date: date, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, (title, message) in samples(
        business_date, renderer.creditor.survey_url is not None
    ).items():
        letter = renderer.render(message)
        write_page(folder, name, letter)
        (folder / f"{name}.txt").write_text(
            f"Assunto: {letter.subject}\n\n{letter.text}", encoding="utf-8"
        )
        rows.append(
            _ROW.format(
                name=html.escape(name),
                title=html.escape(title),
                subject=html.escape(letter.subject),
                attached=_LINK.format(name=html.escape(name)) if letter.attachment else "",
            )
        )
    index = folder / "index.html"
    index.write_text(
        _PAGE.format(
            company=html.escape(renderer.creditor.trade_name),
            file=html.escape(renderer.creditor.file_name),
            rows="\n".join(rows),
        ),
        encoding="utf-8",
    )
    return index


def samples(business_date: date, has_survey: bool = True) -> dict[str, tuple[str, Message]]:
    """``{file name: (title, message)}``: every template, and the cases that strain the layout."""

    def overdue(number: int, days: int, amount: str, **changes: Any) -> Item:
        return _item(business_date, number, days, Decimal(amount), **changes)

    def upcoming(number: int, days: int, amount: str, **changes: Any) -> Item:
        return _item(business_date, number, -days, Decimal(amount), **changes)

    def letter(template: str, offset: int, *items: Item, **changes: Any) -> Message:
        return replace(_message(business_date, template, offset, items), **changes)

    habitual = {"payer_class": "viciado"}
    settled = {"settled_on": business_date - timedelta(days=1)}
    found = {
        "1-preventive": (
            "Antes do vencimento",
            letter("preventive", -3, upcoming(1, 3, "349.90"), **habitual),
        ),
        "2-due_today": ("No dia do vencimento", letter("due_today", 0, upcoming(1, 0, "349.90"))),
        "3-first_notice": (
            "Primeiro aviso",
            letter("first_notice", 1, overdue(1, 1, "1250.00"), **habitual),
        ),
        "4-second_notice": (
            "Segundo aviso, com um documento a vencer",
            letter("second_notice", 5, overdue(1, 5, "1250.00"), upcoming(2, 12, "349.90")),
        ),
        "5-offer": (
            "Proposta",
            letter("offer", 30, overdue(1, 35, "1250.00"), overdue(2, 5, "349.90")),
        ),
        "6-last_notice": ("Aviso formal", letter("last_notice", 65, overdue(1, 65, "1250.00"))),
        "7-thank_you": ("Agradecimento depois do pagamento", letter("thank_you", 0, **settled)),
        "8-survey": ("Pesquisa depois do pagamento", letter("survey", 0, **settled)),
        "9-company": (
            "Empresa de nome comprido, quinze documentos",
            letter(
                "second_notice",
                5,
                *(
                    overdue(n, 5 + 9 * n, f"{1234567.89 / n:.2f}", contract_type="business")
                    for n in range(1, 16)
                ),
                customer_name=COMPANY,
            ),
        ),
        "10-two_currencies": (
            "Duas moedas, e um documento pago em parte, sem forma de pagamento",
            letter(
                "first_notice",
                3,
                overdue(1, 3, "1250.00"),
                overdue(2, 3, "5000.00", currency="USD", boleto_line=None, pix_code=None),
                overdue(3, 3, "800.00", paid=Decimal("300.00"), payment_url=None),
            ),
        ),
        "11-statement": (
            "Duzentos documentos, com a relação completa no anexo",
            letter(
                "second_notice",
                5,
                *(
                    overdue(n, 400 - 2 * n, f"{1234.56 + 7 * n:.2f}", contract_type="business")
                    for n in range(1, 191)
                ),
                *(upcoming(n, n - 190, f"{1234.56 + 7 * n:.2f}") for n in range(191, 201)),
                customer_name=COMPANY,
            ),
        ),
    }
    if not has_survey:
        del found["8-survey"]
    return found


def _item(
    business_date: date,
    number: int,
    days: int,
    amount: Decimal,
    *,
    paid: Decimal = Decimal(0),
    currency: str = "BRL",
    **changes: Any,
) -> Item:
    """An invented receivable with fine, interest and all payment options.

    ``days`` past due; negative before the due date.
    """
    due, late, left = business_date - timedelta(days=days), max(days, 0), amount - paid
    fine = to_cents(left * Decimal("0.02")) if late else Decimal(0)
    interest = to_cents(left * Decimal("0.01") / 30 * late)
    item = Item(
        source="exemplo",
        receivable_id=f"{number:04d}",
        receivable_key=f"exemplo:{number:04d}",
        section="overdue" if late else "upcoming",
        is_carrier=number == 1,
        document_number=f"NF-{48210 + number}",
        installment=f"{number}/15" if number > 1 else None,
        currency=currency,
        issue_date=due - timedelta(days=30),
        due_date=due,
        effective_due_date=due,
        days_past_due=days,
        amount=amount,
        open_amount=left,
        fine=fine,
        interest=interest,
        amount_due=left + fine + interest,
        fine_rate=Decimal("0.02"),
        monthly_interest_rate=Decimal("0.01"),
        interest_start="effective_due",
        boleto_line=boleto.build("237", due, amount, _FREE_FIELD).line,
        pix_code=pix.build(
            pix.PixCode(
                url=f"pix.example.com/qr/v2/5f0c7b1e-9a3d-4d6e-8f42-{number:012d}",
                name="Empresa de Exemplo",
                city="Sao Paulo",
            )
        ),
        payment_url=f"https://pagar.example.com.br/{number:04d}",
        contract_type="consumer",
    )
    return replace(item, **changes)


def _message(business_date: date, template: str, offset: int, items: tuple[Item, ...]) -> Message:
    return Message(
        message_key=f"exemplo-{template}",
        business_date=business_date,
        customer_key="C00000000000000000000",
        customer_name=PERSON,
        email="maria.exemplo@example.com",
        channel="email",
        step=f"d{offset:+d}" if offset else "d0",
        step_offset=offset,
        template=template,
        requires_approval=False,
        policy_version="exemplo",
        episode_key=items[0].receivable_key if items else "exemplo",
        payer_class="irregular",
        items=items,
    )


_ROW = (
    '<tr><td><a href="{name}.html">{title}</a></td><td>{subject}</td>'
    '<td><a href="{name}.txt">texto</a>{attached}</td><td><code>{name}</code></td></tr>'
)
_LINK = f' · <a href="{{name}}{ATTACHED}">anexo</a>'
_CREDITOR = '<li><a href="{id}/index.html">{company}</a></li>'
_CREDITORS = """<!DOCTYPE html>
<html lang="pt-BR"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Modelos de mensagem</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }}
</style></head><body>
<h1>Modelos de mensagem, por credor</h1>
<ul>
{rows}
</ul>
</body></html>
"""
_PAGE = """<!DOCTYPE html>
<html lang="pt-BR"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Modelos de mensagem de {company}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; margin-bottom: .25rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .5rem .75rem .5rem 0; border-bottom: 1px solid #8884; }}
</style></head><body>
<h1>Modelos de mensagem de {company}</h1>
<p>Pessoas e documentos inventados; os dados da empresa são os de <code>{file}</code>. Nada foi enviado.</p>
<table><thead><tr><th>Mensagem</th><th>Assunto</th><th>Versão em texto</th><th>Modelo</th></tr></thead>
<tbody>
{rows}
</tbody></table>
</body></html>
"""
