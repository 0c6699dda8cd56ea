{{ config(materialized='view') }}

-- What a call to each payer is expected to recover, in the currency of the receivable that carries the payer's cadence.
with decisions as (
    select * from {{ ref('int_receivables__decided') }}
    where decision = 'call'
),

receivables as (
    select * from {{ ref('int_receivables__aged') }}
),

payers as (
    select * from {{ ref('int_customers__decided') }}
    where decision = 'call' and not is_same_call
),

bands as (
    select * from {{ ref('stg_policy__bands') }}
),

carriers as (
    select
        payers.customer_key,
        payers.creditor,
        payers.message_key,
        payers.episode_key,
        payers.step,
        payers.step_offset,
        payers.template,
        payers.reason,
        payers.policy_version,
        receivables.currency,
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
),

-- amounts in other currencies, and what other creditors ask on the same call, are listed, never added
others as (
    select
        amounts.customer_key,
        {%- set amount = "amounts.currency || ' ' || " ~ as_text('amounts.amount_due') %}
        {{ joined_text(
            'case when amounts.creditor = carriers.creditor then ' ~ amount ~ ' end', '; ', order_by='amounts.currency'
        ) }} as other_currencies,
        {{ joined_text(
            "case when amounts.creditor <> carriers.creditor then amounts.creditor || ' ' || " ~ amount ~ ' end',
            '; ',
            order_by='amounts.creditor, amounts.currency'
        ) }} as other_creditors
    from amounts
    inner join carriers on amounts.customer_key = carriers.customer_key
    where amounts.creditor <> carriers.creditor or amounts.currency <> carriers.currency
    group by amounts.customer_key
),

expected as (
    select
        carriers.*,
        amounts.receivables,
        amounts.open_amount,
        amounts.amount_due,
        amounts.credit_applied,
        others.other_currencies,
        others.other_creditors,
        bands.recovery_percent,
        bands.guaranteed_percent
    from carriers
    inner join amounts
        on {{ same_account('carriers', 'amounts') }}
        and carriers.currency = amounts.currency
    inner join bands on carriers.aging_band = bands.aging_band
    left join others on carriers.customer_key = others.customer_key
),

valued as (
    select
        *,
        {{ cents_to_money(divide_half_up(cents('amount_due') ~ ' * recovery_percent', 100)) }} as priority
    from expected
)

select * from valued
