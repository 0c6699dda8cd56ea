-- The history of balances in the two sums that finance asks for, from one pass over it; receivable by receivable it would be
-- the largest table of the night.
with balances as (select * from {{ ref('int_balances__as_of') }}),

summed as (
    select
        as_of_date,
        currency,
        customer_key,
        aging_band,
        next_aging_band,
        grouping(customer_key) = 0 as is_customer,
        count(*) as receivables,
        sum(balance) as balance,
        sum(next_balance) as next_balance,
        sum(next_received_amount) as next_received_amount,
        max(days_past_due) as days_past_due
    from balances
    group by grouping sets (
        (as_of_date, currency, aging_band, next_aging_band),
        (as_of_date, currency, customer_key)
    )
)

-- a customer stands in the band of the oldest debt
select
    {{ business_date() }} as business_date,
    as_of_date,
    currency,
    is_customer,
    customer_key,
    case when is_customer then {{ aging_band('days_past_due') }} else aging_band end as aging_band,
    next_aging_band,
    cast(receivables as bigint) as receivables,
    {{ money('balance') }} as balance,
    {{ money('next_balance') }} as next_balance,
    {{ money('next_received_amount') }} as next_received_amount
from summed
