-- Receivables that the backtest of the ranking leaves out: without an issue date no one can tell whether they were known before
-- they fell due.
with month_ends as (
    select as_of_date
    from {{ ref('int_month_ends__date_spined') }}
    where {{ is_tried_month() }}
),

receivables as (
    select * from {{ ref('int_receivables__balances_computed') }}
    where
        issue_date is null
        and not is_disputed
        and (status in ('open', 'written_off') or (status = 'settled' and is_settled_by_payment))
)

select
    {{ business_date() }} as business_date,
    month_ends.as_of_date,
    cast(count(*) as bigint) as receivables
from month_ends
inner join receivables
    on {{ is_tried_due_date('receivables.effective_due_date', 'month_ends.as_of_date') }}
group by month_ends.as_of_date
