"""Parse what people type into a cell.

Every function raises ``ValueError`` with a short sentence in Portuguese that never repeats what was
typed.
"""

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from cobranca.money import parse_money, to_cents
from cobranca.queues.queue_columns import normalised

# The day that spreadsheet programs count from.
_SPREADSHEET_EPOCH = date(1899, 12, 30)
_SPREADSHEET_DAYS = range(36_526, 73_051)  # 2000 to 2099
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_BRAZILIAN = re.compile(r"(\d{1,2})\s*[/.\-]\s*(\d{1,2})(?:\s*[/.\-]\s*(\d{4}|\d{2}))?")
_MIDNIGHT = re.compile(r"[T\s]+00:00(:00(\.0+)?)?$")
_LARGEST = Decimal(10) ** 15
_THOUSANDS = re.compile(r"\d{1,3}(\.\d{3})+")


def read_choice(value: object, choices: Mapping[str, str]) -> str | None:
    """A code of a list, typed as the code or as its label; ``None`` if blank.

    Case and accents do not matter.
    """
    if is_blank(value):
        return None
    typed = normalised(value)
    by_name = {normalised(code): code for code in choices}
    # A label may go on in parentheses or after a comma; what people retype is its beginning.
    by_name |= {normalised(re.split(r"[(,]", label)[0]): code for code, label in choices.items()}
    by_name |= {normalised(f"{code} {label}"): code for code, label in choices.items()}
    if typed in by_name:
        return by_name[typed]
    raise ValueError("não está na lista da aba Tabulação")


def read_date(value: object, not_before: date) -> date | None:
    """A date as a cell holds it or as people write it; ``None`` if blank.

    A date without a year is the first one from ``not_before`` on.
    """
    if is_blank(value):
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if math.isfinite(value) and int(value) in _SPREADSHEET_DAYS:
            return _SPREADSHEET_EPOCH + timedelta(days=int(value))
        raise ValueError("não é uma data; escreva como 25/11/2026")
    text = _MIDNIGHT.sub("", str(value).replace("\u00a0", " ").strip())
    try:
        if iso := _ISO.fullmatch(text):
            return date(*(int(part) for part in iso.groups()))
        if written := _BRAZILIAN.fullmatch(text):
            day, month, year = written.groups()
            if year is not None:
                return date(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day))
            found = date(not_before.year, int(month), int(day))
            return found if found >= not_before else found.replace(year=found.year + 1)
    except ValueError:
        raise ValueError("esta data não existe no calendário") from None
    raise ValueError("não é uma data; escreva como 25/11/2026")


def read_amount(value: object) -> Decimal | None:
    """An amount above zero, exact to the cent; ``None`` if blank.

    ``1.234`` typed by a person is one thousand two hundred and thirty-four.
    """
    if is_blank(value):
        return None
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("não é um valor; escreva como 1.234,56")
    if isinstance(value, (int, float)):
        # The shortest text of the cell's number is what the person typed.
        number = Decimal(str(value))
    else:
        text = re.sub(
            r"\s*reais$", "", str(value).replace("\u00a0", " ").strip(), flags=re.IGNORECASE
        )
        bare = re.sub(r"^R\$\s*", "", text, flags=re.IGNORECASE)
        try:
            number = (
                Decimal(bare.replace(".", "")) if _THOUSANDS.fullmatch(bare) else parse_money(text)
            )
        except ValueError:
            raise ValueError("não é um valor; escreva como 1.234,56") from None
    if abs(number) >= _LARGEST:
        raise ValueError("é grande demais; confira a vírgula")
    amount = to_cents(number)
    # A cell computed by the program may carry dust behind the cents; a person's third decimal is a
    # slip.
    if abs(amount - number) > (Decimal("0.000001") if isinstance(value, float) else 0):
        raise ValueError("tem mais de duas casas depois da vírgula")
    if amount <= 0:
        raise ValueError("precisa ser maior que zero")
    return amount


def read_count(value: object) -> int | None:
    """A whole number from 1, also written ``3x`` or ``3 parcelas``."""
    if is_blank(value):
        return None
    number = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = int(value) if math.isfinite(value) and value == int(value) else None
    elif found := re.fullmatch(
        r"(\d{1,3})\s*(x|vezes|parcelas?)?", str(value).strip(), flags=re.IGNORECASE
    ):
        number = int(found[1])
    if number is not None and 1 <= number <= 999:
        return number
    raise ValueError("não é um número de parcelas; escreva como 3")


def is_blank(value: object) -> bool:
    """Nothing, spaces, or the dash that people put for nothing."""
    return value is None or (
        isinstance(value, str) and value.replace("\u00a0", " ").strip() in {"", "-", "–"}
    )
