"""Fill two source databases with what the synthetic company knew on a business date.

``erp`` is a Portuguese ERP (titles and settlements, exact decimals); ``billing`` an English
subscription system (invoices in whole cents, dates as ``YYYYMMDD`` text). The next date holds the
same rows and that day's events more.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
import sqlalchemy as sa

from cobranca.demo import dirty_rows
from cobranca.demo.company_history import History, make_history
from cobranca.demo.history_tables import (
    BILLING,
    BOLETO,
    CARD,
    CREDIT_NOTE,
    DISCOUNT,
    ERP,
    FIRST_DAY,
    LAST_DAY,
    OTHER,
    PAYMENT,
    PIX,
    REVERSAL,
    WRITE_OFF,
    IntArray,
    Movements,
    Titles,
    day_number,
    day_of,
)
from cobranca.demo.payers import NEVER, DemoPayer
from cobranca.demo.source_tables import (
    BILLING_TABLES,
    ERP_TABLES,
    SourceRow,
    SourceRows,
    create,
    replace_rows,
)
from cobranca.demo.tax_ids import dotted
from cobranca.errors import ConfigError
from cobranca.payments import boleto, pix

SEED = 20231201
PAYERS = 2000
# Who receives the Pix of each system: a name and a city.
RECEIVERS = {ERP: ("Ipê Amarelo Distribuidora", "São Paulo"), BILLING: ("Clube Ipê", "São Paulo")}
_BANKS = ("001", "033", "104", "237", "341")
_ERP_KINDS = {PAYMENT: "PG", CREDIT_NOTE: "NC", DISCOUNT: "DE", WRITE_OFF: "PE", REVERSAL: "ES"}
_BILLING_KINDS = {PAYMENT: "payment", CREDIT_NOTE: "credit", REVERSAL: "refund"}
_ERP_METHODS = {BOLETO: "boleto", PIX: "pix", CARD: "cartao", OTHER: None}
_BILLING_METHODS = {BOLETO: "bank_slip", PIX: "pix", CARD: "card", OTHER: None}


def fill(
    erp_url: sa.URL | str,
    billing_url: sa.URL | str,
    business_date: date,
    seed: int = SEED,
    payers: int = PAYERS,
) -> dict[str, int]:
    """Make both databases hold exactly what was known on ``business_date``.

    That is what was issued, changed and paid up to that day. Tables are created where they are
    absent. Rows are replaced in one transaction for each database, so that a reader sees the old
    rows or the new ones. Any database that SQLAlchemy reaches will do. PostgreSQL is filled by
    COPY.

    Returns:
        Rows by table, for example ``{"erp.titulos": 29584, ...}``.

    Raises:
        ConfigError: the date lies outside the company's history.
    """
    history = known_history(business_date, seed, payers)
    day = day_number(business_date)
    counts: dict[str, int] = {}
    for name, url, tables, rows in (
        ("erp", erp_url, ERP_TABLES, erp_rows(history, day)),
        ("billing", billing_url, BILLING_TABLES, billing_rows(history, day)),
    ):
        engine = sa.create_engine(_with_driver(url))
        try:
            create(engine, tables)
            filled = replace_rows(engine, tables, rows)
        finally:
            engine.dispose()
        counts |= {f"{name}.{table}": number for table, number in filled.items()}
    return counts


def known_history(business_date: date, seed: int = SEED, payers: int = PAYERS) -> History:
    """The history that covers a business date.

    Raises:
        ConfigError: it does not.
    """
    if not FIRST_DAY + timedelta(days=30) <= business_date <= LAST_DAY - timedelta(days=30):
        raise ConfigError(
            f"the demo company's books run from {FIRST_DAY + timedelta(days=30)} to "
            f"{LAST_DAY - timedelta(days=30)}; {business_date} lies outside. "
            "Choose a business date between them."
        )
    if payers < 50:
        raise ConfigError(f"the demo company needs at least 50 payers, not {payers}.")
    return make_history(seed, payers)


def _with_driver(url: sa.URL | str) -> sa.URL:
    """Plain ``postgresql://`` and ``mysql://`` get the drivers this project installs."""
    url = sa.make_url(url)
    drivers = {
        "postgresql": "postgresql+psycopg",
        "postgres": "postgresql+psycopg",
        "mysql": "mysql+pymysql",
        "mariadb": "mysql+pymysql",
    }
    return url.set(drivername=drivers.get(url.drivername, url.drivername))


def erp_rows(history: History, day: int) -> SourceRows:
    """Rows of ``clientes``, ``titulos`` and ``baixas`` as of a day.

    Their values are in the order of the columns of :data:`ERP_TABLES`.
    """
    clients = [_client(payer, day) for payer in _known_payers(history, day) if payer.in_erp]
    rows = {
        "clientes": clients,
        "titulos": list(_erp_titles(history, day)),
        "baixas": list(_erp_settlements(history, day)),
    }
    return dirty_rows.add_erp_faults(rows)


def client_code(payer: DemoPayer) -> str:
    """The payer's code in the ERP."""
    return f"C{payer.number + 1:05d}"


def _client(payer: DemoPayer, day: int) -> SourceRow:
    tax_id = dotted(payer.tax_id) if payer.number % 5 else payer.tax_id
    changes = (payer.no_email_from, payer.no_calls_from, payer.legal_hold_from, payer.deceased_from)
    changed = max([payer.since, *(when for when in changes if when <= day)])
    return (
        client_code(payer),
        f" {payer.name}  " if payer.number % 97 == 0 else payer.name,
        tax_id or None,
        payer.email or None,
        payer.phone or None,
        payer.city,
        payer.state,
        payer.segment,
        "J" if payer.is_company else "F",
        payer.legal_hold_from <= day,
        payer.deceased_from <= day,
        payer.no_email_from <= day,
        payer.no_calls_from <= day,
        payer.preferred_channel or None,
        _moment(changed, payer.number),
    )


def _erp_titles(history: History, day: int) -> Iterator[SourceRow]:
    titles, texts = history.titles, _texts(history.seed, len(history.payers))
    chosen = np.flatnonzero((titles.system == ERP) & (titles.issued_on <= day))
    last_moved = _last_movement(history, day)
    for i, columns in zip(chosen.tolist(), _columns(titles.take(chosen)), strict=True):
        payer = history.payers[columns["payer"]]
        number = int(history.title_number[i])
        code_typed = _padded(client_code(payer), number + 5)
        state, changed = "A", columns["issued_on"]
        for letter, when in (
            ("C", columns["cancelled_on"]),
            ("P", columns["written_off_on"]),
            ("N", columns["agreed_on"]),
        ):
            if when <= day:
                state, changed = letter, max(changed, when)
        line, code, link = texts[i]
        yield (
            number,
            code_typed,
            _padded(f"{'AC' if columns['is_agreement'] else 'NF'}-{columns['sale']:06d}", number),
            f"{columns['installment']}/{columns['installments']}",
            day_of(columns["issued_on"]),
            day_of(columns["due_on"]),
            _money(columns["cents"]),
            "USD" if payer.in_dollars else "BRL",
            state,
            columns["disputed_from"] <= day < columns["disputed_to"],
            Decimal("0.020000") if number % 11 else None,
            Decimal("0.010000")
            if number % 13
            else Decimal("0.025000")
            if payer.is_company
            else None,
            line,
            code,
            link,
            _moment(max(changed, int(last_moved[i]), _dispute_change(columns, day)), number),
            columns["cancelled_on"] <= day and number % 4 == 0,
        )


def _erp_settlements(history: History, day: int) -> Iterator[SourceRow]:
    for number, title, move in _known_movements(history, ERP, day):
        yield (
            number,
            title,
            day_of(move["paid_on"]),
            day_of(move["credited_on"]),
            _money(move["cents"]),
            _ERP_KINDS[move["kind"]],
            _ERP_METHODS[move["method"]],
            _moment(move["paid_on"], number),
        )


def billing_rows(history: History, day: int) -> SourceRows:
    """Rows of ``account``, ``invoice`` and ``invoice_payment`` as of a day."""
    known = sorted(
        (payer for payer in history.payers if payer.in_billing and payer.since <= day),
        key=lambda p: (p.since, p.number),
    )
    accounts = [_account(payer) for payer in known]
    rows = {
        "account": accounts,
        "invoice": list(_invoices(history, day)),
        "invoice_payment": list(_invoice_payments(history, day)),
    }
    return dirty_rows.add_billing_faults(rows)


def account_id(payer: DemoPayer) -> int:
    """The payer's account in the billing system."""
    return 50_000 + payer.number


def _account(payer: DemoPayer) -> SourceRow:
    tax_id = payer.tax_id if payer.number % 3 else dotted(payer.tax_id)
    return (
        account_id(payer),
        payer.name.upper() if payer.in_erp else payer.name,
        tax_id,
        payer.email,
        payer.phone,
        payer.city,
        payer.state,
        payer.plan,
        "company" if payer.is_company else "person",
        _moment(payer.since, payer.number),
    )


def _invoices(history: History, day: int) -> Iterator[SourceRow]:
    titles, texts = history.titles, _texts(history.seed, len(history.payers))
    chosen = np.flatnonzero((titles.system == BILLING) & (titles.issued_on <= day))
    last_moved, left = _last_movement(history, day), _open_cents(history, day)
    for i, columns in zip(chosen.tolist(), _columns(titles.take(chosen)), strict=True):
        payer = history.payers[columns["payer"]]
        number = int(history.title_number[i])
        state, changed = ("paid" if left[i] <= 0 else "open"), columns["issued_on"]
        for word, when in (
            ("void", columns["cancelled_on"]),
            ("uncollectible", columns["written_off_on"]),
        ):
            if when <= day:
                state, changed = word, max(changed, when)
        line, code, link = texts[i]
        yield (
            number,
            account_id(payer),
            _padded(f"FAT-{number:06d}", number),
            "1",
            f"{day_of(columns['issued_on']):%Y%m%d}",
            f"{day_of(columns['due_on']):%Y%m%d}",
            columns["cents"],
            "BRL",
            state,
            int(columns["disputed_from"] <= day < columns["disputed_to"]),
            line,
            code,
            link,
            _moment(max(changed, int(last_moved[i]), _dispute_change(columns, day)), number),
        )


def _invoice_payments(history: History, day: int) -> Iterator[SourceRow]:
    for number, invoice, move in _known_movements(history, BILLING, day):
        yield (
            number,
            invoice,
            day_of(move["paid_on"]).isoformat(),
            move["cents"],
            _BILLING_KINDS[move["kind"]],
            _BILLING_METHODS[move["method"]],
            _moment(move["paid_on"], number),
        )


def _known_payers(history: History, day: int) -> list[DemoPayer]:
    """Who was a customer by that day, the oldest first."""
    return sorted(
        (payer for payer in history.payers if payer.since <= day),
        key=lambda payer: (payer.since, payer.number),
    )


def _columns(table: Titles | Movements) -> Iterator[dict[str, Any]]:
    """The rows of a table as dictionaries of plain Python values."""
    names = list(vars(table))
    for values in zip(*(getattr(table, name).tolist() for name in names), strict=True):
        yield dict(zip(names, values, strict=True))


def _known_movements(
    history: History, system: int, day: int
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Number, number of the title, and the movement's columns, for every movement up to a day."""
    moves = history.movements
    known = (history.titles.system[moves.title] == system) & (moves.paid_on <= day)
    # nothing is booked on a title before it exists
    known &= history.titles.issued_on[moves.title] <= day
    chosen = np.flatnonzero(known)
    numbers = history.movement_number[chosen].tolist()
    titles = history.title_number[moves.title[chosen]].tolist()
    return zip(numbers, titles, _columns(moves.take(chosen)), strict=True)


def _last_movement(history: History, day: int) -> IntArray:
    last = np.full(len(history.titles), -1)
    known = history.movements.paid_on <= day
    np.maximum.at(last, history.movements.title[known], history.movements.paid_on[known])
    return last


def _open_cents(history: History, day: int) -> IntArray:
    """What is unpaid of every title on a day, in cents."""
    moves = history.movements.take(history.movements.paid_on <= day)
    left = history.titles.cents.copy()
    np.add.at(left, moves.title, np.where(moves.kind == REVERSAL, moves.cents, -moves.cents))
    return left


def _dispute_change(columns: dict[str, int], day: int) -> int:
    return max(
        [
            when
            for when in (columns["disputed_from"], columns["disputed_to"])
            if when <= day and when < NEVER
        ],
        default=-1,
    )


def _padded(text: str, number: int) -> str:
    """A few numbers were typed with spaces around them."""
    return f"  {text}   " if number % 4001 == 17 else text


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _moment(day: int, salt: int) -> datetime:
    """A time of that day in office hours, always the same one."""
    base = datetime.combine(day_of(day), datetime.min.time())
    return base + timedelta(hours=8, seconds=salt * 7919 % 36_000)


@lru_cache(maxsize=2)
def _texts(seed: int, payers: int) -> list[tuple[str | None, str | None, str | None]]:
    """Boleto line, Pix code and payment link of every title.

    Some have fewer ways to pay; titles in dollars have a link only.
    """
    history = make_history(seed, payers)
    titles = history.titles
    first = day_number(boleto.BASE + timedelta(days=1000))
    texts: list[tuple[str | None, str | None, str | None]] = []
    for i, columns in enumerate(_columns(titles)):
        number, system = int(history.title_number[i]), columns["system"]
        link = f"https://pagar.example.com.br/{'t' if system == ERP else 'f'}/{number}"
        if history.payers[columns["payer"]].in_dollars:
            texts.append((None, None, link))
            continue
        line = code = None
        if number % 10 != 3 and columns["due_on"] >= first:
            bank = _BANKS[columns["payer"] % len(_BANKS)]
            free = f"{system + 1}{columns['payer']:06d}{number:09d}000000000"
            due_on, amount = day_of(columns["due_on"]), _money(columns["cents"])
            line = boleto.build(bank, due_on, amount, free).line
        if number % 10 < 7:
            address = f"pix.example.com.br/qr/v2/{system}{number:08x}"
            name, city = RECEIVERS[system]
            amount = _money(columns["cents"])
            code = pix.build(pix.PixCode(name=name, city=city, url=address, amount=amount))
        if line is None and code is None:
            texts.append((None, None, link))
        else:
            texts.append((line, code, link if number % 3 else None))
    return texts
