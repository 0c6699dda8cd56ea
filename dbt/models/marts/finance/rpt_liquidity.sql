{%- set horizons = [0, 30, 60, 90] -%}

-- noqa: disable=LT02
with collections as (select * from {{ ref('int_collections__by_due_date') }}),

cohorts as (
    select
        creditor,
        currency,
        {{ month_start('effective_due_date') }} as due_month,
        least({{ add_days(add_months(month_start('effective_due_date'), 1), -1) }}, {{ business_date() }}) as last_due_on,
        sum(receivables) as receivables,
        sum(owed_amount) as owed_amount,
        {% for days in horizons %}
        sum(received_{{ days }}) as received_{{ days }}{{ ',' if not loop.last }}
        {% endfor %}
    from collections
    where effective_due_date >= {{ add_months(month_start(business_date()), -12) }}
    group by creditor, currency, {{ month_start('effective_due_date') }}
)

-- A share is shown once a debt due on the month's last day has had all of its days.
select
    {{ business_date() }} as business_date,
    due_month,
    creditor,
    currency,
    cast(receivables as bigint) as receivables,
    {{ money('owed_amount') }} as owed_amount,
    {% for days in horizons %}
    {%- set is_ripe = add_days('last_due_on', days) ~ ' <= ' ~ business_date() %}
    {{ money('case when ' ~ is_ripe ~ ' then received_' ~ days ~ ' end') }} as received_{{ days }},
    {{ ratio('case when ' ~ is_ripe ~ ' then received_' ~ days ~ ' end', 'owed_amount') }}
        as liquidity_{{ days }}{{ ',' if not loop.last }}
    {% endfor %}
from cohorts
