"""Tables of text for a terminal: columns as wide as they need, numbers to the right."""

from collections.abc import Iterable, Sequence

GAP = "  "


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, widest: int = 60) -> str:
    """An aligned table; cells longer than ``widest`` characters are cut with an ellipsis. ``None`` is an empty cell."""
    body = [[_cell(value, widest) for value in row] for row in rows]
    right = [bool(body) and all(isinstance(row[at], _Number) or not row[at] for row in body) for at in range(len(header))]
    widths = [max(len(cell) for cell in column) for column in zip(header, *body, strict=True)]
    lines = [_line(header, widths, right), GAP.join("-" * width for width in widths)]
    return "\n".join([*lines, *(_line(row, widths, right) for row in body)])


class _Number(str):
    """The text of a number."""


def _cell(value: object, widest: int) -> str:
    if value is None:
        return ""
    text = " ".join(str(value).split())
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _Number(text)
    return text if len(text) <= widest else text[: widest - 1] + "…"


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in zip(cells, widths, right, strict=True)
    ]
    return GAP.join(padded).rstrip()
