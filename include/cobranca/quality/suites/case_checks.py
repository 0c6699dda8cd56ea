"""Expectations on the list of cases that wait for a person."""

from cobranca.labels import RESPONSIBLE
from cobranca.partitions.verdict import WARNING
from cobranca.quality.expectations import Expectation, NoOffenders, filled, one_of


class ExpectNobodyForgotten(NoOffenders):
    """Who is overdue and not contacted waits for a day, for a step, or for a person (F34).

    The bank may still tell of a payment within the days of grace; an agreement ends with its
    instalments; of a payer whose data were erased nothing more is asked.
    """

    title = "Quem está vencido e não é contatado tem prazo, próximo passo ou está na lista de casos"
    needs = ("fct_next_steps", "out_escalations")
    offending = """
        select 1
        from {batch} as decided
        left join (
            select distinct customer_key, creditor, currency, true as is_listed
            from out_escalations
        ) as listed using (customer_key, creditor, currency)
        left join (select distinct customer_key, creditor, true as has_step from fct_next_steps)
            as following using (customer_key, creditor)
        where decided.days_past_due > 0
            and decided.decision not in ('remind', 'call')
            and listed.is_listed is null
            and (
                decided.decision = 'escalate'
                or (
                    decided.hold_until is null
                    and decided.reason not in ('within_grace', 'hold_agreement', 'hold_erased')
                    and following.has_step is null
                )
            )
    """


class ExpectOneCase(NoOffenders):
    """A payer is one case for each creditor, in each currency."""

    title = "Cada cliente uma vez na lista de casos, por credor e moeda"
    offending = """
        select 1 from {batch} group by customer_key, creditor, currency having count(*) > 1
    """


class ExpectCasesOfOverdueDebts(NoOffenders):
    """A case is about what is overdue, and about no more than that."""

    title = "Todo caso é de títulos vencidos, com valores e datas que cabem neles"
    needs = ("fct_receivables",)
    offending = """
        select 1
        from {batch} as listed
        left join (
            select customer_key, creditor, currency, count(*) as receivables,
                sum(open_amount) as opened, sum(amount_due) as due,
                max(days_past_due) as days_past_due
            from fct_receivables where days_past_due > 0
            group by customer_key, creditor, currency
        ) as overdue using (customer_key, creditor, currency)
        where overdue.receivables is null
            or listed.receivables > overdue.receivables
            or listed.open_amount > overdue.opened
            or listed.amount_due > overdue.due
            or listed.days_past_due > overdue.days_past_due
            or listed.since_on > listed.business_date
            or listed.since_on <= listed.business_date - listed.days_past_due
    """


class ExpectMainReasonFirst(NoOffenders):
    """The main reason is the first of all reasons."""

    title = "O motivo principal de cada caso é o primeiro da lista de motivos"
    offending = """
        select 1 from {batch}
        where split_part(coalesce(reasons, ''), ',', 1) is distinct from reason
    """


def cases() -> list[Expectation]:
    """Every expectation on the list of cases."""
    table = "out_escalations"
    return [
        ExpectNobodyForgotten.on("fct_decisions", severity=WARNING),
        ExpectOneCase.on(table),
        ExpectCasesOfOverdueDebts.on(table),
        ExpectMainReasonFirst.on(table),
        filled(table, "reason"),
        filled(table, "since_on"),
        one_of(
            table,
            "responsible",
            tuple(RESPONSIBLE),
            "Quem age é conhecido",
            check="responsible_known",
        ),
    ]
