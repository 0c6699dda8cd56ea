"""One made-up company, free of any ERP: what was invoiced, and everything that happened to it."""

import random
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

from cobranca.demo.tax_ids import cnpj, cpf

D = date(2026, 11, 18)
CITIES = [
    ("São Paulo", "SP"),
    ("Niterói", "RJ"),
    ("Belo Horizonte", "MG"),
    ("Fortaleza", "CE"),
    ("Curitiba", "PR"),
]
DAYS_TO_DUE = (-400, -190, -120, -75, -45, -31, -30, -12, -5, -1, 0, 2, 15, 40)


@dataclass(frozen=True)
class Payer:
    """``tax_id`` is bare; ``variants`` are ways in which different systems spell the name."""

    number: int
    name: str
    tax_id: str | None
    is_company: bool
    email: str
    phone: str
    city: str
    state: str


@dataclass
class Event:
    """Something that happened to an invoice; ``parts`` are amounts by instalment number (from 1),
    in cents.

    ``kind``: payment, credit_note, discount, write_off, or undone (a payment that bounced the same
    day). ``surplus`` is what the payer paid beyond what was owed, in cents.
    """

    number: int
    kind: str
    on: date
    parts: dict[int, int]
    surplus: int = 0

    @property
    def amount(self) -> int:
        return sum(self.parts.values())


@dataclass
class Invoice:
    """``instalments`` are (due date, cents); ``termed`` says that payments name the instalment that
    they are for.
    """

    number: int
    payer: Payer
    issued: date
    currency: str
    instalments: list[tuple[date, int]]
    cancelled: bool = False
    termed: bool = False
    events: list[Event] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(cents for _, cents in self.instalments)

    def settled(
        self,
        instalment: int,
        *,
        kinds: tuple[str, ...] = ("payment", "credit_note", "discount", "write_off"),
    ) -> int:
        return sum(event.parts.get(instalment, 0) for event in self.events if event.kind in kinds)

    def open(self, instalment: int) -> int:
        return (
            0 if self.cancelled else self.instalments[instalment - 1][1] - self.settled(instalment)
        )


@dataclass
class Company:
    payers: list[Payer]
    invoices: list[Invoice]

    def open_amounts(self) -> dict[tuple[int, str], Decimal]:
        """What is open by payer number and currency: the answer that every preset has to give."""
        found: dict[tuple[int, str], Decimal] = {}
        for invoice in self.invoices:
            for number in range(1, len(invoice.instalments) + 1):
                if invoice.open(number) > 0:
                    key = (invoice.payer.number, invoice.currency)
                    found[key] = found.get(key, Decimal(0)) + money(invoice.open(number))
        return found


def money(cents: int) -> Decimal:
    return Decimal(cents) / 100


def make_company(seed: int = 1, receivables: int = 200) -> Company:
    """``receivables`` instalments of some forty payers, with all that the presets must read."""
    chance = random.Random(seed)
    payers = [_payer(number, chance) for number in range(1, 41)]
    invoices: list[Invoice] = []
    events = count(1)
    made = 0
    while made < receivables:
        terms = min(chance.choice([1, 1, 1, 2, 3]), receivables - made)
        first_due = D + timedelta(days=chance.choice(DAYS_TO_DUE))
        invoice = Invoice(
            number=len(invoices) + 1,
            payer=chance.choice(payers),
            issued=first_due - timedelta(days=chance.randrange(10, 40)),
            currency="USD" if chance.random() < 0.2 else "BRL",
            instalments=[
                (first_due + timedelta(days=30 * part), chance.randrange(1_00, 9_000_00))
                for part in range(terms)
            ],
            cancelled=chance.random() < 0.06,
            termed=terms > 1 and chance.random() < 0.5,
        )
        invoice.issued = min(invoice.issued, D - timedelta(days=1))
        if not invoice.cancelled:
            _happen(invoice, chance, events)
        invoices.append(invoice)
        made += terms
    return Company(payers, invoices)


def the_day_before(company: Company) -> Company:
    """The same company a day earlier: its last invoices not yet written, some not yet settled or
    cancelled, and one that will be deleted.
    """
    younger = deepcopy(company)
    del younger.invoices[-12:]
    for invoice in younger.invoices[-24:]:
        invoice.cancelled = False
        del invoice.events[-1:]
    mistake = deepcopy(younger.invoices[0])
    mistake.number, mistake.events = len(company.invoices) + 1, []
    younger.invoices.append(mistake)
    return younger


def _payer(number: int, chance: random.Random) -> Payer:
    is_company = chance.random() < 0.6
    # Some start with zeros, which a numeric column loses.
    base = f"{chance.randrange(10**11, 10**12)}"
    if number % 4 == 0:
        base = f"0{base[:11]}" if number % 8 else f"00{base[:10]}"
    tax_id = cnpj(base) if is_company else cpf(base[:9])
    city, state = chance.choice(CITIES)
    return Payer(
        number=number,
        name=f"Açúcar & Irmãos {number:02d}" + (" Ltda" if is_company else ""),
        tax_id=None if number % 9 == 0 else tax_id,
        is_company=is_company,
        email=f"financeiro{number}@exemplo.com.br",
        phone=f"(11) 9{chance.randrange(6000, 9999)}-{chance.randrange(1000, 9999)}",
        city=city,
        state=state,
    )


def _happen(invoice: Invoice, chance: random.Random, events) -> None:
    """Let some of the invoice's life happen between its issue and D, oldest first."""
    day = invoice.issued
    targets = list(range(1, len(invoice.instalments) + 1))
    if invoice.termed:
        chance.shuffle(targets)
    for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
        day = min(day + timedelta(days=chance.randrange(0, 25)), D)
        kind = chance.choice(["payment"] * 5 + ["undone", "credit_note", "discount", "write_off"])
        if invoice.termed and kind in ("credit_note", "write_off"):
            kind = "payment"
        open_now = {number: invoice.open(number) for number in targets if invoice.open(number) > 0}
        if not open_now:
            return
        if invoice.termed:
            open_now = dict([next(iter(open_now.items()))])
        whole = sum(open_now.values())
        closes = kind in ("discount", "write_off") or chance.random() < 0.45
        amount = whole if closes else max(1, whole * chance.randrange(10, 90) // 100)
        event = Event(next(events), kind, day, _fill(open_now, amount))
        if kind == "payment" and amount == whole and chance.random() < 0.3:
            event.surplus = chance.randrange(1, 50_00)
        if kind == "discount":
            # Nearly all is paid, the rest is granted: two events of one day.
            granted = _fill(dict(reversed(open_now.items())), max(1, whole // 20))
            paid = {number: cents - granted.get(number, 0) for number, cents in open_now.items()}
            paid = {number: cents for number, cents in paid.items() if cents}
            if paid:
                invoice.events.append(Event(next(events), "payment", day, paid))
            event.parts = granted
        invoice.events.append(event)


def _fill(rooms: dict[int, int], amount: int) -> dict[int, int]:
    parts = {}
    for number, room in rooms.items():
        part = min(room, amount)
        if part:
            parts[number] = part
        amount -= part
    return parts
