"""Read the files that agents and dialers return.

They may have any spreadsheet format, and any order of rows and columns.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cobranca.queues.cell_parsing import is_blank
from cobranca.queues.queue_columns import ANSWERS, CALLED_ON, KEY, SHEET, normalised

SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
SUFFIXES = (*SPREADSHEETS, ".csv")
# What is looked for above the table: the heading block of a workbook has six lines.
_HEADER_WITHIN = 40
_WANTED = {normalised(name): name for name in (KEY, *ANSWERS, CALLED_ON)}


class UnreadableFile(ValueError):
    """A file that is no queue; the message says why, in Portuguese."""


@dataclass(frozen=True)
class Answer:
    """One row with an answer. ``cells`` holds what was typed, by heading."""

    file: str
    line: int
    message_key: str
    cells: dict[str, Any]


def read_answers(path: Path) -> list[Answer]:
    """The answered rows of one file; rows without an answer are left out.

    Raises:
        UnreadableFile: the file is damaged, or holds no column ``message_key`` and ``Resultado``.
    """
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _sheet_rows(path)
    columns: dict[str, int] | None = None
    answers = []
    for line, row in rows:
        if columns is None:
            columns = _header(row)
            if columns is None and line >= _HEADER_WITHIN:
                break
            continue
        cells = {name: row[index] if index < len(row) else None for name, index in columns.items()}
        key = str(cells.pop(KEY) or "").strip()
        if not all(is_blank(value) for value in cells.values()):
            answers.append(Answer(path.name, line, key, cells))
    if columns is None:
        raise UnreadableFile(
            f"não tem as colunas {KEY} e {ANSWERS[0]}; devolva a planilha que recebeu"
        )
    return answers


def _header(row: list[Any]) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for index, value in enumerate(row):
        name = _WANTED.get(normalised(value)) if isinstance(value, str) else None
        if name is not None:
            found.setdefault(name, index)
    return found if KEY in found and ANSWERS[0] in found else None


def _sheet_rows(path: Path) -> Iterator[tuple[int, list[Any]]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(path) as book:
            names = book.sheet_names
            if not names:
                raise UnreadableFile("não tem nenhuma aba")
            sheet = book.get_sheet_by_name(SHEET if SHEET in names else names[0])
            rows = sheet.to_python(skip_empty_area=False)
    except (CalamineError, OSError, ValueError) as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile("está danificado, protegido por senha ou não é uma planilha") from None
    yield from enumerate(rows, 1)


def _csv_rows(path: Path) -> Iterator[tuple[int, list[Any]]]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What spreadsheet programs in Brazil save as plain "CSV".
        text = data.decode("cp1252", errors="replace")
    if "\0" in text:
        raise UnreadableFile("não é um arquivo de texto CSV")
    first = next((line for line in text.splitlines() if normalised(KEY) in normalised(line)), "")
    delimiter = max(";,\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error:
        raise UnreadableFile("está danificado a partir de alguma linha") from None
