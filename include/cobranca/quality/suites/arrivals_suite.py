"""Expectations on everything that arrives from the sources, before any of it is used.

There is one set of them for each source and entity.
"""

import math
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from cobranca.calendar import previous_bank_day
from cobranca.money import to_cents
from cobranca.partitions.verdict import CRITICAL, WARNING
from cobranca.quality.arrival import Arrival
from cobranca.quality.expectations import (
    Expectation,
    Measured,
    NoOffenders,
    filled,
    one_of,
    some_rows,
    unique,
)
from cobranca.schema import ALLOWED, KEYS, OR_ELSE, OWN_CURRENCY, REQUIRED

YEARS_BACK, YEARS_AHEAD = 30, 15
DATES = {
    "customers": (),
    "receivables": ("due_date", "issue_date"),
    "payments": ("paid_on", "credited_on"),
}
TABLE_NAMES = {"customers": "clientes", "receivables": "títulos", "payments": "pagamentos"}


class ExpectRowsAsDeclared(Measured):
    """The file holds as many rows as its reading counted."""

    title = "O arquivo tem todas as linhas que a leitura contou"
    expected = "$declared linhas"
    observed = "$found linhas"
    measure = "select abs(count(*) - $declared) as offenders, count(*) as found from {batch}"


class ExpectRowsLikePreviously(Measured):
    """No half-empty extract: a minimum share of the rows of the previous landing."""

    title = "A quantidade de linhas não caiu em relação à chegada anterior"
    expected = "pelo menos $minimum linhas (a chegada anterior teve $previous)"
    observed = "$found linhas"
    measure = "select (count(*) < $minimum)::int as offenders, count(*) as found from {batch}"


class ExpectTotalAsDeclared(Measured):
    """The amounts in the file add up to the control total that was counted while reading."""

    title = "A soma dos valores ($currency) confere com o total de controle da leitura"
    expected = "$declared"
    observed = "$found"
    measure = """
        select (coalesce(sum(amount), 0) <> $declared)::int as offenders,
            coalesce(sum(amount), 0)::decimal(38, 2) as found
        from {batch} where $condition
    """


class ExpectTotalLikePreviously(Measured):
    """The control total did not fall below a share of the previous landing's."""

    title = "A soma dos valores ($currency) não caiu em relação à chegada anterior"
    expected = "pelo menos $minimum (a chegada anterior somou $previous)"
    observed = "$found"
    measure = """
        select (coalesce(sum(amount), 0) < $minimum)::int as offenders,
            coalesce(sum(amount), 0)::decimal(38, 2) as found
        from {batch} where $condition
    """


class ExpectFewQuarantined(Measured):
    """The share of unreadable rows stays under the manager's limit."""

    title = "Poucas linhas ilegíveis (em quarentena)"
    expected = "no máximo $maximum %"
    observed = "$share % ($quarantined de $read linhas)"
    measure = """
        with counted as (
            select
                (select count(*) from $quarantine where reason <> 'duplicate_key') as quarantined,
                (select count(*) from {batch}) as landed
        )
        select (100.0 * quarantined > $maximum * (quarantined + landed))::int as offenders,
               quarantined, quarantined + landed as read,
               coalesce(100.0 * quarantined / nullif(quarantined + landed, 0), 0)::decimal(9, 2)
                   as share
        from counted
    """


class ExpectNothingQuarantined(Measured):
    """Rows that could not be read are reported, even a single one."""

    title = "Nenhuma linha ilegível"
    expected = "nenhuma linha em quarentena"
    measure = "select count(*) as offenders from {batch} where reason <> 'duplicate_key'"


class ExpectNothingRepeated(Measured):
    """No key of a source is repeated.

    The latest row of one key counts; the others stay in the quarantine and are no money.
    """

    title = "Nenhum código repetido na origem"
    expected = "nenhuma linha repetida"
    measure = "select count(*) as offenders from {batch} where reason = 'duplicate_key'"


class ExpectPositiveAmounts(NoOffenders):
    """Every amount is a number above zero; NaN, which passes most comparisons, does not."""

    title = "Valores maiores que zero"
    offending = (
        "select 1 from {batch} where amount is null or isnan(amount::double) or not amount > 0"
    )


class ExpectExactMoney(Measured):
    """Money is a decimal number of two places, never a floating one."""

    title = "Valores guardados com centavos exatos"
    expected = "decimal com duas casas"
    observed = "$kind"
    measure = """
        select count(*) filter (where typeof(amount) not like 'DECIMAL(%,2)') as offenders,
               coalesce(min(typeof(amount)), 'sem linhas') as kind
        from (select amount from {batch} limit 1) as one
    """


class ExpectUsedRates(NoOffenders):
    """A source's rate of fine or interest that could not be used is told, night after night.

    The company's own rate applies to the receivable until the source is corrected.
    """

    title = "As taxas de multa e de juros da fonte puderam ser usadas"
    expected = "nenhum título com taxa recusada"
    observed = "títulos com taxa recusada, em que vale a da empresa: $offenders"
    offending = "select 1 from {batch} where refused_rates is not null"


class ExpectCurrencyCodes(NoOffenders):
    """A currency is three capital letters (ISO 4217)."""

    title = "Moeda com o código de três letras"
    offending = (
        "select 1 from {batch} where not coalesce(regexp_full_match(currency, "
        "'[A-Z][A-Z][A-Z]'), false)"
    )


class ExpectDatesInRange(NoOffenders):
    """A date far in the past or in the future is a mistake of the source."""

    title = "$column entre $first e $last"
    expected = "nenhuma linha fora do período"
    offending = "select 1 from {batch} where not coalesce($column between $first and $last, true)"


class ExpectMostDatesInRange(Measured):
    """Many dates out of range mean that the column was read wrongly."""

    title = "$column: quase todas as datas entre $first e $last"
    expected = "no máximo $maximum % fora do período"
    observed = "$strange linhas"
    measure = """
        select (
                100.0 * count(*) filter (where not coalesce($column between $first and $last, true))
                > $maximum * count(*)
            )::int
                   as offenders,
               count(*) filter (where not coalesce($column between $first and $last, true))
                   as strange
        from {batch}
    """


class ExpectKnownCustomers(Measured):
    """A receivable whose customer did not arrive cannot be charged to a payer."""

    title = "Os clientes dos títulos chegaram"
    expected = "no máximo $maximum % dos títulos sem cliente"
    observed = "$orphans títulos sem cliente"
    measure = """
        with known as (
            select count(*) filter (where customer.customer_id is null) as orphans,
                count(*) as receivables
            from {batch} as receivable
            left join (select distinct customer_id from $customers) as customer using (customer_id)
        )
        select (100.0 * orphans > $maximum * receivables)::int as offenders, orphans from known
    """


class ExpectPaymentsOfTheirCreditor(NoOffenders):
    """A payment settles no title of a creditor other than the one that it names."""

    title = "Cada pagamento é do credor do seu título"
    expected = "nenhum pagamento de outro credor"
    offending = """
        select 1 from {batch} as payment
        join $receivables as receivable using (receivable_id)
        where payment.creditor <> receivable.creditor
    """


class ExpectOneOrTheOther(NoOffenders):
    """Money belongs to a receivable, or at least to a payer."""

    title = "$first preenchido, ou então $second"
    expected = "nenhuma linha sem os dois"
    offending = "select 1 from {batch} where coalesce($first, $second) is null"


class ExpectPaymentsFresh(Measured):
    """The newest payment is one of the last bank day, or later.

    Otherwise a payer who paid on that day is charged.
    """

    title = "Os pagamentos estão em dia"
    expected = "pagamento mais recente em $since ou depois"
    observed = "pagamento mais recente: $newest"
    measure = """
        select (coalesce(max(seen), date '0001-01-01') < $since)::int as offenders,
               coalesce(strftime(max(seen), '%d/%m/%Y'), 'nenhum') as newest
        from (
            select paid_on as seen from {batch} where paid_on <= $until
            union all
            select credited_on from {batch} where credited_on <= $until
        ) as dates
    """


def arrivals_suite(
    arrivals: list[Arrival],
    business_date: date,
    minimum_share: Decimal,
    maximum_quarantine: Decimal,
    years_ahead: int = YEARS_AHEAD,
) -> list[Expectation]:
    """Every expectation on a landing; both shares are fractions (0.5 is 50 %)."""
    return [
        expectation
        for arrival in arrivals
        for expectation in [
            *_size(arrival, minimum_share),
            *_quarantine(arrival, maximum_quarantine),
            *_content(arrival, arrivals, business_date, maximum_quarantine, years_ahead),
        ]
    ]


def payments_fresh(view: str, subject: str, business_date: date) -> Expectation:
    """The freshness of one source's payments: a warning that degrades the night."""
    since = previous_bank_day(business_date)
    return ExpectPaymentsFresh.on(
        view, subject=subject, severity=WARNING, since=since, until=business_date
    )


def _size(arrival: Arrival, minimum_share: Decimal) -> list[Expectation]:
    name = TABLE_NAMES[arrival.entity]
    first_night_may_be_empty = arrival.entity == "payments" and not arrival.previous_rows
    found: list[Expectation] = [
        some_rows(
            arrival.view,
            f"Chegaram {name}",
            subject=arrival.subject,
            severity=WARNING if first_night_may_be_empty else CRITICAL,
        ),
        ExpectRowsAsDeclared.on(
            arrival.view, subject=arrival.subject, declared=arrival.rows_declared
        ),
    ]
    if arrival.previous_rows:
        minimum = math.ceil(arrival.previous_rows * minimum_share)
        found.append(
            ExpectRowsLikePreviously.on(
                arrival.view,
                subject=arrival.subject,
                minimum=minimum,
                previous=arrival.previous_rows,
            )
        )
    for name, declared in arrival.declared.items():
        found.append(
            ExpectTotalAsDeclared.on(
                arrival.view,
                subject=arrival.subject,
                declared=declared,
                **_summed(arrival, name)._asdict(),
            )
        )
    for name, previous in arrival.previous_totals.items():
        if previous > 0:
            found.append(
                ExpectTotalLikePreviously.on(
                    arrival.view,
                    subject=arrival.subject,
                    minimum=to_cents(previous * minimum_share),
                    previous=previous,
                    **_summed(arrival, name)._asdict(),
                )
            )
    return found


class Summed(NamedTuple):
    """Which rows to add up: the SQL condition, and the other table that it reads."""

    currency: str
    condition: str
    needs: tuple[str, ...] = ()


def _summed(arrival: Arrival, name: str) -> Summed:
    """``amount BRL`` → which rows to add up.

    A payment has the currency of its receivable, or its own where it has no receivable.
    """
    currency = name.partition(" ")[2]
    condition = f"currency = '{currency}'"
    if arrival.entity != "payments":
        return Summed(currency, condition)
    receivables = f"receivables_of_{arrival.source}"
    condition = f"""(
        receivable_id in (select receivable_id from {receivables} where {condition})
        or (receivable_id is null and coalesce(currency, '{OWN_CURRENCY}') = '{currency}')
    )"""
    return Summed(currency, condition, (receivables,))


def _quarantine(arrival: Arrival, maximum: Decimal) -> list[Expectation]:
    if not arrival.quarantine_view:
        return []
    return [
        ExpectFewQuarantined.on(
            arrival.view,
            subject=arrival.subject,
            needs=(arrival.quarantine_view,),
            maximum=to_cents(maximum * 100),
            quarantine=arrival.quarantine_view,
        ),
        ExpectNothingQuarantined.on(
            arrival.quarantine_view, subject=arrival.subject, severity=WARNING
        ),
        ExpectNothingRepeated.on(
            arrival.quarantine_view, subject=arrival.subject, severity=WARNING
        ),
    ]


def _content(
    arrival: Arrival,
    arrivals: list[Arrival],
    business_date: date,
    maximum: Decimal,
    years_ahead: int,
) -> list[Expectation]:
    view, subject, key = arrival.view, arrival.subject, KEYS[arrival.entity]
    found: list[Expectation] = [
        unique(view, key, f"{key}: nenhum código repetido", subject=subject)
    ]
    instead = OR_ELSE.get(arrival.entity, {})
    found += [
        filled(view, column, subject=subject)
        for column in REQUIRED[arrival.entity]
        if column not in instead
    ]
    found += [
        ExpectOneOrTheOther.on(view, subject=subject, first=first, second=second)
        for first, second in instead.items()
    ]
    for column, values in ALLOWED[arrival.entity].items():
        found.append(
            one_of(
                view,
                column,
                values,
                f"{column}: valor conhecido",
                check=f"{column}_known",
                subject=subject,
            )
        )
    first, last = (
        date(business_date.year - YEARS_BACK, 1, 1),
        date(business_date.year + years_ahead, 12, 31),
    )
    for column in DATES[arrival.entity]:
        found += [
            ExpectDatesInRange.on(
                view, subject=subject, severity=WARNING, column=column, first=first, last=last
            ),
            ExpectMostDatesInRange.on(
                view,
                subject=subject,
                maximum=to_cents(maximum * 100),
                column=column,
                first=first,
                last=last,
            ),
        ]
    if arrival.entity != "customers":
        found += [
            ExpectExactMoney.on(view, subject=subject),
            ExpectPositiveAmounts.on(view, subject=subject),
        ]
    if arrival.entity == "receivables":
        found.append(ExpectCurrencyCodes.on(view, subject=subject))
        found.append(ExpectUsedRates.on(view, subject=subject, severity=WARNING))
        if customers := _other(arrival, arrivals, "customers"):
            found.append(
                ExpectKnownCustomers.on(
                    view,
                    subject=subject,
                    needs=(customers,),
                    customers=customers,
                    maximum=to_cents(maximum * 100),
                )
            )
    if arrival.entity == "payments":
        found.append(payments_fresh(view, subject, business_date))
        if receivables := _other(arrival, arrivals, "receivables"):
            found.append(
                ExpectPaymentsOfTheirCreditor.on(
                    view, subject=subject, needs=(receivables,), receivables=receivables
                )
            )
    return found


def _other(arrival: Arrival, arrivals: list[Arrival], entity: str) -> str | None:
    """The view of another entity of the same source."""
    for other in arrivals:
        if (other.source, other.entity) == (arrival.source, entity):
            return other.view
    return None
