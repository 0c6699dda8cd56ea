-- Tonight's ranking, the best payer first.
with customers as (
    select * from {{ ref('int_customers__unified') }}
),

behaviour as (
    select * from {{ ref('int_payers__history_aggregated') }}
    where as_of_date = {{ business_date() }}
),

scored as (
    select * from {{ ref('int_payers__scored') }}
    where as_of_date = {{ business_date() }}
),

joined as (
    select
        customers.customer_key,
        customers.customer_name,
        customers.segment,
        customers.state,
        scored.observed_receivables,
        coalesce(behaviour.late_receivables, 0) as late_receivables,
        coalesce(behaviour.over_10_days, 0) as over_10_days,
        coalesce(behaviour.over_30_days, 0) as over_30_days,
        coalesce(behaviour.settled_receivables, 0) as settled_receivables,
        behaviour.on_time_rate,
        behaviour.mean_days_late,
        behaviour.weighted_days_late,
        behaviour.days_late_spread,
        behaviour.max_days_late,
        behaviour.first_issued_on,
        behaviour.last_late_on,
        {{ money('coalesce(behaviour.open_overdue_amount, 0)') }} as open_overdue_amount,
        coalesce(behaviour.open_days_past_due, 0) as open_days_past_due,
        scored.broken_promises,
        scored.late_probability,
        scored.seriously_late_probability,
        scored.is_forecast_founded,
        scored.late_points,
        scored.over_7_points,
        scored.over_30_points,
        scored.overdue_points,
        scored.promise_points,
        scored.score,
        scored.is_short_history,
        scored.payer_class
    from customers
    inner join scored on customers.customer_key = scored.customer_key
    left join behaviour on customers.customer_key = behaviour.customer_key
)

select
    *,
    cast(row_number() over (order by score desc, open_overdue_amount, customer_key) as integer) as rank
from joined
