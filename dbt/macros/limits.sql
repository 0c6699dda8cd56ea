{#- How often people may be contacted: one rule for reminders, calls and thanks. -#}

{#- A payer's contacts as the limits count them; of rows with happened_on, is_done, is_unsettled and is_attempt. -#}
{% macro contact_counts() -%}
    max(case when is_done or is_unsettled then happened_on end) as last_contacted_on,
    {%- for days in [7, 30] %}
    cast(sum(case when is_attempt and happened_on > {{ add_days(business_date(), -days) }} then 1 else 0 end) as integer)
        as contacts_in_{{ days }}_days{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Why nobody may contact a payer tonight, whatever for; null where somebody may. Reads placed, contacted (with the columns of
    contact_counts) and limits. -#}
{% macro contact_limit() -%}
    case
        when not placed.is_contact_day then 'no_contact_day'
        when {{ days_between('contacted.last_contacted_on', business_date()) }} < limits.minimum_interval_days
            then 'waiting_interval'
        when contacted.contacts_in_7_days >= limits.maximum_per_7_days then 'frequency_cap'
        when contacted.contacts_in_30_days >= limits.maximum_per_30_days then 'frequency_cap'
    end
{%- endmacro %}
