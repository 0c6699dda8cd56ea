-- noqa: disable=LT02
with events as (select * from {{ ref('int_contacts__remapped') }}),

counted as (
    select
        customer_key,
        max(case when is_done or is_unsettled then happened_on end) as last_contacted_on,
        {%- for days in [7, 30] %}
        cast(sum(case when is_attempt and happened_on > {{ add_days(business_date(), -days) }} then 1 else 0 end) as integer)
            as contacts_in_{{ days }}_days{{ ',' if not loop.last }}
        {%- endfor %}
    from events
    group by customer_key
)

select * from counted
