with customers as (
    select * from {{ ref('int_customers__unified') }}
),

behaviour as (
    select * from {{ ref('int_payers__behaved') }}
),

-- a short history is pulled toward a middling payer (2 of 3 on time), so that one receivable proves nothing
scored as (
    select
        customers.customer_key,
        customers.customer_name,
        customers.segment,
        customers.state,
        coalesce(behaviour.settled_receivables, 0) as settled_receivables,
        behaviour.on_time_rate,
        behaviour.mean_days_late,
        behaviour.weighted_days_late,
        behaviour.max_days_late,
        behaviour.seriously_late_rate,
        behaviour.last_late_on,
        behaviour.first_issued_on,
        {{ money('coalesce(behaviour.open_overdue_amount, 0)') }} as open_overdue_amount,
        coalesce(behaviour.open_days_past_due, 0) as open_days_past_due,
        cast(
            {{ divide_half_up(
                whole('(coalesce(behaviour.settled_on_time, 0) + 2) * 60'),
                whole('coalesce(behaviour.settled_receivables, 0) + 3')
            ) }} as integer
        )
        as punctuality_points,
        cast(
            {{ divide_half_up(
                whole('(60 - least(coalesce(behaviour.weighted_days_late, 10), 60)) * 40'),
                whole('60')
            ) }} as integer
        ) as delay_points,
        cast(least(coalesce(behaviour.open_days_past_due, 0), 40) as integer) as overdue_penalty
    from customers
    left join behaviour on customers.customer_key = behaviour.customer_key
),

classed as (
    select
        *,
        cast(greatest(punctuality_points + delay_points - overdue_penalty, 0) as integer) as score,
        case
            -- what is open and old says more than any history
            when open_days_past_due > 60 then 'critico'
            when settled_receivables < 3 and open_days_past_due > 30 then 'critico'
            when settled_receivables < 3 then 'novo'
            when seriously_late_rate >= 0.25 then 'critico'
            when on_time_rate >= 0.9 and max_days_late <= 10 and open_days_past_due <= 10 then 'pontual'
            -- habitual, but by forgetfulness: often late, never long
            when on_time_rate < 0.7 and max_days_late <= 10 and open_days_past_due <= 10 then 'viciado'
            else 'irregular'
        end as payer_class
    from scored
)

select
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
    cast(row_number() over (order by score desc, open_overdue_amount, customer_key) as integer) as rank,
    payer_class
from classed
