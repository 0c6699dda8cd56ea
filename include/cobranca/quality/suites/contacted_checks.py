"""Expectations on every payer that a candidate plan contacts, over any channel."""

from datetime import date
from typing import TYPE_CHECKING

from cobranca.quality.expectations import ByCreditor, Expectation, Measured, NoOffenders

if TYPE_CHECKING:
    from cobranca.policy import Policy

# Receivables about which a payer is contacted, and the landed row behind each.
CONTACTED = (
    "select receivable_key, decision, channel from {batch} where decision in ('remind', 'call')"
)

SAME_RECEIVABLE = "landed.source || ':' || landed.receivable_id = contacted.receivable_key"

ITS_CUSTOMER = "customer.source = landed.source and customer.customer_id = landed.customer_id"

SIGNED = "case when kind = 'reversal' then -abs(amount) else amount end"

ITS_HOLD = """
    coalesce(hold.source, landed.source) = landed.source
    and hold.target_id =
        case hold.scope when 'receivable' then landed.receivable_id else landed.customer_id end
    and coalesce(hold.only_creditor = coalesce(landed.creditor, 'principal'), true)
    and coalesce(hold.starts_on, $business_date) <= $business_date
    and coalesce(hold.expires_on, $business_date) >= $business_date
"""


class ExpectNoDisputes(NoOffenders):
    """A disputed receivable is not charged."""

    title = "Nenhum título contestado é cobrado"
    needs = ("fct_receivables",)
    offending = f"""
        select 1 from ({CONTACTED}) as contacted join fct_receivables using (receivable_key)
        where fct_receivables.is_disputed
    """


class ExpectOpenAtTheSource(NoOffenders):
    """What the source marks as disputed, or no longer open, is not charged."""

    title = "Nenhum título contestado, cancelado, acordado ou baixado na origem é cobrado"
    needs = ("landed_receivables",)
    offending = f"""
        select 1 from ({CONTACTED}) as contacted
        left join landed_receivables as landed on {SAME_RECEIVABLE}
        where landed.receivable_id is null or coalesce(landed.disputed, false)
            or coalesce(landed.status, 'open') <> 'open'
    """


class ExpectNothingPrescribed(NoOffenders):
    """No one is contacted about a debt that is too old to be collected (CC, art. 206, § 5º, I)."""

    title = "Nenhuma dívida prescrita é cobrada"
    needs = ("landed_receivables",)
    offending = f"""
        select 1 from ({CONTACTED}) as contacted
        join landed_receivables as landed on {SAME_RECEIVABLE}
        where landed.due_date + to_years($years) < $business_date
    """


class ExpectWillingCustomers(NoOffenders):
    """A customer who opted out, died or is under legal hold is not contacted."""

    title = "Ninguém que pediu para não ser contatado, falecido ou em processo judicial é cobrado"
    needs = ("landed_receivables", "landed_customers")
    offending = f"""
        select 1 from ({CONTACTED}) as contacted
        join landed_receivables as landed on {SAME_RECEIVABLE}
        join landed_customers as customer on {ITS_CUSTOMER}
        where coalesce(customer.legal_hold, false)
            or coalesce(customer.deceased, false)
            or coalesce(
                case channel
                    when 'email' then customer.opt_out_email else customer.opt_out_phone
                end,
                false
            )
    """


class ExpectErasedLeftAlone(NoOffenders):
    """Nothing is asked of a payer whose personal data were erased (LGPD, art. 18, VI).

    Each of its receivables says so.
    """

    title = "Nada é cobrado de quem teve os dados apagados"
    needs = ("landed_receivables", "landed_customers")
    offending = f"""
        select 1 from {{batch}} as decided
        join landed_receivables as landed
            on landed.source || ':' || landed.receivable_id = decided.receivable_key
        join landed_customers as customer on {ITS_CUSTOMER}
        where customer.erased_key is not null
            and (decided.decision <> 'none' or decided.reason <> 'hold_erased'
                or decided.customer_key <> customer.erased_key)
    """


class ExpectRespectedWishes(NoOffenders):
    """No message goes over a channel that the payer refused, nor to a suppressed address."""

    title = "Ninguém recebe mensagem por um canal que recusou, nem em um endereço suspenso"
    needs = ("feedback_consents", "feedback_suppressions")
    offending = """
        with wishes as (
            select * from feedback_consents
            where given_on < $business_date
            qualify row_number() over (
                partition by customer_key, channel, only_creditor
                order by given_at desc, is_opted_in
            ) = 1
        )
        select 1
        from (
            select distinct customer_key, creditor, $channel as channel, email from {batch}
        ) as message
        left join wishes as wish on wish.customer_key = message.customer_key
            and wish.channel = message.channel and wish.only_creditor is null
        left join wishes as own on own.customer_key = message.customer_key
            and own.channel = message.channel and own.only_creditor = message.creditor
        left join (
            select distinct address_digest
            from feedback_suppressions
            where listed_on < $business_date and coalesce(removed_on > $business_date, true)
        ) as listed on message.channel = 'email'
            and sha256(lower(trim(message.email))) = listed.address_digest
        where not coalesce(wish.is_opted_in, true)
            -- a later consent for all creditors replaces what was said about one
            or (not own.is_opted_in
                and not coalesce(wish.is_opted_in and wish.given_at > own.given_at, false))
            or listed.address_digest is not null
    """


class ExpectNobodyOnHold(NoOffenders):
    """A hold by a person stops every contact about that customer or receivable."""

    title = "Ninguém com suspensão em vigor é cobrado"
    needs = ("landed_receivables", "policy_holds")
    offending = f"""
        select 1 from ({CONTACTED}) as contacted
        join landed_receivables as landed on {SAME_RECEIVABLE}
        join policy_holds as hold on {ITS_HOLD}
    """


class ExpectNoHeldContacts(NoOffenders):
    """A decision that names a hold, or a payment to come, as its reason is no contact."""

    title = "Nenhuma decisão suspensa vira contato"
    offending = """
        select 1 from {batch}
        where decision in ('remind', 'call')
            and (starts_with(reason, 'hold') or reason = 'payment_scheduled')
    """


class ExpectUnpaidDebts(NoOffenders):
    """Nothing that the landed payments settle is charged."""

    title = "Nenhum título já pago é cobrado"
    needs = ("landed_receivables", "landed_payments")
    offending = f"""
        select 1 from ({CONTACTED}) as contacted
        join landed_receivables as landed on {SAME_RECEIVABLE}
        join (
            select source, receivable_id,
                sum({SIGNED}) as paid
            from landed_payments
            where paid_on <= $business_date
            group by source, receivable_id
        ) as settled on settled.source = landed.source
            and settled.receivable_id = landed.receivable_id
        where settled.paid >= landed.amount
    """


class ExpectAskedOnBalance(NoOffenders):
    """No payer is asked for more principal than it owes a creditor on balance, in each currency.

    Credits are reckoned again from the landed files: money for no receivable, and what was paid or
    credited beyond one by its due date, so that no charge can have taken it. The models know more.
    """

    title = "Ninguém é cobrado além do que deve, descontados os seus créditos"
    needs = ("dim_payer_aliases", "fct_receivables", "landed_receivables", "landed_payments")
    offending = f"""
        with booked as (
            select *, {SIGNED} as signed
            from landed_payments
            where kind <> 'write_off' and paid_on <= $business_date
        ),
        beyond as (
            select landed.source, landed.customer_id, landed.creditor, landed.currency,
                sum(booked.signed) - any_value(landed.amount) as amount
            from landed_receivables as landed
            join booked on booked.source = landed.source
                and booked.receivable_id = landed.receivable_id
            where coalesce(landed.status, 'open') <> 'agreed'
            group by landed.source, landed.receivable_id, landed.customer_id, landed.creditor,
                landed.currency
            having sum(booked.signed) > any_value(landed.amount)
                and max(booked.paid_on) <= any_value(landed.due_date)
        ),
        credit as (
            select customer_key, coalesce(creditor, 'principal') as creditor, currency,
                sum(amount) as amount
            from (
                select source, customer_id, creditor, currency, amount from beyond
                union all
                select source, customer_id, creditor, coalesce(currency, 'BRL'), signed
                from booked where receivable_id is null
            ) as money
            join dim_payer_aliases using (source, customer_id)
            group by all
        ),
        asked as (
            select customer_key, creditor, currency, sum(open_amount - credit_applied) as amount
            from {{batch}} where decision in ('remind', 'call') group by all
        ),
        owed as (
            select customer_key, creditor, currency, sum(open_amount) as amount
            from fct_receivables group by all
        )
        select 1
        from asked
        join owed using (customer_key, creditor, currency)
        join credit using (customer_key, creditor, currency)
        where asked.amount > greatest(owed.amount - credit.amount, 0) + $tolerance
    """


class ExpectNothingScheduled(NoOffenders):
    """Nothing is charged that payments will settle which the source has with a later date."""

    title = "Nenhum título com pagamento programado que o quita é cobrado"
    needs = ("landed_receivables", "landed_payments")
    offending = f"""
        select 1 from ({CONTACTED}) as contacted
        join landed_receivables as landed on {SAME_RECEIVABLE}
        join (
            select landed.source, landed.receivable_id,
                sum({SIGNED.replace("amount", "payment.amount")}) as paid,
                sum(case when paid_on > $business_date
                    then {SIGNED.replace("amount", "payment.amount")} else 0 end) as scheduled
            from landed_payments as payment
            join landed_receivables as landed using (source, receivable_id)
            where (kind <> 'write_off' or paid_on <= $business_date)
                and paid_on <= $business_date + $days
            group by landed.source, landed.receivable_id
        ) as expected on expected.source = landed.source
            and expected.receivable_id = landed.receivable_id
        where expected.scheduled > 0 and expected.paid >= landed.amount
    """


class ExpectContactDay(Measured):
    """No contact falls on a weekend or a holiday."""

    title = "Contatos somente em dia de contato"
    expected = "nenhum contato fora de dia de contato"
    observed = "$contacts linhas, dia de contato: $day"
    needs = ("policy_calendar",)
    measure = """
        with today as (
            select count(*) as days, coalesce(bool_and(is_contact_day), false) as is_contact_day
            from policy_calendar where day = $business_date and place = 'BR'
        ),
        planned as (select count(*) as contacts from {batch})
        select case when days = 1 then (case when is_contact_day then 0 else contacts end) end
            as offenders,
               contacts, is_contact_day as day
        from planned, today
    """


class ExpectGoodPayersLeftAlone(NoOffenders):
    """Punctual payers get no reminder on or before the due date (F2)."""

    title = "Quem paga em dia não recebe lembrete preventivo"
    offending = (
        "select 1 from {batch} where payer_class = 'pontual' and (step_offset is null or "
        "step_offset <= 0)"
    )


def limit_by_creditor(policy: "Policy", name: str, column: str = "landed.creditor") -> ByCreditor:
    """A limit of the policy as it holds for the creditor of each row."""
    own = {creditor: getattr(policy.limits_of(creditor), name) for creditor in policy.creditors}
    return ByCreditor(getattr(policy.limits, name), own, column)


def contacted(business_date: date, policy: "Policy") -> list[Expectation]:
    """Every expectation on the decisions that contact a payer."""
    table = "fct_decisions"
    return [
        ExpectNoDisputes.on(table),
        ExpectOpenAtTheSource.on(table),
        ExpectNothingPrescribed.on(
            table,
            business_date=business_date,
            years=limit_by_creditor(policy, "collect_until_years"),
        ),
        ExpectWillingCustomers.on(table),
        ExpectErasedLeftAlone.on(table),
        ExpectNobodyOnHold.on(table, business_date=business_date),
        ExpectNoHeldContacts.on(table),
        ExpectUnpaidDebts.on(table, business_date=business_date),
        ExpectAskedOnBalance.on(
            table,
            business_date=business_date,
            tolerance=limit_by_creditor(policy, "tolerance_amount", "asked.creditor"),
        ),
        ExpectNothingScheduled.on(
            table,
            business_date=business_date,
            days=limit_by_creditor(policy, "scheduled_payment_days"),
        ),
    ]
