{#- After how many days past due a debt has entered each band; what was not received after the last of them is lost. -#}
{%- set entered = [none, 0] + band_days() -%}
{%- set lost_after, oldest = entered | last, band_names() | last -%}

with trend as (select * from {{ ref('rpt_aging_trend') }}),

collections as (select * from {{ ref('int_collections__by_due_date') }}),

-- The twelve months of due dates that have had all their days by each date: what was owed, what reached each band, what was lost.
histories as (
    select
        trend.as_of_date,
        trend.creditor,
        trend.currency,
        {% for days in entered %}
        sum(collections.owed_amount{% if days is not none %} - collections.received_{{ days }}{% endif %})
            as entered_{{ loop.index0 }},
        {% endfor %}
        sum(collections.owed_amount - collections.received_{{ lost_after }}) as lost_amount
    from (select distinct as_of_date, creditor, currency from trend) as trend
    inner join collections
        on collections.creditor = trend.creditor
        and collections.currency = trend.currency
        and collections.effective_due_date <= {{ add_days('trend.as_of_date', -1 - lost_after) }}
        and collections.effective_due_date > {{ add_days('trend.as_of_date', -366 - lost_after) }}
    group by trend.as_of_date, trend.creditor, trend.currency
),

balances as (
    select
        trend.*,
        histories.lost_amount,
        case trend.band_order
            {% for days in entered %}
            when {{ loop.index0 }} then histories.entered_{{ loop.index0 }}
            {% endfor %}
        end as entered_amount
    from trend
    left join histories
        on histories.as_of_date = trend.as_of_date
        and histories.creditor = trend.creditor
        and histories.currency = trend.currency
),

-- The oldest band is lost whole. So is a band that no debt of the history ever reached: there is nothing to trust it on.
rated as (
    select
        *,
        case
            when aging_band = '{{ oldest }}' then 1
            when entered_amount > 0 then {{ ratio('lost_amount', 'entered_amount') }}
            when entered_amount = 0 then 1
        end as loss_rate,
        case
            when open_amount = 0 then 0
            when aging_band = '{{ oldest }}' then open_amount
            when entered_amount > 0 then {{ proportion_of('open_amount', 'lost_amount', 'entered_amount') }}
            when entered_amount = 0 then open_amount
        end as allowance
    from balances
)

select
    {{ business_date() }} as business_date,
    as_of_date,
    months_back,
    is_business_date,
    creditor,
    currency,
    aging_band,
    band_order,
    {{ money('entered_amount') }} as entered_amount,
    {{ money('lost_amount') }} as lost_amount,
    cast(loss_rate as decimal(18, 4)) as loss_rate,
    {{ money('open_amount') }} as open_amount,
    {{ money('allowance') }} as allowance
from rated
