-- The receivable that carries each payer's cadence: the oldest overdue one (ties: the largest), else the next to fall due.
with receivables as (select * from {{ ref('int_receivables__status_assigned') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

-- limits compare what no credit covers of what is overdue, or for a preventive step what is about to fall due
totals as (
    select
        customer_key,
        creditor,
        currency,
        collection_status,
        {{ money('sum(open_amount - credit_applied)') }} as open_amount
    from receivables
    where collection_status in ('overdue', 'upcoming')
    group by customer_key, creditor, currency, collection_status
),

everything_open as (
    select
        customer_key,
        creditor,
        currency,
        {{ money('sum(open_amount - credit_applied)') }} as open_amount
    from receivables
    group by customer_key, creditor, currency
),

candidates as (
    select
        receivables.customer_key,
        receivables.creditor,
        receivables.receivable_key as episode_key,
        receivables.collection_status,
        receivables.effective_due_date,
        receivables.days_past_due,
        receivables.currency,
        receivables.regua,
        receivables.ends_at_offset,
        receivables.goes_on_after_offset,
        receivables.open_amount as receivable_amount,
        totals.open_amount,
        totals.open_amount < limits.minimum_amount as is_trifle
    from receivables
    inner join totals
        on {{ same_account('receivables', 'totals') }}
        and receivables.currency = totals.currency
        and receivables.collection_status = totals.collection_status
    inner join limits on receivables.creditor = limits.creditor
),

-- a trifle in one currency must not stand in the way of what is owed in another
carriers as (
    {{ first_rows(
        'candidates',
        per=['customer_key', 'creditor'],
        order_by=[
            "(collection_status = 'upcoming')",
            'is_trifle',
            'effective_due_date',
            'receivable_amount desc',
            'episode_key',
        ]
    ) }}
)

select
    carriers.customer_key,
    carriers.creditor,
    carriers.episode_key,
    carriers.collection_status,
    carriers.effective_due_date,
    carriers.days_past_due,
    carriers.currency,
    carriers.regua,
    carriers.ends_at_offset,
    carriers.goes_on_after_offset,
    carriers.open_amount,
    everything_open.open_amount as total_open_amount
from carriers
inner join everything_open
    on {{ same_account('carriers', 'everything_open') }}
    and carriers.currency = everything_open.currency
