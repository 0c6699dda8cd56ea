-- The receivables of the backtest, counted by what the forecast said of their payers in whole per cent.
with tried as (select * from {{ ref('int_ranking__addressed') }}),

months as (
    select
        as_of_date,
        row_number() over (order by as_of_date) * 2 <= count(*) over () as is_earlier
    from tried
    group by as_of_date
),

-- what is chosen on the earlier months is tried on the later ones
periods as (
    select
        as_of_date,
        case when is_earlier then 'earlier' else 'later' end as period
    from months

    union all

    select
        as_of_date,
        'all' as period
    from months
)

-- a share is at least a whole per cent where its floor is, and at most one where its ceiling is
select
    periods.period,
    tried.is_addressed,
    cast(floor(tried.late_probability * 100) as integer) as late_percent,
    cast(ceiling(tried.seriously_late_probability * 100) as integer) as serious_percent,
    count(*) as receivables,
    count(case when tried.is_late then 1 end) as late,
    count(case when tried.is_seriously_late then 1 end) as seriously_late
from tried
inner join periods on tried.as_of_date = periods.as_of_date
group by
    periods.period,
    tried.is_addressed,
    cast(floor(tried.late_probability * 100) as integer),
    cast(ceiling(tried.seriously_late_probability * 100) as integer)
