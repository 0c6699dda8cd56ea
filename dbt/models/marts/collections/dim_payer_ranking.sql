with payers as (
    select * from {{ ref('int_payers__ranked') }}
)

select
    {{ business_date() }} as business_date,
    customer_key,
    customer_name,
    segment,
    state,
    settled_receivables,
    on_time_rate,
    mean_days_late,
    weighted_days_late,
    max_days_late,
    open_overdue_amount,
    open_days_past_due,
    first_issued_on,
    last_late_on,
    score,
    rank,
    payer_class
from payers
