with receivables as (select * from {{ ref('int_receivables__dated') }}),

month_ends as (select * from {{ ref('int_month_ends__listed') }}),

payments as (select * from {{ ref('int_payments__applied') }}),

-- Each receivable on each month end between its issue and its settlement: few rows, since most are paid soon.
alive as (
    select
        month_ends.as_of_date,
        receivables.receivable_key,
        receivables.customer_key,
        receivables.currency,
        receivables.due_date,
        receivables.effective_due_date,
        receivables.amount
    from receivables
    inner join month_ends
        on
            month_ends.as_of_date >= receivables.issued_on
            and (receivables.settled_on is null or month_ends.as_of_date < receivables.settled_on)
    where not month_ends.is_business_date
),

-- Only what was dated on or before the month end had happened by then.
reduced as (
    select
        alive.as_of_date,
        alive.receivable_key,
        sum(payments.amount) as reduced_amount
    from alive
    inner join payments
        on
            payments.receivable_key = alive.receivable_key
            and payments.paid_on <= alive.as_of_date
    group by alive.as_of_date, alive.receivable_key
),

past as (
    select
        alive.as_of_date,
        alive.receivable_key,
        alive.customer_key,
        alive.currency,
        alive.due_date,
        alive.effective_due_date,
        alive.amount - coalesce(reduced.reduced_amount, 0) as balance
    from alive
    left join reduced
        on
            reduced.receivable_key = alive.receivable_key
            and reduced.as_of_date = alive.as_of_date
),

-- The business date itself is the portfolio as every other mart shows it.
today as (
    select
        {{ business_date() }} as as_of_date,
        receivable_key,
        customer_key,
        currency,
        due_date,
        effective_due_date,
        open_amount as balance
    from receivables
    where is_open
),

balances as (
    select * from past
    union all
    select * from today
)

select
    {{ business_date() }} as business_date,
    as_of_date,
    receivable_key,
    customer_key,
    currency,
    {{ days_between('effective_due_date', 'as_of_date') }} as days_past_due,
    {{ days_between('due_date', 'as_of_date') }} as days_past_due_original,
    {{ aging_band(days_between('effective_due_date', 'as_of_date')) }} as aging_band,
    {{ money('balance') }} as balance
from balances
where balance > 0
