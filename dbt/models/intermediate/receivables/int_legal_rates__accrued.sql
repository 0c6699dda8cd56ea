-- Taxa legal (Law 14.905/2024, Res. CMN 5.171/2024): simple, monthly, one thirtieth of the month's rate a day.
with days as (
    select day
    from {{ ref('stg_policy__calendar') }}
    where day <= {{ business_date() }}
),

rates as (select * from {{ ref('stg_policy__legal_rates') }}),

latest as (
    select max(month) as month
    from rates
    where month <= {{ business_date() }}
),

-- a month not yet published runs on at the last published rate
daily as (
    select
        days.day,
        coalesce({{ millionths('rates.monthly_rate') }}, 0) as rate_millionths
    from days
    cross join latest
    left join rates on least({{ month_start('days.day') }}, latest.month) = rates.month
)

-- what one cent of principal still accrues after this day, up to the business date
select
    day,
    {{ whole('coalesce(sum(rate_millionths) over (order by day rows between 1 following and unbounded following), 0)') }}
        as remaining_index
from daily
