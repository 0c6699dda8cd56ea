-- How each payer has paid so far.
with judged as (select * from {{ ref('int_receivables__delays_observed') }}),

promises as (
    select * from {{ ref('int_promises__fulfilment_computed') }}
    where state = 'broken'
),

behaviour as (
    select
        as_of_date,
        customer_key,
        min(issued_on) as first_issued_on,
        cast(count(days_late) as integer) as observed_receivables,
        cast(count(case when days_late > 0 then 1 end) as integer) as late_receivables,
        cast(count(case when days_late > 7 then 1 end) as integer) as over_7_days,
        cast(count(case when days_late > 10 then 1 end) as integer) as over_10_days,
        cast(count(case when days_late > 30 then 1 end) as integer) as over_30_days,
        sum(days_late) as observed_days_late,
        max(case when days_late is not null then {{ dated_number('effective_due_date', 'days_late') }} end) as last_observed,
        cast(count(settled_days_late) as integer) as settled_receivables,
        cast(count(case when settled_days_late = 0 then 1 end) as integer) as settled_on_time,
        sum(settled_days_late) as settled_days_late,
        sum(settled_days_late * settled_days_late) as settled_days_squared,
        sum(case when settled_days_late is not null then cents end) as settled_cents,
        sum(cents * settled_days_late) as settled_cent_days,
        cast(max(settled_days_late) as integer) as max_days_late,
        max(case when settled_days_late > 0 then settled_on end) as last_late_on,
        -- the ranking compares reais with reais
        sum(case when is_overdue and currency = 'BRL' then open_amount else 0 end) as open_overdue_amount,
        cast(coalesce(max(case when is_overdue then {{ days_between('effective_due_date', 'as_of_date') }} end), 0) as integer)
            as open_days_past_due
    from judged
    group by as_of_date, customer_key
),

-- a promise is broken from the day after its last day of grace
broken_promises as (
    select
        behaviour.as_of_date,
        behaviour.customer_key,
        cast(count(*) as integer) as broken_promises
    from behaviour
    inner join promises
        on behaviour.customer_key = promises.customer_key
        and behaviour.as_of_date > promises.last_day
    group by behaviour.as_of_date, behaviour.customer_key
),

aggregated as (
    select
        behaviour.as_of_date,
        behaviour.customer_key,
        behaviour.first_issued_on,
        behaviour.observed_receivables,
        behaviour.late_receivables,
        behaviour.over_7_days,
        behaviour.over_10_days,
        behaviour.over_30_days,
        cast(behaviour.observed_days_late as bigint) as observed_days_late,
        {{ ratio('behaviour.observed_days_late', 'behaviour.observed_receivables') }} as observed_mean_days_late,
        cast(behaviour.last_observed % 100000 as integer) as last_days_late,
        behaviour.settled_receivables,
        behaviour.settled_on_time,
        {{ ratio('behaviour.settled_on_time', 'behaviour.settled_receivables') }} as on_time_rate,
        {{ ratio('behaviour.settled_days_late', 'behaviour.settled_receivables') }} as mean_days_late,
        {{ ratio('behaviour.settled_cent_days', 'behaviour.settled_cents') }} as weighted_days_late,
        {{ spread_of('behaviour.settled_receivables', 'behaviour.settled_days_late', 'behaviour.settled_days_squared') }}
            as days_late_spread,
        behaviour.max_days_late,
        behaviour.last_late_on,
        {{ money('behaviour.open_overdue_amount') }} as open_overdue_amount,
        behaviour.open_days_past_due,
        coalesce(broken_promises.broken_promises, 0) as broken_promises
    from behaviour
    left join broken_promises
        on behaviour.customer_key = broken_promises.customer_key
        and behaviour.as_of_date = broken_promises.as_of_date
)

select * from aggregated
