"""The receivables of a letter: all up to the size limit; then the oldest, a table, a statement."""

import csv
import io
import random
import re
import time
from collections import Counter
from decimal import Decimal
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from cobranca.money import format_money, parse_money
from cobranca.payments import qr
from cobranca.reminders.channels import Letter
from cobranca.reminders.plan.plan_file import Message
from cobranca.reminders.render import phrases
from cobranca.reminders.render.email import LetterRenderer
from cobranca.reminders.render.extent import FEWEST_IN_FULL, MOST_BYTES
from cobranca.reminders.render.payment_options import Unsendable
from reminders.plans import TONIGHT, item
from reminders.rendering import CREDITOR, DUNNING, RENDERER, many, message_about, plain_text
from seeds import few_or_many


def in_full(letter: Letter) -> list[str]:
    """The receivables that stand in full, by the links to pay them."""
    links = re.findall(r'<a class="button" href="https://pagar.example.com.br/(\w+)', letter.html)
    assert links == re.findall(r"Pagar este documento: \S+/(\w+)", letter.text)
    return links


def table(letter: Letter) -> list[tuple[str, str, str]]:
    """Document, due date and amount of each row of the table after the signature."""
    pattern = r'<tr><td>([^<]*)</td><td>([^<]*)</td><td align="right">([^<]*)</td></tr>'
    rows = [tuple(map(unescape, found)) for found in re.findall(pattern, letter.html)]
    text = re.findall(r"^- (.*), vencimento (\S+): (.*)$", letter.text, re.MULTILINE)
    assert rows == text
    return rows


def left_out(letter: Letter) -> list[tuple[int, str, str]]:
    """Number, kind and total of the receivables that only the attachment names."""
    pattern = (
        r"Mais ([\d.]+) documentos? (vencidos?|a vencer), no (?:total|valor) de "
        r"(\S+\u00a0[\d.,]+), est(?:á|ão) somente no anexo\."
    )
    found = re.findall(pattern, letter.text)
    assert found == re.findall(pattern, letter.html)
    return [(int(number.replace(".", "")), kind, total) for number, kind, total in found]


def statement(letter: Letter) -> list[dict[str, str]]:
    """The rows of the attachment."""
    lines = letter.attachment.content.decode("utf-8-sig").splitlines(keepends=True)
    return list(csv.DictReader(io.StringIO("".join(lines[4:]), newline=""), delimiter=";"))


def padded_to(size: int) -> Message:
    """A message whose letter, all in full, has so many bytes: the link fills it up."""
    rows = many(15)
    missing = size - len(RENDERER.render(message_about(*rows)).html.encode())
    rows[0]["payment_url"] += "?" + "x" * (missing - 1)
    return message_about(*rows)


@pytest.mark.parametrize("number", [1, 2, 5, 15])
def test_an_ordinary_letter_shows_all_in_full_and_has_no_attachment(number):
    letter = RENDERER.render(message_about(*many(number)))
    assert in_full(letter) == [f"A{n:05d}" for n in range(1, number + 1)]
    assert letter.attachment is None and table(letter) == [] and left_out(letter) == []
    for words in ("anexo", "Demais documentos"):
        assert words not in letter.text and words not in letter.html


@pytest.mark.parametrize(("size", "is_whole"), [(90_000, True), (90_001, False)])
def test_the_limit_is_ninety_thousand_bytes_of_html(size, is_whole):
    """Counted in bytes: a letter with accents has more of them than characters."""
    letter = RENDERER.render(padded_to(size))
    assert len(letter.html) < len(letter.html.encode()) <= MOST_BYTES == 90_000
    assert (letter.attachment is None) == is_whole
    assert len(in_full(letter)) == (15 if is_whole else 14)
    assert [name for name, *_ in table(letter)] == ([] if is_whole else ["NF-A00015 · 1/3"])
    assert ("Resumo" in plain_text(letter.html)) == is_whole


def test_of_five_hundred_the_oldest_stand_in_full_and_the_others_have_a_row():
    planned = message_about(*many(500))
    letter = RENDERER.render(planned)
    oldest, rows = in_full(letter), table(letter)
    assert oldest == [f"A{n:05d}" for n in range(1, len(oldest) + 1)]
    assert len(oldest) >= FEWEST_IN_FULL and len(oldest) + len(rows) == 500
    assert rows == [
        (
            f"NF-{found.receivable_id} · 1/3",
            phrases.format_date(found.due_date),
            format_money(found.amount_due),
        )
        for found in planned.items[len(oldest) :]
    ]
    assert [row["Documento"] for row in statement(letter)] == [
        phrases.document_name(found) for found in planned.items
    ]
    assert len(letter.pictures) == len(oldest)
    assert [picture.content for picture in letter.pictures] == [
        qr.png(found.pix_code) for found in planned.items[: len(oldest)]
    ]
    for version in (plain_text(letter.html), " ".join(letter.text.split())):
        assert "Veja a relação completa no anexo relacao_de_documentos_2026-11-18.csv" in version
        assert f"Os {len(oldest)} documentos mais antigos estão por inteiro" in version
        assert f"e outros {len(rows)} na tabela ao final." in version
        assert "500 documentos vencidos" in version
        assert "O cálculo de cada documento está no anexo." in version


def test_ten_thousand_have_a_letter_of_the_same_size_and_all_stand_in_the_statement():
    planned = message_about(*many(10_000))
    started = time.process_time()
    letter = RENDERER.render(planned)
    # 0.8 s on the slowest machine that is known
    assert time.process_time() - started < 8
    oldest, rows, [(left, kind, total)] = in_full(letter), table(letter), left_out(letter)
    assert len(oldest) == FEWEST_IN_FULL and len(rows) > 400 and kind == "vencidos"
    assert len(oldest) + len(rows) + left == 10_000
    unnamed = planned.items[len(oldest) + len(rows) :]
    assert total == format_money(sum(found.amount_due for found in unnamed))
    assert len(statement(letter)) == 10_000
    assert len(letter.html.encode()) <= 90_000 and len(letter.text.encode()) < 60_000
    everything = format_money(sum(found.amount_due for found in planned.items))
    assert everything in letter.html and everything in letter.text
    assert "10.000 documentos vencidos" in letter.text


def drawn(number: int, longest: int, seed: int) -> Message:
    """A message about receivables of all kinds, with names up to a length."""
    dice = random.Random(seed)
    name = "".join(dice.choices("AÇÃO-<&\"'é 0123", k=longest))
    rows = []
    for place in range(number):
        bare = dice.random() < 0.2
        currency = "USD" if dice.random() < 0.1 else "BRL"
        codes = {"boleto_line": None, "pix_code": None} if bare or currency == "USD" else {}
        rows.append(
            item(
                f"R{place:05d}",
                days=dice.randint(-60, 900),
                amount=f"{dice.randint(1, 9_999_999)}.{dice.randint(0, 99):02d}",
                currency=currency,
                document_number=name[: dice.randint(1, longest)].strip() or None,
                installment=dice.choice([None, "1/3", "=1+1"]),
                monthly_interest_rate=Decimal(dice.randint(1, 900)) / 10_000,
                **({"payment_url": None} if bare else {}),
                **codes,
            )
        )
    return message_about(*rows, customer_name=name[:90])


@hypothesis(max_examples=few_or_many(15, 300))
@given(st.integers(1, 2000), st.integers(1, 400), st.integers(0, 2**32))
@example(1, 90_000, 1)
@example(2000, 1, 2)
@example(30, 20_000, 3)
def test_no_letter_is_cut_and_none_of_its_receivables_is_lost(number, longest, seed):
    planned = drawn(number, longest, seed)
    letter = RENDERER.render(planned)
    assert len(letter.html.encode()) < 90_001 and len(letter.text.encode()) < 90_001
    for total in phrases.totals(planned.items):
        amount = format_money(total.amount, total.currency)
        assert f"{total.label} ({total.detail}): {amount}\n" in letter.text
        assert f">{amount}</td>" in letter.html
    assert "Já pagou?" in letter.html and "LGPD" in letter.text
    if letter.attachment is None:
        return
    rows = statement(letter)
    assert len(rows) == number
    sums: Counter[tuple[str, str]] = Counter()
    for row in rows:
        kind = "overdue" if row["Situação"] == "Vencido" else "upcoming"
        sums[kind, row["Moeda"]] += parse_money(row["Total a pagar"])
    assert sums == {
        (kind, currency): sum(
            found.amount_due
            for found in planned.items
            if (found.section, found.currency) == (kind, currency)
        )
        for kind, currency in {(found.section, found.currency) for found in planned.items}
    }
    entries = letter.text.count("Total a pagar:") + letter.text.count("  Valor a pagar:")
    assert entries + len(table(letter)) + sum(n for n, *_ in left_out(letter)) == number


def test_overdue_rows_and_those_not_yet_due_are_told_apart():
    upcoming = [item(f"B{n:03d}", days=-n) for n in range(1, 11)]
    letter = RENDERER.render(message_about(*upcoming, *many(60)))
    heads = re.findall(r'<td colspan="3"><strong>([^<]*)</strong>', letter.html)
    assert heads == ["Vencidos", "A vencer"]
    assert [name for name, *_ in table(letter)][-10:] == [
        f"NF-B{n:03d} · 1/3" for n in range(1, 11)
    ]
    assert letter.text.index("\nVencidos:\n- ") < letter.text.index("\nA vencer:\n- NF-B001")
    assert "A vencer:" not in RENDERER.render(message_about(*many(60))).text


def test_before_the_due_date_the_first_to_fall_due_stand_in_full():
    upcoming = [item(f"B{n:03d}", days=-n) for n in range(1, 101)]
    letter = RENDERER.render(message_about(*upcoming))
    oldest = in_full(letter)
    assert oldest == [f"B{n:03d}" for n in range(1, len(oldest) + 1)]
    assert f"Os {len(oldest)} primeiros documentos a vencer estão por inteiro" in letter.text


@pytest.mark.parametrize("template", DUNNING)
def test_who_the_creditor_is_stands_before_everything_that_could_be_cut(template):
    """CDC, art. 42-A: in every document that asks for payment, also in its attachment."""
    letter = RENDERER.render(message_about(*many(500), template=template))
    for version in (plain_text(letter.html), letter.text):
        names = (CREDITOR.legal_name, CREDITOR.tax_id, CREDITOR.full_address)
        places = [version.index(name) for name in names]
        assert max(places) < version.index("Total") < version.index("NF-A00001")
    head = letter.attachment.content.decode("utf-8-sig").splitlines()[:2]
    assert all(name in "\n".join(head) for name in names)


def test_what_a_person_may_need_stands_before_the_table():
    letter = RENDERER.render(message_about(*many(500)))
    for version in (plain_text(letter.html), letter.text):
        end = version.index("Demais documentos")
        for words in ("Já pagou?", CREDITOR.phone, CREDITOR.service_hours, "Atenciosamente"):
            assert version.index(words) < end
        assert version.index("Prefere não receber") > end


def test_a_wrong_code_is_refused_also_where_only_the_statement_shows_it():
    rows = many(400)
    rows[399]["boleto_line"] = "23793381286000782713695000063305975520000370001"
    with pytest.raises(Unsendable, match="dígito verificador"):
        RENDERER.render(message_about(*rows))


def test_the_rules_of_a_long_letter_are_those_of_what_it_shows_in_full():
    rows = many(1000)
    for n, row in enumerate(rows):
        row["monthly_interest_rate"] = Decimal(n + 1) / 10_000
    letter = RENDERER.render(message_about(*rows))
    assert "juros simples de 0,01% ao mês" in letter.text
    assert letter.text.count("juros simples de") == len(in_full(letter))
    calculated = {row["Como calculamos"] for row in statement(letter)}
    assert len(calculated) == 1000


def test_a_letter_that_is_too_large_without_any_receivable_is_refused():
    creditor = CREDITOR.model_copy(update={"offer_options": ("opção " * 20_000,)})
    with pytest.raises(Unsendable, match="grande demais"):
        LetterRenderer(creditor, TONIGHT).render(message_about(*many(3), template="offer"))
