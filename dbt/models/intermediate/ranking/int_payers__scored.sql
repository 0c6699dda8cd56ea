{#- A payer with this many receivables stands halfway between its own record and its segment's. -#}
{%- set own_weight = 2 -%}
{#- Delays beyond a month are rare, so a payer's own count of them says little until there are many receivables. -#}
{%- set rare_weight = 20 -%}
{#- A segment with this many receivables stands halfway between its own record and the company's. -#}
{%- set group_weight = 20 -%}
{#- A company without any history, in millionths: 30 % late, 15 % over a week, 5 % over a month. -#}
{%- set unknown = {'late': 300000, 'over_7': 150000, 'over_30': 50000} -%}

-- Class and score of each payer at each as-of date. Shares of late receivables are shrunk toward the segment's, and the
-- segment's toward the company's (empirical Bayes): one receivable proves nothing, forty prove much.
with customers as (
    select
        customer_key,
        coalesce(segment, '') as segment
    from {{ ref('int_customers__unified') }}
),

behaviour as (
    select * from {{ ref('int_payers__behaved') }}
),

-- tonight everybody has a place, also who was never invoiced
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
),

company_shares as (
    select
        as_of_date,
        {{ shrunk_share('sum(late_receivables)', 'sum(observed_receivables)', unknown.late, group_weight) }} as late,
        {{ shrunk_share('sum(over_7_days)', 'sum(observed_receivables)', unknown.over_7, group_weight) }} as over_7,
        {{ shrunk_share('sum(over_30_days)', 'sum(observed_receivables)', unknown.over_30, group_weight) }} as over_30
    from counted
    group by as_of_date
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
        {{ shrunk_share('segment_counts.' ~ delay, 'segment_counts.observed', 'company_shares.' ~ delay, group_weight) }}
            as {{ delay }}{{ ',' if not loop.last }}
        {% endfor %}
    from segment_counts
    inner join company_shares on segment_counts.as_of_date = company_shares.as_of_date
),

expected as (
    select
        counted.*,
        {{ shrunk_share('counted.late_receivables', 'counted.observed_receivables', 'segment_shares.late', own_weight) }} as late,
        {{ shrunk_share('counted.over_7_days', 'counted.observed_receivables', 'segment_shares.over_7', own_weight) }} as over_7,
        segment_shares.over_7 as segment_over_7,
        segment_shares.over_30 as segment_over_30
    from counted
    inner join segment_shares
        on counted.segment = segment_shares.segment
        and counted.as_of_date = segment_shares.as_of_date
),

-- of the delays beyond a week, the segment knows which share goes beyond a month: the prior of a rare event
forecast as (
    select
        *,
        {{ shrunk_share(
            'over_30_days', 'observed_receivables',
            divide_half_up(whole('over_7') ~ ' * ' ~ whole('segment_over_30'), whole('greatest(segment_over_7, 1)')), rare_weight
        ) }} as over_30
    from expected
),

pointed as (
    select
        *,
        {{ points_for('late', 20) }} as late_points,
        {{ points_for('over_7', 50) }} as over_7_points,
        {{ points_for('least(over_30, 400000)', 100) }} as over_30_points,
        -- one point for every two days that something is overdue now
        cast((least(open_days_past_due, 60) - least(open_days_past_due, 60) % 2) / 2 as integer) as overdue_points,
        cast(5 * least(broken_promises, 3) as integer) as promise_points
    from forecast
)

select
    as_of_date,
    customer_key,
    observed_receivables,
    broken_promises,
    {{ millionths_to_share('late') }} as late_probability,
    {{ millionths_to_share('least(over_30, 1000000)') }} as seriously_late_probability,
    late_points,
    over_7_points,
    over_30_points,
    overdue_points,
    promise_points,
    cast(greatest(100 - late_points - over_7_points - over_30_points - overdue_points - promise_points, 0) as integer) as score,
    case
        -- what is open and old says more than any history
        when open_days_past_due > 60 then 'critico'
        when observed_receivables < 3 and open_days_past_due > 30 then 'critico'
        when observed_receivables < 3 then 'novo'
        -- a quarter of all paid, or not paid, after more than a month
        when 4 * over_30_days >= observed_receivables then 'critico'
        when
            10 * late_receivables <= observed_receivables
            and 20 * over_10_days <= observed_receivables
            and over_30_days = 0
            and open_days_past_due <= 10
            then 'pontual'
        -- forgetful, not insolvent: often late, but at most one in seven by more than ten days and one in fifteen by a month
        when
            10 * late_receivables > 3 * observed_receivables
            and 7 * over_10_days <= observed_receivables
            and 15 * over_30_days <= observed_receivables
            and open_days_past_due <= 10
            then 'viciado'
        else 'irregular'
    end as payer_class
from pointed
