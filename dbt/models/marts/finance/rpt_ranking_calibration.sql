with tried as (select * from {{ ref('int_ranking__backtested') }}),

tenths as (
    select
        *,
        ntile(10) over (order by score, receivable_key) as decile
    from tried
)

select
    {{ business_date() }} as business_date,
    cast(decile as integer) as decile,
    count(*) as receivables,
    cast(min(score) as integer) as lowest_score,
    cast(max(score) as integer) as highest_score,
    {{ ratio('sum(late_probability * 10000)', '10000 * count(*)') }} as late_predicted,
    {{ ratio('count(case when is_late then 1 end)', 'count(*)') }} as late_observed,
    {{ ratio('sum(seriously_late_probability * 10000)', '10000 * count(*)') }} as seriously_late_predicted,
    {{ ratio('count(case when is_seriously_late then 1 end)', 'count(*)') }} as seriously_late_observed
from tenths
group by decile
