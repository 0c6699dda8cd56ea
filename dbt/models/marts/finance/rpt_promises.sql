-- noqa: disable=LT02
with promises as ({{ by_book(ref('fct_promises')) }}),

months as (
    select
        {{ month_start('made_on') }} as made_month,
        book as creditor,
        currency,
        count(*) as promises,
        sum(amount) as promised_amount,
        sum(paid_amount) as paid_amount,
        {% for state in ['open', 'kept', 'partial', 'broken'] %}
        count(case when state = '{{ state }}' then 1 end) as {{ state }}_promises,
        sum(case when state = '{{ state }}' then amount else 0 end) as {{ state }}_amount{{ ',' if not loop.last }}
        {% endfor %}
    from promises
    group by {{ month_start('made_on') }}, book, currency
)

select
    {{ business_date() }} as business_date,
    made_month,
    creditor,
    currency,
    cast(promises as bigint) as promises,
    {{ money('promised_amount') }} as promised_amount,
    {{ money('coalesce(paid_amount, 0)') }} as paid_amount,
    {% for state in ['open', 'kept', 'partial', 'broken'] %}
    cast({{ state }}_promises as bigint) as {{ state }}_promises,
    {{ money(state ~ '_amount') }} as {{ state }}_amount,
    {% endfor %}
    {{ ratio('kept_promises', 'kept_promises + partial_promises + broken_promises') }} as kept_rate,
    {{ ratio('kept_amount', 'kept_amount + partial_amount + broken_amount') }} as kept_amount_rate
from months
