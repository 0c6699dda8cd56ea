"""Parts of Portuguese sentences about one payer: days, counts, amounts, steps and channels."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from itertools import groupby

from cobranca.explain.night_rows import Decision
from cobranca.labels import CHANNELS
from cobranca.money import format_money


def step_code(offset: int) -> str:
    """``d+3``, the name of a step in the régua."""
    return f"d{offset:+d}" if offset else "d0"


def step_name(offset: int) -> str:
    """``d+3 (3 dias depois do vencimento)``."""
    if offset == 0:
        return "d0 (no vencimento)"
    side = "antes" if offset < 0 else "depois"
    return f"{step_code(offset)} ({counted(abs(offset), 'dia', 'dias')} {side} do vencimento)"


def channel_name(channel: str) -> str:
    """A channel within a sentence: ``e-mail``, ``WhatsApp``."""
    name = CHANNELS.get(channel, channel)
    return name.lower() if channel in ("email", "phone") else name


def age(days: int) -> str:
    """How long past due, or how long until the due date: ``vencido há 3 dias``."""
    if days == 0:
        return "vence hoje"
    return (
        f"vencido há {counted(days, 'dia', 'dias')}"
        if days > 0
        else f"vence em {counted(-days, 'dia', 'dias')}"
    )


def totals(rows: Iterable[Decision]) -> str:
    """Open and due amounts, each currency for itself."""
    sums = []
    for currency, group in groupby(
        sorted(rows, key=lambda row: row["currency"]), key=lambda row: row["currency"]
    ):
        held = list(group)
        owed = sum((row["open_amount"] for row in held), Decimal(0))
        due = sum((row["amount_due"] for row in held), Decimal(0))
        charged = f" ({format_money(due, currency)} com encargos)" if due != owed else ""
        sums.append(format_money(owed, currency) + charged)
    return " e ".join(sums)


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun: ``1 noite``, ``2 noites``."""
    return f"{thousands(number)} {one if number == 1 else many}"


def thousands(number: int) -> str:
    """``1.234``."""
    return f"{number:,}".replace(",", ".")


def day(value: date) -> str:
    """``18/11/2026``."""
    return f"{value:%d/%m/%Y}"


def percent(share: Decimal, places: int = 0) -> str:
    """A fraction as per cent, without needless zeros: ``2 %``, ``0,33 %``."""
    text = f"{share * 100:.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text.replace('.', ',')}\u00a0%"
