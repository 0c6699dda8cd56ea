-- The receivable that carries each payer's cadence: the oldest overdue one (ties: the largest), else the next to fall due.
with receivables as (
    select * from {{ ref('int_receivables__standing') }}
    where standing in ('overdue', 'upcoming')
),

customers as (
    select * from {{ ref('int_customers__unified') }}
),

carriers as (
    select distinct on (customer_key)
        customer_key,
        receivable_key as episode_key,
        standing,
        effective_due_date,
        days_past_due,
        currency
    from receivables
    order by customer_key, (standing = 'upcoming'), effective_due_date, open_amount desc, receivable_key
),

-- limits compare what is overdue, or for a preventive step what is about to fall due
totals as (
    select
        customer_key,
        currency,
        standing,
        sum(open_amount) as open_amount
    from receivables
    group by customer_key, currency, standing
)

select
    carriers.*,
    totals.open_amount,
    customers.segment
from carriers
inner join totals
    on carriers.customer_key = totals.customer_key
    and carriers.currency = totals.currency
    and carriers.standing = totals.standing
inner join customers on carriers.customer_key = customers.customer_key
