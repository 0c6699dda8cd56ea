"""Five kinds of payers, each with a year of receivables and one that falls due soon.

Each kind pays in its own way.
"""

from datetime import date, timedelta

from warehouse.nights import customer, payment, receivable

# bank days, so that a due date is its own effective date
DUE = [
    date(2025, 11, 10),
    date(2025, 12, 10),
    date(2026, 1, 12),
    date(2026, 2, 10),
    date(2026, 3, 10),
    date(2026, 4, 10),
    date(2026, 5, 11),
    date(2026, 6, 10),
    date(2026, 7, 10),
    date(2026, 8, 10),
    date(2026, 9, 10),
    date(2026, 10, 9),
]

# days late of the twelve, and the class they make
PROFILES: dict[str, tuple[list[int], str]] = {
    "always on time": ([0] * 12, "pontual"),
    "always two to six days late": ([2, 3, 4, 5, 6, 2, 3, 4, 5, 6, 2, 3], "viciado"),
    "seldom late, but sixty days": ([0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0], "irregular"),
    "months late": ([40, 65, 0, 70, 2, 45, 90, 31, 35, 60, 0, 10], "critico"),
    "unknown": ([], "novo"),
}


def five_profiles(prefix: str, next_due: str) -> dict[str, list[dict]]:
    """Customers named by their profile.

    The next receivable of each is ``<prefix>-<profile>-next``.
    """
    customers, receivables, payments = [], [], []
    for name, (delays, _) in PROFILES.items():
        payer = f"{prefix}-{name}"
        customers.append(customer(payer, name=f"Cliente {payer}"))
        receivables.append(
            receivable(f"{payer}-next", payer, next_due, issue_date=date(2026, 10, 20))
        )
        for number, (due, late) in enumerate(zip(DUE, delays, strict=False)):
            key = f"{payer}-{number}"
            receivables.append(
                receivable(key, payer, due.isoformat(), issue_date=due - timedelta(days=20))
            )
            payments.append(payment(key, key, (due + timedelta(days=late)).isoformat()))
    return {"customers": customers, "receivables": receivables, "payments": payments}
