with counted as (select * from {{ ref('int_ranking__forecasts_counted') }}),

gates as (select * from {{ ref('int_ranking__gates') }}),

-- the steps in force have no thresholds here: they may differ by régua
picked as (
    select
        period,
        cast(null as integer) as minimum_late_percent,
        cast(null as integer) as maximum_serious_percent,
        is_addressed as is_picked,
        receivables,
        late,
        seriously_late
    from counted

    union all

    select
        counted.period,
        gates.minimum_late_percent,
        gates.maximum_serious_percent,
        counted.late_percent >= gates.minimum_late_percent
        and counted.serious_percent <= gates.maximum_serious_percent as is_picked,
        counted.receivables,
        counted.late,
        counted.seriously_late
    from counted
    cross join gates
),

summed as (
    select
        period,
        minimum_late_percent,
        maximum_serious_percent,
        sum(receivables) as receivables,
        sum(late) as late,
        coalesce(sum(case when is_picked then receivables end), 0) as picked,
        coalesce(sum(case when is_picked then late end), 0) as picked_late,
        coalesce(sum(case when is_picked then seriously_late end), 0) as picked_seriously_late
    from picked
    group by period, minimum_late_percent, maximum_serious_percent
)

select
    {{ business_date() }} as business_date,
    period,
    case
        when minimum_late_percent is null then 'in_force'
        else {{ as_text('minimum_late_percent') }} || '/' || {{ as_text('maximum_serious_percent') }}
    end as gate,
    minimum_late_percent,
    maximum_serious_percent,
    cast(receivables as bigint) as receivables,
    cast(late as bigint) as late,
    cast(picked as bigint) as picked,
    cast(picked_late as bigint) as picked_late,
    {{ ratio('picked_late', 'picked') }} as picked_late_share,
    {{ ratio('picked_late', 'late') }} as reached_share,
    {{ ratio('picked_seriously_late', 'picked') }} as picked_seriously_late_share
from summed
