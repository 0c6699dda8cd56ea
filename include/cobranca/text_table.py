"""Tables of text for a terminal: columns as wide as they need, numbers to the right."""

from collections.abc import Iterable, Sequence


def ruled_table(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, widest: int = 60
) -> str:
    """A table with a line of dashes below its header.

    Columns that hold only numbers are aligned to the right. Cells longer than ``widest`` characters
    are cut with an ellipsis. ``None`` is an empty cell.
    """
    from tabulate import SEPARATING_LINE, DataRow, Line, TableFormat, tabulate

    body = [list(row) for row in rows]
    right = [
        bool(body) and all(_is_number(row[at]) or not _text(row[at], widest) for row in body)
        for at in range(len(header))
    ]
    texts = [[_text(value, widest) for value in row] for row in body]
    row = DataRow("", "  ", "")
    # The header goes in as a row, since tabulate would make its column two wider than it is.
    ruled = TableFormat(None, Line("", "-", "  ", ""), None, None, row, row, 0, None)
    return tabulate(
        [list(header), SEPARATING_LINE, *texts],
        tablefmt=ruled,
        colalign=_aligned(right),
        disable_numparse=True,
    )


def plain_table(lines: Sequence[Sequence[str]]) -> str:
    """Lines of text below each other: the first column to the left, the others to the right.

    The others are figures.
    """
    from tabulate import tabulate

    right = [place > 0 for place in range(len(lines[0]))]
    return tabulate(lines, tablefmt="plain", colalign=_aligned(right), disable_numparse=True)


def _aligned(right: Sequence[bool]) -> list[str]:
    return ["right" if to_right else "left" for to_right in right]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: object, widest: int) -> str:
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= widest or _is_number(value) else text[: widest - 1] + "…"
