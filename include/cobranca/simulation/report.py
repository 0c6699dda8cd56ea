"""Report of a simulation: one page of text in Portuguese, and a CSV of customers."""

import csv
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

from cobranca.labels import CHANNELS
from cobranca.money import format_money, format_number
from cobranca.simulation.compare import Comparison, CustomerLine, Pair

CHANGES = {
    "gains": "ganha contato",
    "loses": "perde contato",
    "more": "mais contatos",
    "fewer": "menos contatos",
    "moves": "outro dia, passo ou canal",
}
_TITLES = {
    "gains": "Ganham contato",
    "loses": "Perdem contato",
    "more": "Têm mais contatos",
    "fewer": "Têm menos contatos",
    "moves": "Mudam de dia, passo ou canal",
}
HEADER = (
    "cliente",
    "mudanca",
    "contatos_atual",
    "contatos_proposta",
    "diferenca",
    "primeiro_contato_atual",
    "primeiro_contato_proposta",
    "moeda",
    "valor_em_aberto",
)
_WIDTH = 100


def render_report(found: Comparison, top: int = 10) -> str:
    """The whole result; ``top`` customers of each kind of change, by amount."""
    lines = [
        *_head(found),
        "",
        *_totals(found),
        "",
        *_steps(found),
        "",
        *_customers(found, top),
        "",
        *_assumptions(),
    ]
    return "\n".join(line.rstrip() for line in lines)


def write_customers(found: Comparison, path: Path) -> int:
    """Write every payer whose contacts differ as a CSV for Brazilian spreadsheets.

    Returns the number of rows.
    """
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(HEADER)
        for line in found.changed:
            writer.writerow(
                (
                    line.customer_key,
                    CHANGES[line.change],
                    line.contacts.current,
                    line.contacts.proposed,
                    line.contacts.difference,
                    _day(line.first_current),
                    _day(line.first_proposed),
                    line.currency,
                    format_number(line.amount),
                )
            )
    return len(found.changed)


def _head(found: Comparison) -> Iterator[str]:
    first, last = found.nights[0], found.nights[-1]
    period = f"{first:%d/%m/%Y}" if first == last else f"{first:%d/%m/%Y} a {last:%d/%m/%Y}"
    number = len(found.nights)
    yield (
        f"Simulação da régua {found.proposed_version} (proposta) contra a "
        f"{', '.join(found.versions)} (atual)"
    )
    yield f"{period} · {number} {'noite' if number == 1 else 'noites'} com dados"
    if found.missing:
        days = ", ".join(f"{day:%d/%m}" for day in found.missing[:12]) + (
            " …" if len(found.missing) > 12 else ""
        )
        yield f"Sem dados, e por isso fora da conta: {days}"


def _totals(found: Comparison) -> Iterator[str]:
    yield f"{'':<44}{'atual':>17}{'proposta':>17}{'diferença':>22}"
    yield "─" * _WIDTH
    rows = {
        "Mensagens": found.messages,
        "Ligações": found.calls,
        "Clientes contatados": found.customers,
        "Clientes levados à decisão de uma pessoa": found.escalated,
        "Contatos não feitos (grupo de controle)": found.held_out,
    }
    for name, pair in rows.items():
        yield f"{name:<44}{_count(pair.current):>17}{_count(pair.proposed):>17}{_change(pair):>22}"
    for currency, amount in found.amounts.items():
        name = f"Valor em aberto alcançado ({currency})"
        figures = f"{format_number(amount.current):>17}{format_number(amount.proposed):>17}"
        yield f"{name:<44}{figures}{_money_change(amount):>22}"


def _steps(found: Comparison) -> Iterator[str]:
    yield "Por passo e canal"
    yield f"{'':<18}{'contatos':^27}{'valor em aberto nos contatos':^54}"
    yield (
        f"{'passo':<7}{'canal':<11}{'atual':>8}{'prop.':>8}{'dif.':>8}{'':>4}"
        f"{'atual':>17}{'proposta':>17}{'diferença':>18}"
    )
    yield "─" * _WIDTH
    for line in found.steps:
        head = f"{line.step:<7}{CHANNELS[line.channel]:<11}"
        counts = line.contacts
        head += f"{_count(counts.current):>8}{_count(counts.proposed):>8}"
        head += f"{_signed(counts.difference):>8}"
        for currency, pair in line.amounts.items():
            mark = "" if currency == "BRL" else currency
            amounts = f"{format_number(pair.current):>17}{format_number(pair.proposed):>17}"
            yield f"{head}{mark:>4}{amounts}{_signed_money(pair.difference):>18}"
            head = " " * len(head)


def _customers(found: Comparison, top: int) -> Iterator[str]:
    if not found.changed:
        yield "Nenhum cliente teria contatos diferentes."
        return
    yield f"Clientes com contatos diferentes: {_count(len(found.changed))}"
    for change, title in _TITLES.items():
        lines = found.of(change)
        if lines:
            yield ""
            yield f"{title}: {_count(len(lines))}" + (
                f" (maiores valores: {top})" if 0 < top < len(lines) else ""
            )
            yield from (_customer(line) for line in lines[:top])


def _customer(line: CustomerLine) -> str:
    first = line.first_proposed if line.change == "gains" else line.first_current
    counts = f"{line.contacts.current} → {line.contacts.proposed}"
    return (
        f"  {line.customer_key}  {format_money(line.amount, line.currency):>20}   {counts:>9}  "
        f" primeiro em {first:%d/%m}"
    )


def _assumptions() -> Iterator[str]:
    yield (
        "Como foi calculado: as duas réguas partem do registro de contatos como estava antes da "
        "primeira noite. Pagamentos,"
    )
    yield (
        "títulos, clientes, suspensões, exceções e limites são os de cada noite. Todo contato "
        "simulado conta como entregue e"
    )
    yield (
        "toda ligação como atendida, de modo que muda as noites seguintes; o que os atendentes "
        "ouviram depois da primeira"
    )
    yield (
        "noite não entra em nenhuma das duas. Os pagamentos são os que houve: o efeito da régua "
        "sobre eles não é simulado."
    )


def _count(number: int) -> str:
    return f"{number:,}".replace(",", ".")


def _signed(number: int) -> str:
    return "=" if not number else f"{'+' if number > 0 else '−'}{_count(abs(number))}"


def _signed_money(amount: Decimal) -> str:
    return "=" if not amount else f"{'+' if amount > 0 else '−'}{format_number(abs(amount))}"


def _percent(pair: Pair[int] | Pair[Decimal]) -> str:
    if not pair.current or not pair.difference:
        return ""
    share = Decimal(100 * pair.difference) / Decimal(pair.current)
    return f" ({'+' if share > 0 else '−'}{abs(share):.0f} %)"


def _change(pair: Pair[int]) -> str:
    return _signed(pair.difference) + _percent(pair)


def _money_change(pair: Pair[Decimal]) -> str:
    return _signed_money(pair.difference) + _percent(pair)


def _day(day: date | None) -> str:
    return f"{day:%d/%m/%Y}" if day else ""
