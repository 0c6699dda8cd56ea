with payers as (
    select * from {{ ref('int_payers__ranked') }}
)

select
    {{ business_date() }} as business_date,
    customer_key,
    customer_name,
    segment,
    state,
    observed_receivables,
    settled_receivables,
    on_time_rate,
    mean_days_late,
    weighted_days_late,
    days_late_spread,
    max_days_late,
    open_overdue_amount,
    open_days_past_due,
    first_issued_on,
    last_late_on,
    {{ days_between('last_late_on', business_date()) }} as days_since_last_late,
    broken_promises,
    late_probability,
    seriously_late_probability,
    late_points,
    over_7_points,
    over_30_points,
    overdue_points,
    promise_points,
    score,
    {{ score_reasons() }} as score_reasons,
    rank,
    payer_class
from payers
