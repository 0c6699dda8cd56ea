"""Rows of receivables as sources write them, each with the row that it must land as, or none.

A row is put together from values whose meaning is known: each is written in one of the forms that
sources use. So what lands is compared with what was meant, without a second cleaner.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal

from hypothesis import strategies as st

COLUMNS = ("receivable_id", "customer_id", "due_date", "amount", "currency", "status")
# One row in so many has a mistake, so that most land.
ONE_MISTAKEN_IN = 3
FEW_IDS = ("1", "20", "A-7")


@dataclass(frozen=True)
class Written:
    """One value as a source writes it, and what it means; ``reason`` is why it cannot land."""

    raw: object
    meant: object = None
    reason: str | None = None


@dataclass(frozen=True)
class DrawnRow:
    """One row as it comes in."""

    values: dict[str, Written] = field(default_factory=dict)

    @property
    def raw(self) -> tuple:
        return tuple(self.values[name].raw for name in COLUMNS)

    @property
    def meant(self) -> dict | None:
        """What lands; nothing where a value has a reason."""
        if self.refusal:
            return None
        return {name: value.meant for name, value in self.values.items()}

    @property
    def refusal(self) -> tuple[str, str] | None:
        """Column and reason of the quarantine."""
        refused = ((name, value.reason) for name, value in self.values.items() if value.reason)
        return next(refused, None)

    @property
    def number(self) -> Decimal:
        """The amount that came in, good or not; zero where it holds no finite number."""
        return self.values["amount"].meant or Decimal(0)


def _forms(draw, meant: object, *raw: object) -> Written:
    return Written(draw(st.sampled_from(raw)), meant)


def _with_comma(number: str) -> str:
    """With a comma and dots, as it is written in Brazil."""
    whole, _, cents = number.partition(".")
    return f"{int(whole):,}".replace(",", ".") + f",{cents}"


@st.composite
def amounts(draw) -> Written:
    meant = Decimal(draw(st.one_of(st.integers(1, 10**7), st.integers(1, 10**18 - 1)))) / 100
    raw = [
        meant,
        f"{meant:.2f}",
        _with_comma(f"{meant:.2f}"),
        f" R$ {meant:.2f} ",
        meant * Decimal("1.000"),
    ]
    if meant == meant.to_integral_value():
        raw.append(int(meant))
    if meant < 10**9:
        raw.append(float(meant))
    return _forms(draw, meant, *raw)


@st.composite
def unfit_amounts(draw) -> Written:
    zero = st.sampled_from([0, "0.00", Decimal(0), 0.0])
    below = st.integers(1, 10**18 - 1).map(lambda cents: -Decimal(cents) / 100)
    finer = st.integers(1, 10**9).filter(lambda number: number % 10)
    return draw(
        st.one_of(
            zero.map(lambda raw: Written(raw, Decimal(0), "not_positive")),
            below.map(lambda number: Written(number, number, "not_positive")),
            finer.map(lambda number: Decimal(number) / 1000).map(
                lambda number: Written(number, number, "too_many_decimals")
            ),
            st.integers(10**16, 10**20).map(
                lambda number: Written(number, Decimal(number), "too_large")
            ),
            st.sampled_from(["NaN", "Infinity", Decimal("NaN"), float("-inf")]).map(
                lambda raw: Written(raw, None, "not_finite")
            ),
            st.sampled_from(["12a34", "1e5", "1,234.56", "R$", True]).map(
                lambda raw: Written(raw, None, "unreadable")
            ),
            st.sampled_from([None, "", "  "]).map(lambda raw: Written(raw, None, "missing")),
        )
    )


LETTERS = st.characters(categories=["L", "N"], include_characters="-/._ ")


@st.composite
def ids(draw) -> Written:
    """Half of them of a few, so that rows of one chunk collide."""
    many = st.text(LETTERS, min_size=1, max_size=12).map(str.strip).filter(bool)
    meant = draw(st.one_of(st.sampled_from(FEW_IDS), many))
    raw: list[object] = [meant, f"  {meant}", f"{meant}\t", meant.encode()]
    if meant.isascii() and meant.isdigit() and not meant.startswith("0"):
        raw += [int(meant), Decimal(meant), Decimal(f"{meant}.00")]
    return _forms(draw, meant, *raw)


@st.composite
def unfit_ids(draw) -> Written:
    long = st.integers(151, 300).map(lambda length: Written("k" * length, None, "too_long"))
    blank = st.sampled_from([None, "", " ", "\t\n", b""])
    return draw(st.one_of(long, blank.map(lambda raw: Written(raw, None, "missing"))))


@st.composite
def days(draw) -> Written:
    # until 2019 São Paulo had a summer time, in which -03 was another zone
    meant = draw(st.dates(date(2020, 1, 1), date(2039, 12, 31)))
    return _forms(
        draw,
        meant,
        meant,
        datetime.combine(meant, time(23, 59)),
        meant.isoformat(),
        f"{meant:%Y%m%d}",
        int(f"{meant:%Y%m%d}"),
        f"{meant} 23:30:00-03",
    )


@st.composite
def unfit_days(draw) -> Written:
    absent = st.sampled_from([None, "", "0000-00-00", 0, "00000000"])
    typed = st.sampled_from(["amanhã", "31/12/2026", "2026-02-30", "2026-13-01", 20261301])
    far = st.sampled_from([date(1812, 3, 1), "9999-12-31", 99991231])
    return draw(
        st.one_of(
            absent.map(lambda raw: Written(raw, None, "missing")),
            typed.map(lambda raw: Written(raw, None, "unreadable")),
            far.map(lambda raw: Written(raw, None, "out_of_range")),
        )
    )


def _codes(default: str, unknown: str, *known: str) -> tuple[st.SearchStrategy, st.SearchStrategy]:
    fit = st.sampled_from(known).flatmap(
        lambda code: st.sampled_from([code, code.upper(), code.lower(), f" {code} "]).map(
            lambda raw: Written(raw, code)
        )
    )
    absent = st.sampled_from([None, "", " "]).map(lambda raw: Written(raw, default))
    odd = st.sampled_from(["??", "x1", "0"]).map(lambda raw: Written(raw, None, unknown))
    return st.one_of(fit, absent), odd


CURRENCIES, UNFIT_CURRENCIES = _codes("BRL", "unknown_currency", "BRL", "USD", "EUR")
STATUSES, UNFIT_STATUSES = _codes(
    "open", "unknown_status", "open", "cancelled", "written_off", "agreed"
)
FIT = {
    "receivable_id": ids(),
    "customer_id": ids(),
    "due_date": days(),
    "amount": amounts(),
    "currency": CURRENCIES,
    "status": STATUSES,
}
MISTAKEN = {
    "receivable_id": unfit_ids(),
    "customer_id": unfit_ids(),
    "due_date": unfit_days(),
    "amount": unfit_amounts(),
    "currency": UNFIT_CURRENCIES,
    "status": UNFIT_STATUSES,
}


@st.composite
def drawn_rows(draw) -> DrawnRow:
    is_mistaken = draw(st.integers(1, ONE_MISTAKEN_IN)) == ONE_MISTAKEN_IN
    mistaken = draw(st.sampled_from(COLUMNS)) if is_mistaken else None
    return DrawnRow(
        {name: draw(MISTAKEN[name] if name == mistaken else FIT[name]) for name in COLUMNS}
    )
