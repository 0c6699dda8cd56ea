"""The statement of a long letter: all of its receivables, as a CSV file that goes with it."""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from datetime import date

from cobranca.policy.creditor import Creditor
from cobranca.reminders.channels.protocol import Attachment
from cobranca.reminders.plan.plan_file import Item
from cobranca.reminders.render import phrases
from cobranca.reminders.render.extent import Extent
from cobranca.reminders.render.payment_options import PaymentOptions, Unsendable
from cobranca.spreadsheet_cells import cell

# A mail grows by a third on its way. SendGrid takes 30 MB, most mailboxes 25 MB.
MOST_BYTES = 15_000_000
_SITUATIONS = {"overdue": "Vencido", "upcoming": "A vencer"}
# The document's whole name is text for every program: a bare number would lose its zeros, and an
# instalment 1/3 would become the first of March.
_COLUMNS: dict[str, Callable[[Item, PaymentOptions], object]] = {
    "Documento": lambda item, _: phrases.document_name(item),
    "Situação": lambda item, _: _SITUATIONS[item.section],
    "Vencimento": lambda item, _: item.due_date,
    "Pagável até": lambda item, _: item.effective_due_date,
    "Moeda": lambda item, _: item.currency,
    "Valor original": lambda item, _: item.amount,
    "Já pago ou abatido": lambda item, _: item.paid,
    "Principal em aberto": lambda item, _: item.open_amount,
    "Crédito já abatido": lambda item, _: item.credit_applied,
    "Multa": lambda item, _: item.fine,
    "Juros": lambda item, _: item.interest,
    "Total a pagar": lambda item, _: item.amount_due,
    "Link de pagamento": lambda _, payment: payment.payment_url,
    "Pix copia e cola": lambda _, payment: payment.pix_code,
    "Observação do Pix": lambda _, payment: payment.pix_note,
    "Linha digitável do boleto": lambda _, payment: payment.boleto_line,
    "Observação do boleto": lambda _, payment: payment.boleto_note,
    "Como calculamos": lambda item, _: " ".join(phrases.charge_rules([item])),
}


def file_name(business_date: date) -> str:
    """``relacao_de_documentos_2026-11-18.csv``."""
    return f"relacao_de_documentos_{business_date.isoformat()}.csv"


def statement(
    lines: Sequence[tuple[Item, PaymentOptions]], creditor: Creditor, business_date: date
) -> Attachment:
    """All receivables of a letter, each with its amounts, its ways to pay and their rule.

    It begins with the creditor's name, tax id and address, because it may be passed on without the
    letter (CDC, art. 42-A). The same receivables give the same bytes.

    Raises:
        Unsendable: the file is too large for a mail.
    """
    day = phrases.format_date(business_date)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    writer.writerows(
        [cell(text)]
        for text in (
            f"{creditor.legal_name} · CNPJ {creditor.tax_id}",
            creditor.full_address,
            f"Relação de documentos em aberto, com valores para pagamento em {day}",
        )
    )
    writer.writerow([])
    writer.writerow(_COLUMNS)
    writer.writerows(
        [cell(value(item, payment)) for value in _COLUMNS.values()] for item, payment in lines
    )
    content = BOM_UTF8 + buffer.getvalue().encode()
    if len(content) > MOST_BYTES:
        raise Unsendable(f"a relação dos {len(lines)} documentos é grande demais para um e-mail")
    return Attachment(file_name(business_date), "text/csv", content)


def statement_note(items: Sequence[Item], extent: Extent) -> str:
    """Where the receivables of a letter stand that does not show all of them in full.

    ``Os 6 documentos mais antigos estão por inteiro nesta mensagem, outros 480 na tabela ao final e
    14 somente no anexo.``
    """
    places = []
    if extent.in_full:
        places.append(f"{_oldest(items, extent.in_full)} por inteiro nesta mensagem")
    for number, place in (
        (extent.in_table, "na tabela ao final"),
        (len(items) - extent.shown, "somente no anexo"),
    ):
        if number:
            places.append(f"{_others(number) if places else _some(number)} {place}")
    *before, last = places
    return f"{', '.join(before)} e {last}." if before else f"{last}."


def _oldest(items: Sequence[Item], number: int) -> str:
    if items[0].section == "overdue":
        return (
            "O documento mais antigo está"
            if number == 1
            else f"Os {number} documentos mais antigos estão"
        )
    return (
        "O primeiro documento a vencer está"
        if number == 1
        else f"Os {number} primeiros documentos a vencer estão"
    )


def _some(number: int) -> str:
    return "O documento está" if number == 1 else f"{phrases.count(number)} documentos estão"


def _others(number: int) -> str:
    return "outro" if number == 1 else f"outros {phrases.count(number)}"
