{#- Limits that several models apply. -#}

{#- Whether a payment of the due date may not have been seen yet: a boleto paid on its due date reaches the creditor a bank day later,
    and its file the night after. Both are rows of stg_policy__calendar; reads limits. -#}
{% macro is_clearing(day_before, due_day) -%}
    {{ day_before }}.bank_day_number - {{ due_day }}.bank_day_number < limits.clearing_bank_days
{%- endmacro %}

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
