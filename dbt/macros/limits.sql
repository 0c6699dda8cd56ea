{#- How often people may be contacted: one rule for reminders, calls and thanks. -#}

{#- Why a payer may not be contacted tonight, whatever for; null where it may. Reads placed, contacted (with the columns of
    int_customers__contacts_counted) and limits. -#}
{% macro contact_limit() -%}
    case
        when not placed.is_contact_day then 'no_contact_day'
        when {{ days_between('contacted.last_contacted_on', business_date()) }} < limits.minimum_interval_days
            then 'waiting_interval'
        when contacted.contacts_in_7_days >= limits.maximum_per_7_days then 'frequency_cap'
        when contacted.contacts_in_30_days >= limits.maximum_per_30_days then 'frequency_cap'
    end
{%- endmacro %}
