-- The receivable that carries each payer's cadence: the oldest overdue one (ties: the largest), else the next to fall due.
with receivables as (
    select * from {{ ref('int_receivables__standing') }}
),

limits as (
    select * from {{ ref('stg_policy__limits') }}
),

-- limits compare what is overdue, or for a preventive step what is about to fall due
totals as (
    select
        customer_key,
        currency,
        standing,
        {{ money('sum(open_amount)') }} as open_amount
    from receivables
    where standing in ('overdue', 'upcoming')
    group by customer_key, currency, standing
),

everything_open as (
    select
        customer_key,
        currency,
        {{ money('sum(open_amount)') }} as open_amount
    from receivables
    group by customer_key, currency
),

-- a trifle in one currency must not stand in the way of what is owed in another
carriers as (
    select distinct on (receivables.customer_key)
        receivables.customer_key,
        receivables.receivable_key as episode_key,
        receivables.standing,
        receivables.effective_due_date,
        receivables.days_past_due,
        receivables.currency,
        receivables.regua,
        receivables.ends_at_offset,
        receivables.goes_on_after_offset,
        totals.open_amount
    from receivables
    inner join totals
        on receivables.customer_key = totals.customer_key
        and receivables.currency = totals.currency
        and receivables.standing = totals.standing
    cross join limits
    order by
        receivables.customer_key,
        (receivables.standing = 'upcoming'),
        (totals.open_amount < limits.minimum_amount),
        receivables.effective_due_date,
        receivables.open_amount desc,
        receivables.receivable_key
)

select
    carriers.*,
    everything_open.open_amount as total_open_amount
from carriers
inner join everything_open
    on carriers.customer_key = everything_open.customer_key
    and carriers.currency = everything_open.currency
