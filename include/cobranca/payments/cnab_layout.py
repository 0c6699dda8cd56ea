"""Layouts of bank return files (CNAB), and what occurrence codes mean.

The positions of each layout are data (``layouts/*.yml``), and so is the meaning of the codes (one
CSV for each bank, see :func:`read_codes`).
"""

import csv
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict

from cobranca.errors import ConfigError

LAYOUTS = Path(__file__).parent / "layouts"
KINDS = ("payment", "credit_note", "discount", "write_off", "reversal")
IGNORED = "ignored"
CODE_COLUMNS = ("format", "code", "meaning", "kind", "source", "reviewed_on")
# Fields that a detail must have, with how each is read.
TEXTS = ("code", "our_number", "document_number", "company_use")
CENTS = ("nominal", "interest", "discount", "rebate", "paid")
DATES = ("occurred_on", "credited_on")
PLACE = re.compile(r"([HTUD]) (\d+)-(\d+)")
CODE = re.compile(r"[0-9A-Z]{2}")


def _place(text: str) -> str:
    match = PLACE.fullmatch(text)
    if not match or not 1 <= int(match[2]) <= int(match[3]) <= 400:
        raise ValueError("write a place as 'D 109-110': the record and its first and last position")
    return text


Place = Annotated[str, AfterValidator(_place)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrailerTotal(_Strict):
    """What a CNAB 400 trailer says of its details.

    ``codes`` names the occurrences meant, none for all of them.
    """

    codes: tuple[str, ...] = ()
    count: tuple[int, int] | None = None
    amount: tuple[int, int] | None = None


class Layout(_Strict):
    """Positions of one bank's return file, from 1 and inclusive, as manuals count.

    A field's place names the record that holds it: H the file's header, T and U the segments of
    CNAB 240, D the detail of CNAB 400. ``details`` are the record types of CNAB 400 that hold a
    boleto; others are numbered and passed over.
    """

    name: str
    length: Literal[240, 400]
    bank: str | None
    manual: str
    checked: str
    account: tuple[Place, ...]
    fields: Mapping[str, Place]
    details: tuple[str, ...] = ()
    totals: tuple[TrailerTotal, ...] = ()


def layout_names() -> list[str]:
    """Names of all layouts, sorted."""
    return sorted(path.stem for path in LAYOUTS.glob("*.yml"))


@lru_cache(maxsize=16)
def read_layout(name: str) -> Layout:
    """One layout of the package.

    Raises:
        ConfigError: there is none of that name.
    """
    path = LAYOUTS / f"{name}.yml"
    if name not in layout_names():
        raise ConfigError(
            f"there is no CNAB layout '{name}'; use one of: {', '.join(layout_names())}."
        )
    layout = Layout(name=name, **yaml.safe_load(path.read_text(encoding="utf-8")))
    missing = {*TEXTS, *CENTS, *DATES} - set(layout.fields)
    if missing:
        raise ConfigError(f"{path}: the layout lacks {', '.join(sorted(missing))}.")
    return layout


def read_codes(path: Path, length: int) -> dict[str, str]:
    """Occurrence code → kind of payment or ``ignored``, for one bank and one format (240 or 400).

    A code that the file does not name has no decision yet: its payments go to quarantine.

    Raises:
        ConfigError: the file is missing or wrong, with the line.
    """
    cure = f"write it with the columns {','.join(CODE_COLUMNS)}; see the files next to it"
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
    except OSError:
        raise ConfigError(
            f"{path} does not exist: nothing says what that bank's occurrence codes mean; {cure}."
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise ConfigError(f"{path} is no CSV in UTF-8; {cure}.") from None
    codes: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        where = f"{path}:{number}:"
        if tuple(row) != CODE_COLUMNS or None in row.values():
            raise ConfigError(f"{where} the columns must be {','.join(CODE_COLUMNS)}.")
        if row["format"] not in ("240", "400") or not CODE.fullmatch(row["code"]):
            raise ConfigError(
                f"{where} format must be 240 or 400 and code two digits or capital letters."
            )
        if row["kind"] not in (*KINDS, IGNORED):
            raise ConfigError(
                f"{where} kind '{row['kind']}' is unknown; use one of: "
                f"{', '.join((*KINDS, IGNORED))}."
            )
        if not row["source"].strip() or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", row["reviewed_on"]):
            raise ConfigError(
                f"{where} give the source of the meaning, and reviewed_on as YYYY-MM-DD."
            )
        if row["format"] == str(length):
            if row["code"] in codes:
                raise ConfigError(
                    f"{where} code {row['code']} stands there twice for CNAB {length}; keep one."
                )
            codes[row["code"]] = row["kind"]
    return codes
