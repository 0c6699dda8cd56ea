"""Answer the demo company's workbooks as its agents do: some of the rows, as people type."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from cobranca.money import format_number
from cobranca.partitions import manifest
from cobranca.queues.queue_columns import (
    AMOUNT,
    DELAY_REASON,
    INSTALLMENTS,
    KEY,
    NOTE,
    PROMISED_ON,
    RESULT,
    SHEET,
)
from cobranca.settings import Settings

DUE = "Com encargos"
# How often each result is written, and how it is spelled by people in a hurry.
_RESULTS = (
    (34, ("NAO_ATENDE", "não atende", "nao atende ", "Não atendeu")),
    (22, ("PROMESSA", "promessa ", "Promessa", "PROMESSA")),
    (9, ("RECADO", "recado")),
    (7, ("PAGO_INFORMADO", "Informou que já pagou", "pago informado")),
    (6, ("ACORDO", "acordo", " Acordo ")),
    (6, ("AGENDADO", "agendado")),
    (5, ("OCUPADO", "ocupado")),
    (4, ("NUMERO_ERRADO", "número errado")),
    (3, ("CONTESTA", "contesta")),
    (3, ("RECUSA", "recusa")),
    (1, ("NAO_LIGAR", "não ligar")),
)
_DELAY_REASONS = (
    "ESQUECEU",
    "esqueceu",
    "SEM_CAIXA",
    "Não recebeu",
    "NAO_RECEBEU",
    "PERDA_DE_RENDA",
    "banco",
    "OUTRO",
)


@dataclass(frozen=True)
class _Sheet:
    rows: list[list[Any]]
    header: int
    columns: dict[str, int]


def return_workbooks(settings: Settings, business_date: date, seed: int = 7) -> list[Path]:
    """Answer two thirds of the newest queue before ``business_date``; files go to ``inbox/``.

    One row of each list holds a mistake on purpose, so that the list of refused answers is not
    empty. The same seed gives the same answers. Returns the files; none where no earlier queue
    exists.
    """
    queue_date = _previous_queue(settings, business_date)
    if queue_date is None:
        return []
    queues = manifest.read_manifest(settings.folder("queues", queue_date))
    inbox = settings.data / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    written = []
    for entry in queues.files:
        is_queue = entry.name.startswith("fila_") and entry.name.endswith(".xlsx")
        if is_queue and not entry.name.startswith("fila_reserva"):
            chance = random.Random(f"{seed} {entry.name}")
            sheet = _read(queues.path(entry.name))
            _answer(sheet, queue_date, chance)
            target = inbox / entry.name.replace(".xlsx", "_respondida.xlsx")
            _write(target, sheet, queue_date)
            written.append(target)
    return written


def _previous_queue(settings: Settings, business_date: date) -> date | None:
    folder = settings.data / "queues"
    days = []
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            day = date.fromisoformat(path.name)
        except ValueError:
            continue
        if day < business_date and (path / manifest.MANIFEST).exists():
            days.append(day)
    return max(days, default=None)


def _read(path: Path) -> _Sheet:
    from python_calamine import CalamineWorkbook

    with CalamineWorkbook.from_path(path) as book:
        rows = book.get_sheet_by_name(SHEET).to_python(skip_empty_area=False)
    header = next(number for number, row in enumerate(rows) if KEY in row)
    return _Sheet(
        rows, header, {str(name): index for index, name in enumerate(rows[header]) if name}
    )


def _answer(sheet: _Sheet, queue_date: date, chance: random.Random) -> None:
    for number, row in enumerate(sheet.rows[sheet.header + 1 :]):
        if number == 1:
            answers = {RESULT: "talvez", NOTE: "ligar de novo"}
        elif chance.random() < 0.66:
            answers = dict(_one_call(Decimal(str(row[sheet.columns[DUE]])), queue_date, chance))
        else:
            continue
        for name, value in answers.items():
            row[sheet.columns[name]] = value


def _one_call(due: Decimal, queue_date: date, chance: random.Random) -> Iterator[tuple[str, Any]]:
    spellings = chance.choices(
        [names for _, names in _RESULTS], weights=[weight for weight, _ in _RESULTS]
    )[0]
    yield RESULT, chance.choice(spellings)
    code = spellings[0]
    if code in {"PROMESSA", "ACORDO", "PAGO_INFORMADO", "RECUSA", "CONTESTA"}:
        yield DELAY_REASON, chance.choice(_DELAY_REASONS)
    if code in {"PROMESSA", "ACORDO", "AGENDADO"}:
        day = queue_date + timedelta(days=chance.randint(1, 10))
        yield (
            PROMISED_ON,
            chance.choice(
                [day, f"{day:%d/%m/%Y}", f"{day:%d/%m/%y}", f"{day:%d/%m}", f"{day:%d-%m-%Y}"]
            ),
        )
    if code == "PROMESSA" and chance.random() < 0.7:
        amount = due if chance.random() < 0.7 else due / 2
        yield (
            AMOUNT,
            chance.choice(
                [float(round(amount, 2)), format_number(amount), f"R$ {format_number(amount)}"]
            ),
        )
    if code == "ACORDO":
        yield AMOUNT, format_number(due * Decimal("0.97"))
        yield INSTALLMENTS, chance.choice([1, 2, "3x", "2 parcelas", "3"])
    if code in {"RECADO", "CONTESTA"}:
        yield (
            NOTE,
            "cliente pediu retorno à tarde"
            if code == "RECADO"
            else "diz que devolveu a mercadoria",
        )


def _write(path: Path, sheet: _Sheet, queue_date: date) -> None:
    """Save as another program does: the values stay, the formats do not."""
    import xlsxwriter

    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "default_date_format": "dd/mm/yyyy",
    }
    with xlsxwriter.Workbook(path, options) as book:
        # The same answers give the same bytes.
        book.set_properties({"created": datetime.combine(queue_date, time(18))})
        page = book.add_worksheet(SHEET)
        for number, row in enumerate(sheet.rows):
            for index, value in enumerate(row):
                if value not in (None, ""):
                    page.write(number, index, value)
