{#- The arithmetic of the payer ranking. Shares are whole millionths, so that every engine gives the same digits. -#}

{#-
    A share of few trials pulled toward a prior share, in millionths: (events + weight x prior) / (trials + weight).
    A payer with `weight` receivables stands halfway between its own record and the prior.
-#}
{% macro shrunk_share(events, trials, prior, weight) -%}
    {{ divide_half_up(whole(events) ~ ' * 1000000 + ' ~ whole(weight) ~ ' * (' ~ prior ~ ')', whole('(' ~ trials ~ ') + ' ~ weight)) }}
{%- endmacro %}

{#- Points that a share in millionths costs, at `most` for a share of one. -#}
{% macro points_for(share, most) -%}
    cast({{ divide_half_up(whole(share) ~ ' * ' ~ most, whole('1000000')) }} as integer)
{%- endmacro %}

{#- How often a positive whole number goes into another that is not negative. -#}
{% macro whole_parts(number, part) -%}
    cast((({{ number }}) - ({{ number }}) % ({{ part }})) / ({{ part }}) as integer)
{%- endmacro %}

{% macro millionths_to_share(millionths) -%}
    cast(cast({{ millionths }} as decimal(24, 0)) * 0.000001 as decimal(18, 6))
{%- endmacro %}

{#- Standard deviation of whole days from their count, sum and sum of squares, cut to one place; IEEE roots agree everywhere. -#}
{% macro spread_of(number, total, squares) -%}
    cast(
        case
            when ({{ number }}) > 0
                then cast(
                    floor(
                        sqrt({{ as_double(whole(number) ~ ' * ' ~ whole(squares) ~ ' - ' ~ whole(total) ~ ' * ' ~ whole(total)) }})
                        * 10 / {{ as_double('(' ~ number ~ ')') }}
                    ) as decimal(18, 0)
                ) * 0.1
        end as decimal(18, 1)
    )
{%- endmacro %}

{#- Whether the ranking of a month end is tried out: the receivables of the month after it have had their 30 days by now. -#}
{% macro is_tried_month() -%}
    months_back between 3 and 8
{%- endmacro %}

{#- Whether a receivable is tried out at a month end: it fell due in the month after, and has had its 30 days by now. -#}
{% macro is_tried_due_date(due_date, as_of_date) -%}
    {{ due_date }} > {{ as_of_date }}
    and {{ due_date }} < {{ add_months(month_start(as_of_date), 2) }}
    and {{ days_between(due_date, business_date()) }} > 30
{%- endmacro %}

{#- A day and a number below 100 000 as one whole number that sorts by the day first; the number is what is left by `% 100000`. -#}
{% macro dated_number(day, number) -%}
    (cast({{ days_between("date '1900-01-01'", day) }} as bigint) * 100000 + least({{ number }}, 99999))
{%- endmacro %}

{#-
    Why a payer has its score, as codes and numbers that cobranca.labels puts into a sentence: what was seen, then what each
    thing costs. What is zero is left out.
-#}
{% macro score_reasons() -%}
    concat_ws(
        '; ',
        'observed:' || observed_receivables,
        case when late_receivables > 0 then 'late:' || late_receivables end,
        case
            when max_days_late > 0 and weighted_days_late >= 0.05
                then 'weighted_days_late:' || {{ as_text('cast(weighted_days_late as decimal(18, 1))') }}
        end,
        case when max_days_late > 0 then 'most_days_late:' || max_days_late end,
        {% for number in ['open_days_past_due', 'broken_promises'] -%}
        case when {{ number }} > 0 then '{{ number }}:' || {{ number }} end,
        {% endfor -%}
        {% for points in ['late_points', 'over_7_points', 'over_30_points', 'overdue_points', 'promise_points'] -%}
        case when {{ points }} > 0 then '{{ points }}:' || {{ points }} end,
        {% endfor -%}
        case when is_short_history then 'short_history' end
    )
{%- endmacro %}
