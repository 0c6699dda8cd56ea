-- The month ends before the current month, oldest first, and the business date itself.
with month_ends as (
    {% for months_back in range(13, 0, -1) %}
    select
        {{ add_days(add_months(month_start(business_date()), 1 - months_back), -1) }} as as_of_date,
        {{ months_back }} as months_back
    union all
    {% endfor %}
    select
        {{ business_date() }} as as_of_date,
        0 as months_back
),

periods as (
    select
        as_of_date,
        months_back,
        lag(as_of_date) over (order by as_of_date) as previous_as_of_date
    from month_ends
)

select
    {{ business_date() }} as business_date,
    as_of_date,
    previous_as_of_date,
    {{ month_start('as_of_date') }} as period_start,
    {{ days_between(month_start('as_of_date'), 'as_of_date') }} + 1 as period_days,
    months_back,
    months_back = 0 as is_business_date
from periods
