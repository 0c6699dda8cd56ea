"""The explanation of one payer adds up, names its rule, and shows no personal data."""

import re
from datetime import date
from decimal import Decimal

import duckdb
import pytest

from cobranca.errors import ConfigError, PartitionError
from cobranca.explain.narrate import explain
from cobranca.money import format_money, parse_money
from reports.batches import changed
from warehouse.busy_nights import NIGHT
from warehouse.payers import PROFILES


@pytest.fixture(scope="module")
def approved(busy_night, tmp_path_factory):
    """The busy night as an approved batch, in which one payer was put on hold by a person."""
    _, batch = busy_night
    accounts = f"read_parquet('{batch.path('dim_payer_aliases.parquet')}')"
    key = duckdb.sql(
        f"select customer_key from {accounts} where customer_id = 'today-unknown'"
    ).fetchall()[0][0]
    return changed(
        tmp_path_factory.mktemp("why"),
        batch,
        fct_holds="select * from {fct_holds} union all select date '2026-11-18', 'customer', "
        f"'erp', 'today-unknown', '{key}', null, null, 'hardship', 'Maria', "
        "date '2026-11-01', date '2026-11-30'",
        fct_decisions="select * replace ("
        f"case when customer_key = '{key}' then 'hold_hardship' else reason end as reason, "
        f"case when customer_key = '{key}' then 'none' else decision end as decision, "
        f"case when customer_key = '{key}' then date '2026-11-30' else hold_until end as hold_until"
        ") from {fct_decisions}",
    ), batch


@pytest.fixture(scope="module")
def explained(approved) -> dict[str, str]:
    """The explanation of every third payer, by its key."""
    settings, batch = approved
    keys = duckdb.sql(
        f"select customer_key from '{batch.path('dim_payer_ranking.parquet')}' order by 1"
    ).fetchall()
    return {key: explain(settings, key, NIGHT) for (key,) in keys[::3]}


def test_every_payer_is_explained_whole(explained, approved):
    _, batch = approved
    for key, text in explained.items():
        rows = duckdb.sql(
            f"select receivable_key, reason from '{batch.path('fct_decisions.parquet')}' "
            f"where customer_key = '{key}'"
        ).fetchall()
        assert (
            key in text
            and "18/11/2026" in text
            and "Decisão da noite" in text
            and "Como paga" in text
        )
        for receivable, reason in rows:
            assert reason == "not_due" or receivable in text
        assert not re.search(r"None|\{|\}|\bnan\b|  $|@|\+55|Decimal", text, re.MULTILINE)


def test_charges_add_up_to_what_is_due(explained):
    money = r"(US\$|R\$)\s([\d.]+,\d\d)"
    lines = [
        line for text in explained.values() for line in text.splitlines() if " + multa " in line
    ]
    assert len(lines) > 30
    for line in lines:
        principal, fine, interest, due = re.fullmatch(
            rf"\s*{money}(?: \(.*\))? \+ multa {money} \+ juros {money} = {money}.*", line
        ).group(2, 4, 6, 8)
        assert (
            parse_money(principal) + parse_money(fine) + parse_money(interest)
            == parse_money(due)
            > Decimal(0)
        ), line


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ("'fine_rate'", "a taxa da multa na origem"),
        ("'fine_rate,monthly_interest_rate'", "a taxa da multa e dos juros na origem"),
        ("null", None),
    ],
)
def test_a_rate_that_was_set_aside_is_told(approved, explained, tmp_path, refused, told):
    _, batch = approved
    key = next(key for key, text in explained.items() if "Encargos: multa" in text)
    settings = changed(
        tmp_path,
        batch,
        fct_receivables=f"select * replace ({refused}::varchar as refused_rates) "
        "from {fct_receivables}",
    )
    text = explain(settings, key, NIGHT)
    if told is None:
        assert "na origem" not in text
    else:
        assert f"; {told} não pôde ser usada: vale a da empresa" in text


def test_payments_to_come_are_told(approved, tmp_path):
    _, batch = approved
    key, receivable = duckdb.sql(
        "select customer_key, receivable_key from "
        f"'{batch.path('fct_decisions.parquet')}' where decision = 'none' order by 2"
    ).fetchall()[0]
    is_it = f"case when receivable_key = '{receivable}' then"
    receivables = "{fct_receivables}"
    settings = changed(
        tmp_path,
        batch,
        fct_receivables=f"select * replace ({is_it} 1000.00::decimal(18, 2) end as "
        f"scheduled_amount, {is_it} date '2026-12-05' end as scheduled_on) from {receivables}",
        fct_decisions=f"select * replace ({is_it} 'payment_scheduled' else reason end as reason, "
        f"{is_it} date '2026-12-08' else hold_until end as hold_until) from {{fct_decisions}}",
    )
    text = explain(settings, key, NIGHT)
    coming = format_money(Decimal(1000), "BRL")
    assert f"Pagamento programado até 05/12/2026: {coming}, que ainda não foi abatido." in text
    assert "agamento programado para uma data futura: aguarda a data e a compensação" in text
    assert "08/12/2026" in text
    assert text.count("Pagamento programado até") == 1


def test_a_hold_names_its_author_reason_and_last_day(approved):
    settings, _ = approved
    text = explain(settings, "erp:today-unknown", NIGHT)
    for part in (
        "sem contato",
        "dificuldade reconhecida",
        "por Maria",
        "desde 01/11/2026",
        "até 30/11/2026",
    ):
        assert part in text


def test_a_case_names_who_acts_since_when_and_what_they_may_do(approved, explained, tmp_path):
    _, batch = approved
    listed = duckdb.sql(
        f"select distinct customer_key from '{batch.path('out_escalations.parquet')}'"
    )
    keys = {key for (key,) in listed.fetchall()}
    told = {key for key, text in explained.items() if "Na lista de casos para decisão" in text}
    assert told == keys & set(explained) and len(told) > 10
    key = min(told)
    settings = changed(
        tmp_path,
        batch,
        out_escalations="select * replace ('hold_legal' as reason, "
        "'hold_legal,within_tolerance' as reasons, date '2026-11-03' as since_on, "
        "'juridico' as responsible, 'USD' as currency) from "
        f"(select * from {{out_escalations}} where customer_key = '{key}' limit 1)",
    )
    assert (
        "\n  Na lista de casos para decisão desde 03/11/2026, em USD (responsável: jurídico): "
        "cobrança judicial ou suspensão legal; resto dentro da tolerância. O que fazer: não "
        "cobrar. Acompanhar o processo e dizer quando a suspensão termina.\n"
    ) in explain(settings, key, NIGHT)


@pytest.mark.parametrize("name", PROFILES)
def test_a_payer_is_found_by_key_account_and_receivable(approved, name):
    settings, _ = approved
    text = explain(settings, f"erp:soon-{name}", NIGHT)
    key = re.search(r"cliente (C[0-9a-f]{20})", text)[1]
    assert (
        explain(settings, key, NIGHT) == explain(settings, f"erp:soon-{name}-next", NIGHT) == text
    )
    # the only night there is, with its line in the timeline above it
    assert explain(settings, key).endswith(text)


def test_a_text_that_means_two_payers_is_refused(approved, tmp_path):
    _, batch = approved
    twofold = changed(
        tmp_path,
        batch,
        dim_payer_aliases="select * replace ("
        "case when customer_id = 'soon-unknown' then 'today-unknown-next' else customer_id end "
        "as customer_id) from {dim_payer_aliases}",
    )
    with pytest.raises(ConfigError, match="both a customer and a receivable"):
        explain(twofold, "erp:today-unknown-next", NIGHT)


def test_what_is_not_known_is_said(approved, tmp_path):
    settings, _ = approved
    with pytest.raises(ConfigError, match="was not known on 2026-11-18"):
        explain(settings, "erp:nobody", NIGHT)
    with pytest.raises(ConfigError, match="any of the 1 nights"):
        explain(settings, "erp:nobody")
    with pytest.raises(PartitionError):
        explain(settings, "erp:nobody", date(2026, 11, 17))


@pytest.mark.parametrize(
    ("contacts", "told"),
    [
        ("('d+20', 9)", ", citado no contato sobre outro título (d+20)"),
        ("('d+5', 9)", ""),
        ("('d+20', 9), ('d+5', 9)", ""),
        ("(null, 9)", ""),
        ("('d+20', 8)", ""),
    ],
)
def test_a_step_that_a_contact_about_another_debt_told_is_explained(
    approved, explained, tmp_path, contacts, told
):
    _, batch = approved
    key = next(key for key, text in explained.items() if "Conta pelo título" in text)
    settings = changed(
        tmp_path,
        batch,
        fct_decisions="select * replace (5 as last_offset, date '2026-11-09' as last_step_on) "
        "from {fct_decisions}",
        fct_contacts=f"select contacts.* replace ('{key}' as customer_key, told.step as step, "
        "make_date(2026, 11, told.day) as contacted_on) "
        "from (from {fct_contacts} limit 1) as contacts, "
        f"(values {contacts}) as told (step, day)",
    )
    text = explain(settings, key, NIGHT)
    assert f"d+5 (5 dias depois do vencimento), em 09/11/2026{told}." in text
