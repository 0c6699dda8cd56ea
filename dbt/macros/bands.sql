{#- Aging bands by days past due; a receivable due on the business date is not past due. -#}
{% macro aging_band(days_past_due) -%}
    case
        when {{ days_past_due }} <= 0 then 'not_due'
        when {{ days_past_due }} <= 30 then '1-30'
        when {{ days_past_due }} <= 60 then '31-60'
        when {{ days_past_due }} <= 90 then '61-90'
        when {{ days_past_due }} <= 180 then '91-180'
        else '181+'
    end
{%- endmacro %}
