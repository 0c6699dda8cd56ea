-- The history of balances in the two sums that finance asks for, from one pass over it; receivable by receivable it would be
-- the largest table of the night.
with balances as ({{ by_book(ref('int_balances__as_of')) }})

select
    {{ business_date() }} as business_date,
    as_of_date,
    book as creditor,
    currency,
    grouping(customer_key) = 0 as is_customer,
    customer_key,
    -- a customer stands in the band of the oldest debt
    case when grouping(customer_key) = 0 then {{ aging_band('max(days_past_due)') }} else aging_band end as aging_band,
    next_aging_band,
    cast(count(*) as bigint) as receivables,
    {{ money('sum(balance)') }} as balance,
    {{ money('sum(next_balance)') }} as next_balance,
    {{ money('sum(next_received_amount)') }} as next_received_amount
from balances
group by grouping sets ( -- noqa: PRS
    (as_of_date, book, currency, aging_band, next_aging_band),
    (as_of_date, book, currency, customer_key)
)
