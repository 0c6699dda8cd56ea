-- Class and score of each payer at each as-of date, from what is expected of it and what is open now.
with forecast as (
    select * from {{ ref('int_payers__late_shares_estimated') }}
),

ranking as (
    select * from {{ ref('stg_policy__ranking') }}
),

pointed as (
    select
        forecast.*,
        ranking.*,
        {{ points_for('forecast.late', 'ranking.cost_late') }} as late_points,
        {{ points_for('forecast.over_7', 'ranking.cost_over_7') }} as over_7_points,
        {{ points_for('least(forecast.over_30, ' ~ millionths('ranking.cost_highest_over_30') ~ ')', 'ranking.cost_over_30') }}
            as over_30_points,
        -- one point for every so many days that something is overdue now
        {{ whole_parts(
            'least(forecast.open_days_past_due, ranking.cost_most_overdue_days)', 'ranking.cost_overdue_days_a_point'
        ) }} as overdue_points,
        cast(ranking.cost_broken_promise * least(forecast.broken_promises, ranking.cost_most_broken_promises) as integer)
            as promise_points
    from forecast
    cross join ranking
),

scored as (
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
        cast(
            greatest(100 - late_points - over_7_points - over_30_points - overdue_points - promise_points, 0) as integer
        ) as score,
        observed_receivables < class_short_history_below as is_short_history,
        -- of a payer without a history the forecast says only what it says of the others
        observed_receivables >= class_known_from as is_forecast_founded,
        case
            -- what is open and old says more than any history
            when open_days_past_due > class_critical_open_days then 'critico'
            when observed_receivables < class_known_from and open_days_past_due > class_critical_open_days_of_new then 'critico'
            when observed_receivables < class_known_from then 'novo'
            -- so many of all paid, or not paid, after more than a month
            when class_critical_over_30_one_in * over_30_days >= observed_receivables then 'critico'
            when
                class_punctual_late_one_in * late_receivables <= observed_receivables
                and class_punctual_over_10_one_in * over_10_days <= observed_receivables
                and over_30_days = 0
                and open_days_past_due <= class_punctual_open_days
                then 'pontual'
            -- forgetful, not insolvent: often late, but seldom by more than ten days, and still less often by a month
            when
                late_receivables > class_habitual_late_share * observed_receivables
                and class_habitual_over_10_one_in * over_10_days <= observed_receivables
                and class_habitual_over_30_one_in * over_30_days <= observed_receivables
                and open_days_past_due <= class_habitual_open_days
                then 'viciado'
            else 'irregular'
        end as payer_class
    from pointed
)

select * from scored
