{%- set observed_days = 7 -%}

-- Messages taken by the provider and calls that reached somebody, beside the attempts that reached nobody.
with contacts as (
    select
        contact_key,
        contacted_on,
        customer_key,
        step,
        step_offset,
        channel,
        case
            when is_done then 'reached'
            when state = 'suppressed' and state_reason = 'holdout' then 'holdout'
            else 'not_reached'
        end as arm,
        contacted_on <= {{ add_days(business_date(), -observed_days) }} as is_observed
    from {{ ref('fct_contacts') }}
    where
        contacted_on >= {{ add_days(business_date(), -97) }}
        and (
            is_done
            or state in ('unanswered', 'rejected', 'bounced')
            or (state = 'suppressed' and state_reason = 'holdout')
        )
),

receivables as (select * from {{ ref('int_receivables__dated') }}),

payments as (select * from {{ ref('int_payments__applied') }}),

-- What the customer owed at that moment: everything past due, or for a step before the due date what falls due by it.
cases as (
    select
        contacts.contact_key,
        contacts.contacted_on,
        contacts.customer_key,
        contacts.step,
        contacts.step_offset,
        contacts.channel,
        contacts.arm,
        contacts.is_observed,
        receivables.receivable_key,
        receivables.currency,
        receivables.amount
    from contacts
    inner join receivables
        on
            receivables.customer_key = contacts.customer_key
            and receivables.issued_on <= contacts.contacted_on
            and receivables.effective_due_date <= {{ add_days('contacts.contacted_on', '-least(coalesce(contacts.step_offset, 0), 0)') }}
            and (receivables.settled_on is null or receivables.settled_on >= contacts.contacted_on)
),

paid as (
    select
        cases.contact_key,
        cases.receivable_key,
        sum(case when payments.paid_on < cases.contacted_on then payments.amount else 0 end) as reduced_before,
        sum(
            case
                when payments.paid_on >= cases.contacted_on and payments.kind in ('payment', 'reversal')
                    then payments.amount
                else 0
            end
        ) as received_after
    from cases
    inner join payments
        on
            payments.receivable_key = cases.receivable_key
            and payments.paid_on <= {{ add_days('cases.contacted_on', observed_days) }}
    group by cases.contact_key, cases.receivable_key
),

balanced as (
    select
        cases.*,
        cases.amount - coalesce(paid.reduced_before, 0) as balance,
        greatest(coalesce(paid.received_after, 0), 0) as received_after
    from cases
    left join paid
        on
            paid.contact_key = cases.contact_key
            and paid.receivable_key = cases.receivable_key
),

grouped as (
    select
        step,
        step_offset,
        channel,
        arm,
        currency,
        count(distinct contact_key) as contacts,
        count(distinct case when is_observed then contact_key end) as observed_contacts,
        count(distinct case when is_observed then customer_key end) as customers,
        sum(case when is_observed then 1 else 0 end) as receivables,
        sum(case when is_observed then balance else 0 end) as open_amount,
        sum(case when is_observed and received_after > 0 then 1 else 0 end) as paid_receivables,
        sum(case when is_observed then least(received_after, balance) else 0 end) as paid_amount
    from balanced
    where balance > 0
    group by step, step_offset, channel, arm, currency
)

select
    {{ business_date() }} as business_date,
    coalesce(step, '-') as step,
    step_offset,
    channel,
    arm,
    currency,
    cast(contacts as bigint) as contacts,
    cast(observed_contacts as bigint) as observed_contacts,
    cast(customers as bigint) as customers,
    cast(receivables as bigint) as receivables,
    {{ money('open_amount') }} as open_amount,
    cast(paid_receivables as bigint) as paid_receivables,
    {{ money('paid_amount') }} as paid_amount,
    {{ ratio('paid_receivables', 'receivables') }} as paid_receivables_share,
    {{ ratio('paid_amount', 'open_amount') }} as paid_share
from grouped
