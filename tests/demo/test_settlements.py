"""How the demo company's receivables are paid."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import numpy as np

from cobranca.calendar import effective_due_date
from cobranca.demo.dirty_rows import FIRST_NUMBER
from cobranca.demo.history_tables import BOLETO, PAYMENT, REVERSAL, day_number, day_of
from cobranca.demo.payers import PROFILES
from cobranca.demo.settlements import bank_calendar
from demo.books import NIGHT


def test_every_profile_pays_as_it_is_named(books):
    titles, moves, day = books.titles, books.movements, day_number(NIGHT)
    first = np.full(len(titles), 10**6)
    paid = moves.kind == PAYMENT
    np.minimum.at(first, moves.title[paid], moves.paid_on[paid])
    effective, _ = bank_calendar()
    due = effective[titles.due_on]
    profile = np.array([payer.profile for payer in books.payers])[titles.payer]
    matured = (due < day - 90) & (titles.cancelled_on > day) & ~titles.is_agreement
    late = first - due
    share = {}
    for name in PROFILES[:-1]:  # newcomers have nothing that matured
        days = late[matured & (profile == name)]
        share[name] = {
            "on time": np.mean(days <= 0),
            "2-6": np.mean((days >= 2) & (days <= 6)),
            "over 50": np.mean((days > 50) & (days < 80)),
            "never": np.mean(days > 1000),
        }
    assert share["pontual"]["on time"] > 0.96
    assert share["habitual"]["2-6"] > 0.72 and share["habitual"]["never"] < 0.02
    assert 0.03 < share["seldom"]["over 50"] < 0.10 and share["seldom"]["on time"] > 0.88
    assert 0.3 < share["irregular"]["on time"] < 0.6
    assert 0.08 < share["defaulter"]["never"] < 0.7


def test_four_to_seven_per_cent_of_the_portfolio_is_overdue_over_all_bands(books, open_cents):
    titles, day = books.titles, day_number(NIGHT)
    effective, _ = bank_calendar()
    days_past_due = day - effective[titles.due_on]
    overdue = (days_past_due > 0) & (open_cents > 0)
    assert 0.035 <= open_cents[overdue].sum() / open_cents.sum() <= 0.07
    bands = np.digitize(days_past_due[overdue], [31, 61, 91, 181])
    assert all(count >= 20 for count in np.bincount(bands, minlength=5))
    assert (open_cents >= 0).all(), "nothing is paid twice over"


def test_settlements_of_a_title_never_exceed_it(tonight):
    signed: Counter = Counter()
    for row in tonight["baixas"]:
        if row[0] < FIRST_NUMBER:
            signed[row[1]] += -row[4] if row[5] == "ES" else row[4]
    amounts = {row[0]: row[6] for row in tonight["titulos"]}
    assert all(Decimal(0) <= total <= amounts[title] for title, total in signed.items())


def test_a_boleto_is_credited_on_the_next_bank_day(books):
    moves = books.movements
    chosen = np.flatnonzero((moves.method == BOLETO) & (moves.kind != REVERSAL))[:300]
    for paid, credited in zip(moves.paid_on[chosen], moves.credited_on[chosen], strict=True):
        assert day_of(credited) == effective_due_date(day_of(paid) + timedelta(days=1))
