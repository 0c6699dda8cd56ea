"""What payers of a small company owe, paid and promised: each function is one kind of situation."""

from datetime import date, timedelta

from nights.installation import FIRST
from nights.small_company import SmallCompany

# How each pays six receivables of 100.00: days after the due date, amount and kind.
HABITS = {
    "bonus": [(0, "100.00", "payment"), (45, "5.00", "credit_note")],
    "twice": [(0, "100.00", "payment"), (45, "100.00", "payment")],
    "given_back": [
        (0, "100.00", "payment"),
        (45, "100.00", "payment"),
        (50, "100.00", "reversal"),
    ],
    "lost_cents": [(0, "99.00", "payment"), (45, "1.00", "write_off")],
    "left_cents": [(0, "99.00", "payment")],
    "on_time": [(0, "100.00", "payment")],
    "late": [(1, "100.00", "payment")],
    "bounced": [(0, "100.00", "payment"), (3, "100.00", "reversal"), (40, "100.00", "payment")],
}
DUE = [date(2026, month, 10) for month in (3, 4, 6, 7, 8, 9)]
# What the source has of each payer's one overdue receivable of 1 000.00: day and amount.
AHEAD = {
    "nothing": [],
    "part": [("2026-12-05", "100.00")],
    "whole": [("2026-12-05", "600.00"), ("2027-01-05", "400.00")],
    "mistyped": [("2062-12-05", "1000.00")],
    # a payment that is there when the message would leave, and gone before the next night
    "seen_once": [],
}


def payers_in_credit(company: SmallCompany) -> None:
    """Anita overpaid, Bento has a credit note, Celia overpaid less, Davi paid in advance; Elisa
    paid in dollars.
    """
    company.payers("Anita", "Bento", "Celia", "Davi", "Elisa")
    company.owes("Anita", 1, "2026-10-30", "500.00")
    company.pays("Anita1", "2026-10-30", "800.00")
    company.owes("Anita", 2, "2026-11-10", "300.00")
    company.owes("Bento", 1, "2026-10-30", "200.00")
    company.pays("Bento1", "2026-10-30", "500.00", kind="credit_note")
    company.owes("Bento", 2, "2026-11-10", "100.00")
    company.owes("Celia", 1, "2026-10-30", "100.00")
    company.pays("Celia1", "2026-10-30", "300.00")
    company.owes("Celia", 2, "2026-11-10", "1000.00")
    company.owes("Davi", 1, "2026-11-10", "300.00")
    company.pays(None, "2026-10-30", "300.00", customer_id="Davi")
    company.owes("Elisa", 1, "2026-11-10", "300.00")
    company.pays(None, "2026-10-30", "300.00", customer_id="Elisa", currency="USD")


def kept_agreements(company: SmallCompany) -> None:
    """Fabio paid 950 of 1 000 in one sum, Gil in two instalments; nobody booked the discount."""
    company.payers("Fabio", "Gil")
    for name in ("Fabio", "Gil"):
        company.owes(name, 1, "2026-09-10", "1000.00")
    company.pays("Fabio1", "2026-10-09", "950.00")
    company.pays("Gil1", "2026-10-09", "475.00")
    company.pays("Gil1", "2026-11-09", "475.00")
    for name, installments in (("Fabio", 1), ("Gil", 2)):
        company.agreed(name, date(2026, 10, 5), date(2026, 10, 9), "950", installments)


def other_bills(company: SmallCompany) -> None:
    """Helena pays her monthly bills and nothing on the agreement; Ivo pays on the old debt; Joana
    promised an old debt and paid a new bill; Karl's queue row was about the second of two debts.
    """
    company.payers("Helena", "Ivo", "Joana", "Karl")
    for name in ("Helena", "Ivo"):
        company.owes(name, 1, "2026-06-10", "600.00", status="agreed")
    company.owes("Helena", 2, "2026-10-20", "200.00", issue_date="2026-10-01")
    company.pays("Helena2", "2026-10-20", "200.00")
    company.owes("Helena", 3, "2026-11-10", "200.00", issue_date="2026-11-01")
    company.pays("Helena3", "2026-11-10", "200.00")
    company.pays("Ivo1", "2026-10-13", "200.00")
    company.pays("Ivo1", "2026-11-10", "200.00")
    for name in ("Joana", "Karl"):
        company.owes(name, 1, "2026-10-05", "300.00")
        company.owes(name, 2, "2026-10-20", "300.00")
    company.owes("Joana", 3, "2026-11-20", "300.00", issue_date="2026-11-01")
    company.pays("Joana3", "2026-11-12", "300.00")
    company.pays("Karl1", "2026-11-12", "300.00")
    for name in ("Helena", "Ivo"):
        company.agreed(name, date(2026, 9, 10), date(2026, 10, 10), "600", 3)
    for name, about in (("Joana", None), ("Karl", "Karl2")):
        company.promised(name, date(2026, 11, 9), date(2026, 11, 13), "300", about)


def misread_rates(company: SmallCompany) -> None:
    """Lia's interest is 0.5 % and Mara's 1 %, with a fine of 2 %, written as numbers; Nina's rates
    are fractions; Olga's is a rate a day.
    """
    company.payers("Lia", "Mara", "Nina", "Olga")
    rates = {"Lia": ("0.5", "0.02"), "Mara": ("1", "2"), "Nina": ("0.01", "0.02"),
             "Olga": ("0.033", "0.02")}  # fmt: skip
    for name, (interest, fine) in rates.items():
        company.owes(
            name, 1, "2026-10-19", "1000.00", issue_date="2026-09-01",
            fine_rate=fine, monthly_interest_rate=interest,
        )  # fmt: skip


def old_and_coming(company: SmallCompany) -> None:
    """Paula's debt is older than five years; a cheque for all of Quim's is dated next month."""
    company.payers("Paula", "Quim")
    company.owes("Paula", 1, "2021-11-17", "400.00", issue_date="2021-10-01")
    company.owes("Quim", 1, "2026-11-03", "250.00")
    company.pays("Quim1", "2026-12-05", "250.00")


def habits(company: SmallCompany) -> None:
    """One payer a habit of ``HABITS``, who cannot be called."""
    company.payers(*HABITS, phone=None)
    for name, habit in HABITS.items():
        for number, due in enumerate(DUE):
            company.owes(name, number, due.isoformat(), "100.00", issue_date="2026-03-01")
            for days, amount, kind in habit:
                paid_on = (due + timedelta(days=days)).isoformat()
                company.pays(f"{name}{number}", paid_on, amount, kind=kind)


def payments_ahead(company: SmallCompany) -> None:
    """One payer an entry of ``AHEAD``, who cannot be called."""
    company.payers(*AHEAD, phone=None)
    for name, ahead in AHEAD.items():
        company.owes(name, name, "2026-11-03", "1000.00", issue_date="2026-10-01")
        for day, amount in ahead:
            company.pays(name, day, amount)


def terms_without_a_bank(company: SmallCompany) -> None:
    """Rosa and Sara promised for a Saturday, Tito for All Souls' Day and Ugo for a Monday; Vera and
    Wanda agreed on instalments from the Saturday.
    """
    saturday, monday = date(2026, 11, 14), date(2026, 11, 9)
    company.payers("Rosa", "Sara", "Tito", "Ugo", "Vera", "Wanda")
    for name in ("Rosa", "Sara", "Tito", "Ugo", "Vera", "Wanda"):
        company.owes(name, 1, "2026-10-13", "300.00", issue_date="2026-09-01")
    for name in ("Rosa", "Sara"):
        company.promised(name, date(2026, 11, 11), saturday, "300.00")
    company.promised("Tito", date(2026, 10, 28), date(2026, 11, 2), "300.00")
    company.promised("Ugo", date(2026, 11, 4), monday, "300.00")
    for name in ("Vera", "Wanda"):
        company.agreed(name, date(2026, 11, 4), saturday, "300.00", 3)
    company.pays("Rosa1", FIRST.isoformat(), "300.00")
    company.pays("Tito1", "2026-11-05", "300.00")
    company.pays("Vera1", FIRST.isoformat(), "100.00")


SITUATIONS = (
    payers_in_credit,
    kept_agreements,
    other_bills,
    misread_rates,
    old_and_coming,
    habits,
    payments_ahead,
    terms_without_a_bank,
)
