-- What is asked of each payer who is called tonight, by creditor and currency: by the creditor whose call it is, and by those who
-- share it.
with decisions as (
    select * from {{ ref('int_receivables__decided') }}
    where decision = 'call'
),

payers as (
    select * from {{ ref('int_customers__decided') }}
    where decision = 'call'
),

receivables as (select * from {{ ref('int_receivables__aged') }}),

carriers as (
    select
        payers.customer_key,
        payers.creditor,
        payers.message_key,
        payers.is_same_call,
        payers.episode_key,
        payers.step,
        payers.step_offset,
        payers.template,
        payers.reason,
        payers.policy_version,
        receivables.currency as carrier_currency,
        receivables.due_date as oldest_due_date,
        receivables.days_past_due,
        receivables.aging_band
    from payers
    inner join receivables on payers.episode_key = receivables.receivable_key
),

amounts as (
    select
        customer_key,
        creditor,
        currency,
        cast(count(*) as integer) as receivables,
        {{ money('sum(open_amount - credit_applied)') }} as open_amount,
        {{ money('sum(asked_amount)') }} as amount_due,
        {{ money('sum(credit_applied)') }} as credit_applied
    from decisions
    group by customer_key, creditor, currency
)

select
    carriers.*,
    amounts.currency,
    amounts.receivables,
    amounts.open_amount,
    amounts.amount_due,
    amounts.credit_applied,
    amounts.currency = carriers.carrier_currency as is_in_carrier_currency
from carriers
inner join amounts on {{ same_account('carriers', 'amounts') }}
