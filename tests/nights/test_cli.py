"""The commands that read a night: why, backtest, check, and dates that are refused."""

import re

import pytest

from nights.installation import FIRST

pytestmark = pytest.mark.timeout(900)


def test_why_explains_the_decision_in_portuguese(after_first_night):
    place = after_first_night
    ((key, customer),) = place.rows(
        FIRST,
        "fct_decisions",
        "select receivable_key, customer_key from {} where reason = 'step_due' order by all limit "
        "1",
    )
    shown = place.command("why", "--customer", key, "--business-date", FIRST.isoformat())
    assert shown.returncode == 0, shown.stderr
    for part in (
        customer,
        "18/11/2026",
        "régua 2026-01",
        key,
        "Em aberto",
        "passo da régua previsto para hoje",
        "de 100",
        "Próximo",
    ):
        assert part in shown.stdout
    ((account,),) = place.rows(
        FIRST,
        "dim_payer_aliases",
        f"select min(source || ':' || customer_id) from {{}} where customer_key = '{customer}'",
    )
    for name in (customer, account):
        assert (
            place.here("why", "--customer", name, "--business-date", FIRST.isoformat()).stdout
            == shown.stdout
        )
    unknown = place.here("why", "--customer", "erp:none", "--business-date", FIRST.isoformat())
    assert (
        unknown.returncode == 2
        and "erp:none" in unknown.stderr
        and "Traceback" not in unknown.stderr
    )


def test_why_shows_no_address_phone_or_tax_id(after_first_night):
    """Sixty payers of the company, explained in one process."""
    from cobranca.explain.narrate import explain

    place = after_first_night
    keys = [
        key
        for (key,) in place.rows(
            FIRST, "dim_payer_ranking", "select customer_key from {} order by 1"
        )
    ]
    shown = "\n".join(explain(place.settings, key, FIRST) for key in keys[:60])
    assert shown.count("Decisão da noite") == 60
    assert "@" not in shown and "None" not in shown and "{" not in shown
    secrets = place.rows(FIRST, "out_call_queue", "select phone from {} where phone is not null")
    assert secrets and not [phone for (phone,) in secrets if phone in shown]
    # the opaque keys may hold long runs of digits
    words = re.sub(r"\bC[0-9a-f]{20}\b|lote [0-9a-f]{16}", "", shown)
    assert not re.search(r"\d{3}\.\d{3}\.\d{3}-\d{2}|\d{11}|\+55", words)


def test_backtest_prints_what_the_night_counted(after_first_night):
    shown = after_first_night.command("backtest", "--business-date", FIRST.isoformat())
    assert shown.returncode == 0, shown.stderr
    for part in (
        "18/11/2026",
        "Previsão do ranking",
        "atraso médio do cliente",
        "AUC",
        "Mais de 30 dias",
    ):
        assert part in shown.stdout
    assert after_first_night.here("backtest", "--business-date", "2026-11-17").returncode == 1


def test_the_backtest_may_be_a_page(after_first_night, tmp_path):
    page = tmp_path / "new" / "ranking.html"
    day = ("--business-date", FIRST.isoformat())
    shown = after_first_night.here("backtest", *day, "--html", str(page))
    assert shown.returncode == 0 and shown.stdout.endswith(f"{page}\n")
    html = page.read_text(encoding="utf-8")
    for part in ("<h1>Ranking de pagadores posto à prova</h1>", "Passos em vigor", "<figure>"):
        assert part in html
    assert "http://" not in html.replace("http://www.w3.org/", "") and "<script" not in html


@pytest.mark.parametrize("text", ["18/11/2026", "2026-13-01", "yesterday", ""])
def test_a_date_that_does_not_parse_is_refused(installation, text):
    done = installation.here("night", "--business-date", text)
    assert done.returncode == 2
    assert "YYYY-MM-DD" in done.stderr and "Traceback" not in done.stderr


def test_check_shows_what_each_query_returns(after_first_night):
    done = after_first_night.command("check", "--business-date", FIRST.isoformat())
    assert done.returncode == 0, done.stdout + done.stderr
    for source in ("erp", "billing"):
        for entity in ("customers", "receivables", "payments"):
            assert re.search(rf"{source}\s+{entity}\s+\w+\s+\d+ of \d+\s+\d+\s+\d+\s", done.stdout)
