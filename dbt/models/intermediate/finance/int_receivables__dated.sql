-- A receivable closed without dated events (cancelled, or written off, agreed or settled by its status alone) cannot be
-- placed in the past, so history leaves it out of stocks and flows alike. An unknown issue date is taken as the due date.
select
    receivable_key,
    customer_key,
    creditor,
    currency,
    least(coalesce(issue_date, due_date), {{ business_date() }}) as issued_on,
    due_date,
    effective_due_date,
    amount,
    open_amount,
    is_open,
    -- balances of past days follow every booking, so they end with the last
    case when status = 'settled' then last_paid_on end as closed_on
from {{ ref('int_receivables__balances_computed') }}
where
    is_open
    or (status = 'settled' and last_paid_on is not null)
    or (status in ('settled', 'written_off') and paid_amount + credited_amount + written_off_amount >= amount)
