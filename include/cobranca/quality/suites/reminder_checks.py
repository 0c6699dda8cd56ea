"""Expectations on the reminders and thanks of a candidate plan."""

from datetime import date
from typing import TYPE_CHECKING

from cobranca.partitions.verdict import WARNING
from cobranca.quality.expectations import Expectation, Measured, NoOffenders, filled, unique
from cobranca.quality.suites.contacted_checks import (
    ITS_CUSTOMER,
    ITS_HOLD,
    ExpectContactDay,
    ExpectGoodPayersLeftAlone,
    ExpectRespectedWishes,
    limit_by_creditor,
)

if TYPE_CHECKING:
    from cobranca.policy import Policy


class ExpectDecidedReminders(NoOffenders):
    """The messages hold exactly what is decided as a reminder (F4)."""

    title = "Os lembretes são exatamente os decididos"
    needs = ("fct_decisions",)
    offending = """
        select 1
        from {batch} as reminder
        full join (select * from fct_decisions where decision = 'remind') as decided
            using (receivable_key)
        where reminder.message_key is distinct from decided.message_key
    """


class ExpectEmailAddresses(NoOffenders):
    """Each e-mail goes to one well-formed address."""

    title = "E-mail presente e bem formado"
    offending = """
        select 1 from {batch}
        where channel = 'email'
            and not coalesce(regexp_full_match(email,
                '[^@\\s,;<>]+@[^@\\s,;<>]+[.][^@\\s,;<>.][^@\\s,;<>.]+'), false)
    """


class ExpectMessageNumbers(NoOffenders):
    """Each WhatsApp message or SMS goes to one well-formed number.

    No message goes over a channel unknown here.
    """

    title = "Telefone presente e bem formado em cada WhatsApp ou SMS"
    offending = """
        select 1 from {batch}
        where channel is distinct from 'email'
            and not coalesce(channel in ('whatsapp', 'sms')
                and regexp_full_match(phone, '[+][0-9]+'), false)
    """


class ExpectPositiveDebts(NoOffenders):
    """No message asks for nothing, nor for a negative amount."""

    title = "Valores cobrados maiores que zero"
    offending = """
        select 1 from {batch}
        where not coalesce(amount > 0 and open_amount > 0 and amount_due > 0 and fine >= 0
            and interest >= 0, false)
    """


class ExpectItemisedTotals(NoOffenders):
    """The amount due is principal, less what a credit covers, fine and interest, to the cent."""

    title = "Total = valor em aberto - crédito + multa + juros"
    offending = (
        "select 1 from {batch} "
        "where amount_due is distinct from open_amount - $credit + fine + interest"
    )


class ExpectLawfulFines(NoOffenders):
    """A consumer's fine is at most 2 % of the amount (CDC, art. 52, § 1º).

    That holds whatever the models or the limits say. Of a company it is at most the largest rate of
    the limits.
    """

    title = "Multa de consumidor de no máximo 2 % (CDC, art. 52); de empresa, a do limite"
    offending = """
        select 1 from {batch}
        where coalesce(fine, 0) > round(
            amount * case when contract_type = 'business' then $largest else 0.02 end, 2
        )
    """


class ExpectAgreedInterest(NoOffenders):
    """Interest is at most that of the whole amount since the due date, at the agreed rate.

    The rate is the landed one, else the company's, else (the taxa legal) the largest of the limits;
    never more than the largest. Half a cent is what rounding may add.
    """

    title = "Juros dentro da taxa do título e do limite"
    needs = ("landed_receivables",)
    offending = """
        select 1
        from {batch} as reminder
        inner join landed_receivables as landed
            on landed.source || ':' || landed.receivable_id = reminder.receivable_key
        where coalesce(reminder.interest, 0) * 30 - 0.15
            > reminder.amount
                * least(coalesce(landed.monthly_interest_rate, $default, $largest), $largest)
                * greatest($business_date - landed.due_date, 0)
    """


class ExpectOneMessageADay(NoOffenders):
    """A customer gets at most one message a day, whichever creditor it is for (F4).

    A message has one reader and one creditor.
    """

    title = "No máximo uma mensagem por cliente no dia, de um só credor"
    expected = "nenhum cliente com mais de uma"
    offending = """
        select customer_key from {batch} group by customer_key
            having count(distinct message_key) <> 1
        union all
        select message_key from {batch} group by message_key
            having count(distinct (customer_key, creditor, email)) <> 1
    """


class ExpectItsCreditor(NoOffenders):
    """A message asks only for what its creditor is owed, as the source says (CDC, art. 42-A)."""

    title = "Cada mensagem fala em nome do credor dos títulos"
    needs = ("landed_receivables",)
    offending = """
        select 1
        from {batch} as message
        left join landed_receivables as landed
            on landed.source || ':' || landed.receivable_id = message.receivable_key
        where coalesce(landed.creditor, 'principal') is distinct from message.creditor
    """


class ExpectWelcomeThanks(NoOffenders):
    """No thanks and no survey go to a payer who may not be written to.

    Nor to one who disputes, or who is contacted today anyway.
    """

    title = (
        "Agradecimentos e pesquisas só a quem pode receber mensagem e não recebe outro contato hoje"
    )
    needs = ("fct_decisions", "landed_receivables", "landed_customers", "policy_holds")
    offending = f"""
        select 1 from {{batch}} as thanked
        left join landed_receivables as landed
            on landed.source = thanked.source and landed.receivable_id = thanked.receivable_id
        left join landed_customers as customer on {ITS_CUSTOMER}
        left join policy_holds as hold on {ITS_HOLD}
        where landed.receivable_id is null
            or coalesce(landed.disputed, false)
            or coalesce(landed.status, 'open') in ('cancelled', 'written_off')
            or coalesce(customer.legal_hold, false)
            or coalesce(customer.deceased, false)
            or coalesce(customer.opt_out_email, false)
            or customer.erased_key is not null
            or hold.target_id is not null
            or thanked.customer_key in (select customer_key from fct_decisions
                where decision in ('remind', 'call'))
    """


class ExpectUsualVolume(Measured):
    """More messages than the limit are reported; a person approves them before they leave."""

    title = "Quantidade de mensagens dentro do limite da noite"
    expected = "no máximo $maximum mensagens"
    observed = "$messages mensagens"
    measure = """
        select greatest(count(distinct message_key) - $maximum, 0) as offenders,
            count(distinct message_key) as messages
        from {batch}
    """


def reminders(business_date: date, policy: "Policy") -> list[Expectation]:
    """Every expectation on the reminders."""
    table, limits = "out_reminders", policy.limits
    return [
        *(
            filled(table, column)
            for column in ("message_key", "customer_key", "customer_name", "template", "due_date")
        ),
        unique(table, "receivable_key", "Nenhum título em duas mensagens"),
        ExpectDecidedReminders.on(table),
        ExpectOneMessageADay.on(table),
        ExpectItsCreditor.on(table),
        ExpectEmailAddresses.on(table),
        ExpectRespectedWishes.on(table, channel="channel", business_date=business_date),
        ExpectMessageNumbers.on(table),
        ExpectPositiveDebts.on(table),
        ExpectItemisedTotals.on(table, credit="credit_applied"),
        ExpectLawfulFines.on(table, largest=limits.largest_fine_rate),
        ExpectAgreedInterest.on(
            table,
            business_date=business_date,
            default=limit_by_creditor(policy, "default_monthly_interest_rate"),
            largest=limits.largest_monthly_interest_rate,
        ),
        ExpectGoodPayersLeftAlone.on(table),
        ExpectContactDay.on(table, business_date=business_date),
        ExpectUsualVolume.on(table, severity=WARNING, maximum=limits.volume.maximum_messages),
    ]


def thanks(business_date: date) -> list[Expectation]:
    """Every expectation on thanks and surveys."""
    table = "out_surveys"
    return [
        ExpectWelcomeThanks.on(table, business_date=business_date),
        ExpectItsCreditor.on(table),
        ExpectRespectedWishes.on(table, channel="'email'", business_date=business_date),
        ExpectContactDay.on(table, business_date=business_date),
    ]
