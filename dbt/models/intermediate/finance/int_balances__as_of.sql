-- What stood open on each date that finance looks back on.
with past as (select * from {{ ref('int_balances__past') }}),

receivables as (select * from {{ ref('int_receivables__dated') }}),

-- The business date itself is the portfolio as every other mart shows it.
today as (
    select
        {{ business_date() }} as as_of_date,
        cast(null as date) as next_as_of_date,
        receivable_key,
        customer_key,
        creditor,
        currency,
        due_date,
        effective_due_date,
        open_amount as balance,
        cast(null as decimal(18, 2)) as next_balance,
        cast(null as decimal(18, 2)) as next_received_amount
    from receivables
    where is_open
),

balances as (
    select * from past
    union all
    select * from today
),

as_of as (
    select
        {{ business_date() }} as business_date,
        as_of_date,
        receivable_key,
        customer_key,
        creditor,
        currency,
        {{ days_between('effective_due_date', 'as_of_date') }} as days_past_due,
        {{ aging_band(days_between('effective_due_date', 'as_of_date')) }} as aging_band,
        balance,
        case when next_balance > 0 then {{ aging_band(days_between('effective_due_date', 'next_as_of_date')) }} end
            as next_aging_band,
        next_balance,
        next_received_amount
    from balances
    where balance > 0
)

select * from as_of
