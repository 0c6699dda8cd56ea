with customers as (
    select
        customer_key,
        coalesce(segment, '') as segment
    from {{ ref('int_customers__unified') }}
),

behaviour as (select * from {{ ref('int_payers__history_aggregated') }}),

-- tonight every payer has a place, also one that was never invoiced
payers as (
    select
        {{ business_date() }} as as_of_date,
        customer_key,
        segment
    from customers

    union all

    select
        behaviour.as_of_date,
        behaviour.customer_key,
        customers.segment
    from behaviour
    inner join customers on behaviour.customer_key = customers.customer_key
    where behaviour.as_of_date < {{ business_date() }}
),

counted as (
    select
        payers.as_of_date,
        payers.customer_key,
        payers.segment,
        coalesce(behaviour.observed_receivables, 0) as observed_receivables,
        coalesce(behaviour.late_receivables, 0) as late_receivables,
        coalesce(behaviour.over_7_days, 0) as over_7_days,
        coalesce(behaviour.over_10_days, 0) as over_10_days,
        coalesce(behaviour.over_30_days, 0) as over_30_days,
        coalesce(behaviour.open_days_past_due, 0) as open_days_past_due,
        coalesce(behaviour.broken_promises, 0) as broken_promises
    from payers
    left join behaviour
        on payers.customer_key = behaviour.customer_key
        and payers.as_of_date = behaviour.as_of_date
)

select * from counted
