"""Colours and cell formats of the agents' workbook."""

from typing import Any

from cobranca.money import SYMBOLS

GREEN, LIGHT_GREEN, GREY, PAPER, YELLOW, RED, INK = (
    "#1F5C4A",
    "#E6F1ED",
    "#6B7672",
    "#F7F9F8",
    "#FFF8DC",
    "#F8D0C8",
    "#22302B",
)
FONT = "Calibri"

# xlsxwriter has no types; these names say what a parameter is.
Format = Any
Worksheet = Any
XlsxFile = Any


class Formats:
    """Formats by name, made once a file."""

    def __init__(self, file: XlsxFile) -> None:
        self._file = file
        self._made: dict[tuple[object, ...], Format] = {}
        self._cells: dict[tuple[object, ...], Format] = {}
        self.key = self()
        self.first_line = self(bold=True)
        self.next_lines = self(font_size=9, font_color=GREY)

    def __call__(self, **properties: object) -> Format:
        """The format of these properties over the font of every cell."""
        properties = {
            "font_name": FONT,
            "font_size": 10,
            "font_color": INK,
            "valign": "vcenter",
            **properties,
        }
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._file.add_format(properties)
        return self._made[key]

    def cell(self, kind: str, currency: str = "BRL", striped: bool = False) -> Format:
        """The format of a cell by the kind of its column."""
        key = (kind, currency, striped)
        if key not in self._cells:
            self._cells[key] = self._cell(kind, currency, striped)
        return self._cells[key]

    def _cell(self, kind: str, currency: str, striped: bool) -> Format:
        symbol = SYMBOLS.get(currency, currency)
        base: dict[str, object] = {"bottom": 4, "bottom_color": "#C9D3CF"}
        if kind.startswith("answer"):
            base |= {"bg_color": YELLOW, "locked": False, "border": 1, "border_color": "#E3D9A8"}
        elif striped:
            base |= {"bg_color": PAPER}
        kind = kind.removeprefix("answer_")
        if kind in {"wrap", "lines"}:
            base |= {"text_wrap": True, "indent": 1, "quote_prefix": True}
        if kind in {"centre", "count", "date"}:
            base |= {"align": "center"}
        if kind == "date":
            base |= {"num_format": "dd/mm/yyyy"}
        if kind.startswith("money"):
            # Locale 416 is Brazilian Portuguese.
            base |= {
                "num_format": f"[${symbol}-416] #,##0.00",
                "align": "right",
                "bold": kind == "money_bold",
            }
        if kind == "count":
            base |= {"num_format": "0"}
        return self(**base)
