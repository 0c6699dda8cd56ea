"""Remove one payer's rows from files that people or providers returned."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cobranca.events.event_files import SUFFIXES as EVENTS
from cobranca.partitions.manifest import write_atomically
from cobranca.privacy.payer_traces import Traces
from cobranca.queues.returned_files import SPREADSHEETS, SUFFIXES

# Files that are read as text.
_TEXTS = {".csv", ".txt", ".json", ".jsonl", ".ndjson", ".html", ".eml", ".log"}
LARGEST_BYTES = 256 * 1024 * 1024


class Unreadable(ValueError):
    """A file that cannot be read."""


def returned_files(inbox: Path) -> Iterator[Path]:
    """Everything that was returned, read or not."""
    yield from (
        path
        for path in sorted(inbox.rglob("*"))
        if path.is_file() and path.suffix.lower() in {*SUFFIXES, *EVENTS}
    )


def names_the_payer(path: Path, traces: Traces) -> bool:
    """Whether a returned file holds anything about the payer.

    Raises:
        Unreadable: it is damaged or locked.
    """
    if path.suffix.lower() in SPREADSHEETS:
        return any(_tells(row, traces) for rows in _sheets(path).values() for row in rows)
    return traces.found_in(_text(path))


def remove_payer(path: Path, traces: Traces) -> None:
    """Write the file without its rows or events about the payer.

    A spreadsheet keeps its values and loses its formats.

    Raises:
        Unreadable: it is damaged or locked; it stays as it is.
    """
    suffix = path.suffix.lower()
    if suffix in SPREADSHEETS:
        write_atomically(path.with_suffix(".xlsx"), _workbook(_sheets(path), traces))
        if suffix != ".xlsx":
            path.unlink()
    elif suffix == ".csv":
        write_atomically(path, _csv(_text(path), traces))
    else:
        write_atomically(path, _events(_text(path), traces))


def text_files_naming(data: Path, traces: Traces) -> list[Path]:
    """Text files under ``data`` that still name the payer; a person has to judge them."""
    found = []
    for path in sorted(data.rglob("*")):
        if (
            path.suffix.lower() in _TEXTS
            and path.is_file()
            and path.stat().st_size <= LARGEST_BYTES
        ):
            text = _text(path)
            if any(traces.found_in(line) for line in text.splitlines()):
                found.append(path)
    return found


def _tells(row: Sequence[object], traces: Traces) -> bool:
    return any(traces.found_in(str(value)) for value in row if value not in (None, ""))


def _sheets(path: Path) -> dict[str, list[list[Any]]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(path) as book:
            return {
                name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
                for name in book.sheet_names
            }
    except (CalamineError, OSError, ValueError):
        raise Unreadable(path.name) from None


def _workbook(sheets: dict[str, list[list[Any]]], traces: Traces) -> bytes:
    import xlsxwriter

    buffer = io.BytesIO()
    plainly = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(
        buffer, {"in_memory": True, "default_date_format": "dd/mm/yyyy", **plainly}
    ) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(row for row in rows if not _tells(row, traces)):
                for column, value in enumerate(row):
                    if value != "":
                        sheet.write(number, column, value)
    return buffer.getvalue()


def _csv(text: str, traces: Traces) -> bytes:
    delimiter = max(";,\t", key=text.count)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows(
        row
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        if not _tells(row, traces)
    )
    return b"\xef\xbb\xbf" + buffer.getvalue().encode()


def _events(text: str, traces: Traces) -> bytes:
    """A list of events, or one a line; what is neither goes by its lines."""
    try:
        events = json.loads(text)
    except ValueError:
        return "".join(
            line for line in text.splitlines(keepends=True) if not traces.found_in(line)
        ).encode()
    events = events if isinstance(events, list) else [events]
    kept = [event for event in events if not traces.found_in(json.dumps(event, ensure_ascii=False))]
    return json.dumps(kept, ensure_ascii=False, indent=1).encode()


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
