{{ config(materialized='view') }}

-- noqa: disable=LT02
-- Shares of late receivables are shrunk toward the segment's, and the segment's toward the company's (empirical Bayes): one
-- receivable proves nothing, forty prove much.
with counted as (
    select * from {{ ref('int_payers__delays_counted') }}
),

ranking as (
    select * from {{ ref('stg_policy__ranking') }}
),

company_counts as (
    select
        as_of_date,
        sum(observed_receivables) as observed,
        sum(late_receivables) as late,
        sum(over_7_days) as over_7,
        sum(over_30_days) as over_30
    from counted
    group by as_of_date
),

company_shares as (
    select
        company_counts.as_of_date,
        {% for delay in ['late', 'over_7', 'over_30'] %}
        {{ shrunk_share(
            'company_counts.' ~ delay, 'company_counts.observed', millionths('ranking.assumed_' ~ delay), 'ranking.weight_segment'
        ) }} as {{ delay }}{{ ',' if not loop.last }}
        {% endfor %}
    from company_counts
    cross join ranking
),

segment_counts as (
    select
        as_of_date,
        segment,
        sum(observed_receivables) as observed,
        sum(late_receivables) as late,
        sum(over_7_days) as over_7,
        sum(over_30_days) as over_30
    from counted
    group by as_of_date, segment
),

segment_shares as (
    select
        segment_counts.as_of_date,
        segment_counts.segment,
        {% for delay in ['late', 'over_7', 'over_30'] %}
        {{ shrunk_share(
            'segment_counts.' ~ delay, 'segment_counts.observed', 'company_shares.' ~ delay, 'ranking.weight_segment'
        ) }} as {{ delay }}{{ ',' if not loop.last }}
        {% endfor %}
    from segment_counts
    inner join company_shares on segment_counts.as_of_date = company_shares.as_of_date
    cross join ranking
),

expected as (
    select
        counted.*,
        {% for delay, days_late in {'late': 'late_receivables', 'over_7': 'over_7_days'}.items() %}
        {{ shrunk_share(
            'counted.' ~ days_late, 'counted.observed_receivables', 'segment_shares.' ~ delay, 'ranking.weight_own'
        ) }} as {{ delay }},
        {% endfor %}
        segment_shares.over_7 as segment_over_7,
        segment_shares.over_30 as segment_over_30
    from counted
    inner join segment_shares
        on counted.segment = segment_shares.segment
        and counted.as_of_date = segment_shares.as_of_date
    cross join ranking
),

-- of the delays beyond a week, the segment knows which share goes beyond a month: the prior of a rare event
forecast as (
    select
        expected.*,
        {{ shrunk_share(
            'expected.over_30_days', 'expected.observed_receivables',
            divide_half_up(
                whole('expected.over_7') ~ ' * ' ~ whole('expected.segment_over_30'),
                whole('greatest(expected.segment_over_7, 1)')
            ),
            'ranking.weight_rare'
        ) }} as over_30
    from expected
    cross join ranking
)

select * from forecast
