{#- What each predictor makes of a receivable; a higher value expects it later. -#}
{%- set predictors = {
    'forecast': {'late': 'late_probability', 'seriously_late': 'seriously_late_probability'},
    'score': {'late': '100 - score', 'seriously_late': '100 - score'},
    'last_behaviour': {'late': 'last_days_late', 'seriously_late': 'last_days_late'},
    'customer_mean': {'late': 'mean_days_late', 'seriously_late': 'mean_days_late'},
} -%}

-- noqa: disable=LT02
-- Each receivable on which the ranking is tried out, by what is predicted of it and which predictor does.
with addressed as (select * from {{ ref('int_ranking__addressed') }}),

predictions as (
    {% for predictor, columns in predictors.items() %}
    {% for target, column in columns.items() %}
    select
        as_of_date,
        '{{ target }}' as target,
        '{{ predictor }}' as predictor,
        cast({{ column }} as decimal(18, 6)) as predicted,
        is_{{ target }} as came_true,
        is_addressed
    from addressed
    {{- ' union all' if not loop.last }}
    {% endfor %}
    {{- ' union all' if not loop.last }}
    {% endfor %}
)

select * from predictions
