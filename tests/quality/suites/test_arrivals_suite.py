"""Each check on arrivals, shown by a small landing that is wrong in one thing."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from cobranca.errors import GateFailed, PartitionError
from cobranca.partitions.manifest import batch_id_of
from cobranca.partitions.verdict import read_verdict
from cobranca.quality import check_arrivals
from quality.files import YESTERDAY, D, Tables, draft, land, landing_tables

BEFORE = date(2026, 11, 16)


def judged(settings, made):
    """The verdict, passed or not, as it was stored."""
    try:
        verdict = check_arrivals(settings, made)
    except GateFailed:
        verdict = read_verdict(settings, made.business_date, "arrivals")
        assert not verdict.passed
    assert read_verdict(settings, made.business_date, "arrivals") == verdict
    return verdict


def failed(verdict) -> set[tuple[str, str]]:
    assert not [check for check in verdict.checks if check.broken]
    return {(check.subject, check.name) for check in verdict.checks if not check.passed}


def views_of_changed(tables: Tables) -> set[str]:
    good = landing_tables()
    changed = {name.removeprefix("erp/") for name, rows in tables.items() if rows != good[name]}
    return {
        f"{name.removesuffix('__quarantine')}{'_unread' if '__' in name else ''}_of_erp"
        for name in changed
    }


def set_in(table: str, row: int, **values) -> Callable[[Tables], None]:
    return lambda tables: tables[table][row].update(values)


def quarantine(rows: int) -> Callable[[Tables], None]:
    def spoil(tables: Tables) -> None:
        tables["erp/receivables__quarantine"] = [
            {
                "entity": "receivables",
                "record_key": f"Q{n}",
                "column_name": "amount",
                "reason": "missing",
            }
            for n in range(rows)
        ]

    return spoil


def many_receivables(tables: Tables) -> None:
    first = tables["erp/receivables"][0]
    tables["erp/receivables"] += [{**first, "receivable_id": f"X{n}"} for n in range(100)]


def test_a_good_landing_passes_without_a_warning(settings):
    made = draft(settings, landing_tables())
    verdict = judged(settings, made)
    assert verdict.passed and not verdict.degraded and failed(verdict) == set()
    assert verdict.batch_id == batch_id_of(made.entries)


SPOILED = {
    "no customers": (
        lambda t: t.update({"erp/customers": []}),
        {"customers rows_present", "receivables known_customers"},
    ),
    "no receivables": (
        lambda t: t.update({"erp/receivables": []}),
        {"receivables rows_present", "payments total_as_declared"},
    ),
    "the same key twice": (
        set_in("erp/receivables", 1, receivable_id="R1"),
        {"receivables unique"},
    ),
    "no key": (set_in("erp/payments", 0, payment_id=None), {"payments filled"}),
    "no name": (set_in("erp/customers", 0, name=None), {"customers filled"}),
    "no due date": (set_in("erp/receivables", 0, due_date=None), {"receivables filled"}),
    "an amount of zero": (
        set_in("erp/receivables", 0, amount=Decimal("0.00")),
        {"receivables positive_amounts"},
    ),
    "a negative amount": (
        set_in("erp/payments", 0, amount=Decimal("-1.00")),
        {"payments positive_amounts"},
    ),
    "no amount": (
        set_in("erp/receivables", 0, amount=None),
        {"receivables positive_amounts", "receivables filled"},
    ),
    "a currency that is none": (
        set_in("erp/receivables", 2, currency="R$"),
        {"receivables currency_codes"},
    ),
    "an unknown status": (
        set_in("erp/receivables", 0, status="aberto"),
        {"receivables status_known"},
    ),
    "an unknown kind": (set_in("erp/payments", 0, kind="pix"), {"payments kind_known"}),
    "an unknown contract type": (
        set_in("erp/customers", 0, contract_type="pj"),
        {"customers contract_type_known"},
    ),
    "a customer who did not come": (
        set_in("erp/receivables", 0, customer_id="99"),
        {"receivables known_customers"},
    ),
    "a payment of another creditor": (
        set_in("erp/payments", 0, creditor="atacado"),
        {"payments payments_of_their_creditor"},
    ),
    "most dates out of range": (
        set_in("erp/receivables", 0, due_date=date(2206, 1, 1)),
        {"receivables dates_in_range", "receivables most_dates_in_range"},
    ),
    "many unreadable rows": (
        quarantine(2),
        {"receivables few_quarantined", "receivables nothing_quarantined"},
    ),
}


@pytest.mark.parametrize(("spoil", "expected"), SPOILED.values(), ids=SPOILED.keys())
def test_one_critical_thing_wrong_refuses_the_landing_for_exactly_that(
    settings, ask_only_about, spoil, expected
):
    tables = landing_tables()
    spoil(tables)
    ask_only_about(views_of_changed(tables))
    verdict = judged(settings, draft(settings, tables))
    assert not verdict.passed
    assert failed(verdict) == {tuple(f"erp.{text}".split()) for text in expected}


WARNED = {
    "one strange date among many": (
        lambda t: (
            many_receivables(t),
            set_in("erp/receivables", 50, due_date=date(1980, 1, 1), issue_date=None)(t),
        ),
        {("erp.receivables", "dates_in_range")},
    ),
    "few unreadable rows": (
        lambda t: (many_receivables(t), quarantine(2)(t)),
        {("erp.receivables", "nothing_quarantined")},
    ),
    "a rate that could not be used": (
        set_in("erp/receivables", 0, refused_rates="fine_rate"),
        {("erp.receivables", "used_rates")},
    ),
    "no payments on the first night": (
        lambda t: t.update({"erp/payments": []}),
        {("erp.payments", "rows_present"), ("erp.payments", "payments_fresh")},
    ),
    "old payments": (
        lambda t: [
            row.update(paid_on=date(2026, 11, 16), credited_on=None) for row in t["erp/payments"]
        ],
        {("erp.payments", "payments_fresh")},
    ),
    "payments of the future only": (
        lambda t: [
            row.update(paid_on=date(2026, 11, 30), credited_on=None) for row in t["erp/payments"]
        ],
        {("erp.payments", "payments_fresh")},
    ),
}


@pytest.mark.parametrize(("spoil", "expected"), WARNED.values(), ids=WARNED.keys())
def test_a_warning_is_reported_and_stops_nothing(settings, ask_only_about, spoil, expected):
    tables = landing_tables()
    spoil(tables)
    ask_only_about(views_of_changed(tables))
    verdict = judged(settings, draft(settings, tables))
    assert verdict.passed
    assert failed(verdict) == expected
    assert verdict.degraded == (("erp.payments", "payments_fresh") in expected)


def test_payments_of_friday_are_fresh_on_monday(settings):
    tables = landing_tables()
    for row in tables["erp/payments"]:
        row.update(paid_on=date(2026, 11, 19), credited_on=None)
    # Friday 2026-11-20 is a bank holiday, so Thursday is the bank day before Monday.
    assert (
        failed(judged(settings, draft(settings, tables, business_date=date(2026, 11, 23)))) == set()
    )


def test_a_half_empty_extract_is_refused(settings):
    tables = landing_tables()
    many_receivables(tables)
    before = land(settings, tables, BEFORE)
    verdict = judged(settings, draft(settings, landing_tables(), before))
    assert failed(verdict) == {
        ("erp.receivables", "rows_like_previously"),
        ("erp.receivables", "total_like_previously"),
    }
    (check,) = [check for check in verdict.failures() if check.name == "rows_like_previously"]
    assert (check.observed, check.expected) == (
        "6 linhas",
        "pelo menos 53 linhas (a chegada anterior teve 106)",
    )


def test_a_total_that_fell_in_one_currency_is_refused(settings):
    before = landing_tables()
    before["erp/receivables"][3]["amount"] = Decimal("2000.01")  # the only one in dollars
    verdict = judged(settings, draft(settings, landing_tables(), land(settings, before, BEFORE)))
    assert failed(verdict) == {("erp.receivables", "total_like_previously")}


def test_no_payments_after_a_night_that_had_some_is_refused(settings):
    tables = landing_tables() | {"erp/payments": []}
    verdict = judged(settings, draft(settings, tables, land(settings, landing_tables(), BEFORE)))
    assert not verdict.passed
    assert ("erp.payments", "rows_present") in failed(verdict)


def test_half_of_the_previous_landing_is_just_enough(settings):
    before = landing_tables()
    many_receivables(before)
    now = landing_tables()
    many_receivables(now)
    for row in before["erp/receivables"] + now["erp/receivables"]:
        row["currency"] = "BRL"
    now["erp/receivables"] = now["erp/receivables"][:53]
    verdict = judged(settings, draft(settings, now, land(settings, before, BEFORE)))
    assert failed(verdict) == set()


def test_a_file_that_differs_from_what_was_counted_is_refused(settings):
    made = draft(
        settings,
        landing_tables(),
        **{"erp/receivables": {"amount BRL": "5000.01", "amount USD": "1000.00"}},
    )
    assert failed(judged(settings, made)) == {("erp.receivables", "total_as_declared")}
    made = draft(settings, landing_tables())
    made = replace(
        made,
        entries=[
            replace(e, rows=7) if e.name == "erp/customers.parquet" else e for e in made.entries
        ],
    )
    assert failed(judged(settings, made)) == {("erp.customers", "rows_as_declared")}


def test_a_missing_file_breaks_its_checks_and_refuses(settings):
    made = draft(settings, landing_tables())
    (made.folder / "erp/receivables.parquet").unlink()
    verdict = judged(settings, made)
    broken = [check for check in verdict.checks if check.broken]
    assert (
        not verdict.passed
        and broken
        and all("receivables_of_erp" in check.observed for check in broken)
    )


def test_a_missing_entity_or_source_is_reported(settings):
    tables = landing_tables()
    before = land(
        settings,
        tables | {name.replace("erp", "billing"): rows for name, rows in tables.items()},
        BEFORE,
    )
    del tables["erp/payments"]
    verdict = judged(settings, draft(settings, tables, before))
    assert failed(verdict) == {("erp", "entities_complete"), ("landing", "sources_complete")}
    assert not verdict.passed


def test_nothing_at_all_is_refused(settings):
    verdict = judged(settings, draft(settings, {}))
    assert not verdict.passed
    assert failed(verdict) == {("landing", "receivables_came")}


def test_the_error_names_five_checks_with_what_was_seen_and_the_page(settings):
    tables = landing_tables()
    for table in ("erp/customers", "erp/receivables", "erp/payments"):
        for row in tables[table]:
            row.update({next(iter(row)): None})
    with pytest.raises(GateFailed) as error:
        check_arrivals(settings, draft(settings, tables))
    text = str(error.value)
    assert text.count("  - ") <= 6
    assert "filled on erp.customers: observed 6 de 6 linhas; expected nenhuma linha vazia" in text
    assert str(settings.folder("quality", D) / "index.html") in text
    assert (settings.folder("quality", D) / "index.html").exists()


def test_the_manager_sets_the_shares(settings):
    limits = settings.config / "limits.yml"
    limits.write_text(
        limits.read_text().replace(
            'maximum_quarantine_share: "5 %"', 'maximum_quarantine_share: "50 %"'
        )
    )
    tables = landing_tables()
    quarantine(2)(tables)
    assert judged(settings, draft(settings, tables)).passed


def test_verdict_and_page_hold_no_personal_data(settings):
    tables = landing_tables()
    for row in tables["erp/customers"]:
        row.update(
            name="Maria Silva",
            email="maria@example.com",
            tax_id="52998224725",
            phone="+5511987654321",
            contract_type="x",
        )
    tables["erp/receivables__quarantine"] = [
        {"entity": "receivables", "record_key": key, "column_name": "amount", "reason": "missing"}
        for key in ("529.982.247-25", "maria@example.com", "R7", None)
    ]
    verdict = judged(settings, draft(settings, tables))
    assert [check.name for check in verdict.failures()] == [
        "contract_type_known",
        "few_quarantined",
    ]
    for name in ("arrivals.json", "index.html"):
        text = (settings.folder("quality", D) / name).read_text(encoding="utf-8")
        assert "R7" in text
        assert not [
            secret
            for secret in ("Maria", "maria@", "52998224725", "529.982", "98765")
            if secret in text
        ]


def test_a_verdict_is_read_back_or_its_absence_is_an_error(settings):
    with pytest.raises(PartitionError, match="has not judged"):
        read_verdict(settings, D, "arrivals")
    verdict = check_arrivals(settings, draft(settings, landing_tables()))
    path = settings.folder("quality", D) / "arrivals.json"
    assert json.loads(path.read_text())["batch_id"] == verdict.batch_id
    settings.folder("quality", YESTERDAY).mkdir(parents=True)
    (settings.folder("quality", YESTERDAY) / "arrivals.json").write_bytes(path.read_bytes())
    with pytest.raises(PartitionError, match="judges the arrivals of 2026-11-18"):
        read_verdict(settings, YESTERDAY, "arrivals")
    path.write_text("{")
    with pytest.raises(PartitionError, match="is not a verdict"):
        read_verdict(settings, D, "arrivals")
