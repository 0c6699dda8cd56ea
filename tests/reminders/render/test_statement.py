"""The statement of a long letter: a CSV file for Brazilian spreadsheets, and the words about it."""

from decimal import Decimal

import pytest

from cobranca.reminders.channels import Attachment
from cobranca.reminders.render import statement as statement_module
from cobranca.reminders.render.extent import Extent
from cobranca.reminders.render.payment_options import PaymentOptions, Unsendable, payment_options
from cobranca.reminders.render.statement import statement, statement_note
from reminders.plans import TONIGHT, item
from reminders.rendering import CREDITOR, many, message_about


def statement_of(*rows: dict, **payment: str) -> Attachment:
    """The statement of receivables, with their own ways to pay or with the given ones."""
    lines = [
        (found, PaymentOptions(**payment) if payment else payment_options(found, CREDITOR))
        for found in message_about(*rows).items
    ]
    return statement(lines, CREDITOR, TONIGHT)


def lines_of(attachment: Attachment) -> list[str]:
    return attachment.content.decode("utf-8-sig").split("\r\n")


def test_a_spreadsheet_program_in_brazil_reads_it():
    overdue = item("A1", days=10, amount="1250.90", pix_code=None)
    paid = {"amount": Decimal("900.00"), "open_amount": Decimal("99.90")}
    upcoming = item("A2", days=-3, amount="99.90", boleto_line=None, pix_code=None) | paid
    found = statement_of(overdue, upcoming)
    assert (found.file_name, found.media_type) == (
        "relacao_de_documentos_2026-11-18.csv",
        "text/csv",
    )
    assert found.content.startswith(b"\xef\xbb\xbf")
    assert lines_of(found) == [
        "Ipê Amarelo Distribuidora Ltda. · CNPJ 11.222.333/0001-81",
        CREDITOR.full_address,
        "Relação de documentos em aberto, com valores para pagamento em 18/11/2026",
        "",
        "Documento;Situação;Vencimento;Pagável até;Moeda;Valor original;Já pago ou abatido;"
        "Principal em aberto;Crédito já abatido;Multa;Juros;Total a pagar;Link de pagamento;"
        "Pix copia e cola;Observação do Pix;Linha digitável do boleto;Observação do boleto;"
        "Como calculamos",
        "Documento NF-A1, parcela 1/3;Vencido;08/11/2026;08/11/2026;BRL;1.250,90;0,00;1.250,90;"
        "0,00;25,02;4,17;1.280,09;https://pagar.example.com.br/A1;;;"
        "23793.38128 86000.782713 36950.000632 1 16240000125090;"
        "Emitido com o valor de R$ 1.250,90, sem a multa e os juros até hoje.;"
        '"Multa de 2%, uma única vez; juros simples de 1% ao mês (1/30 por dia) sobre o saldo, '
        'contados do primeiro dia útil a partir do vencimento."',
        "Documento NF-A2, parcela 1/3;A vencer;21/11/2026;21/11/2026;BRL;900,00;800,10;99,90;0,00;"
        "0,00;0,00;99,90;https://pagar.example.com.br/A2;;;;;",
        "",
    ]


def test_text_of_a_source_is_never_run():
    hostile = '=HYPERLINK("http://x";"a")'
    found = lines_of(statement_of(item("A1", currency="=1+1"), payment_url=hostile))[5]
    assert ";'=1+1;" in found and "\"'=HYPERLINK" in found
    for line in lines_of(statement_of(item("A1", document_number=hostile, installment="@a"))):
        assert not line.startswith(("=", '"=', "@"))


def test_no_program_takes_a_document_for_a_number_or_a_day():
    """A bare 000123 would lose its zeros, 1/3 would become the first of March."""
    found = lines_of(statement_of(item("A1", document_number="000123", installment="1/3")))[5]
    assert found.startswith("Documento 000123, parcela 1/3;")


def test_the_same_receivables_give_the_same_bytes():
    assert statement_of(*many(50)) == statement_of(*many(50))


def test_a_file_too_large_for_a_mailbox_is_refused(monkeypatch):
    size = len(statement_of(*many(3)).content)
    monkeypatch.setattr(statement_module, "MOST_BYTES", size)
    statement_of(*many(3))
    monkeypatch.setattr(statement_module, "MOST_BYTES", size - 1)
    with pytest.raises(Unsendable, match="relação dos 3 documentos é grande demais"):
        statement_of(*many(3))


def test_the_provider_takes_the_largest_statement():
    """SendGrid takes 30 MB, with a third more for base64; Gmail takes 25 MB."""
    assert statement_module.MOST_BYTES * 4 / 3 <= 20_000_000


@pytest.mark.parametrize(
    ("number", "extent", "words"),
    [
        (
            500,
            Extent(6, 494),
            "Os 6 documentos mais antigos estão por inteiro nesta mensagem e outros 494 na tabela "
            "ao final.",
        ),
        (
            5000,
            Extent(5, 527),
            "Os 5 documentos mais antigos estão por inteiro nesta mensagem, outros 527 na tabela "
            "ao final e outros 4.468 somente no anexo.",
        ),
        (
            2,
            Extent(1, 1),
            "O documento mais antigo está por inteiro nesta mensagem e outro na tabela ao final.",
        ),
        (
            2,
            Extent(1),
            "O documento mais antigo está por inteiro nesta mensagem e outro somente no anexo.",
        ),
        (
            1200,
            Extent(0, 1100),
            "1.100 documentos estão na tabela ao final e outros 100 somente no anexo.",
        ),
        (1, Extent(0, 1), "O documento está na tabela ao final."),
        (1, Extent(0), "O documento está somente no anexo."),
        (3, Extent(0), "3 documentos estão somente no anexo."),
    ],
)
def test_the_letter_says_what_stands_where(number, extent, words):
    assert statement_note(message_about(*many(1)).items * number, extent) == words


@pytest.mark.parametrize(
    ("extent", "words"),
    [
        (Extent(1, 2), "O primeiro documento a vencer está por inteiro nesta mensagem"),
        (Extent(2, 1), "Os 2 primeiros documentos a vencer estão por inteiro nesta mensagem"),
    ],
)
def test_before_the_due_date_it_speaks_of_the_first_to_fall_due(extent, words):
    items = message_about(*(item(f"B{n}", days=-n) for n in (1, 2, 3))).items
    assert statement_note(items, extent).startswith(words)
