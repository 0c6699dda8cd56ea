{#- Dates. The business date is the only "today" that a model may know. -#}

{% macro business_date() -%}
    {%- if execute and not var('business_date') -%}
        {{ exceptions.raise_compiler_error("give the night: --vars '{business_date: 2026-11-18}'") }}
    {%- endif -%}
    cast('{{ var("business_date") }}' as date)
{%- endmacro %}

{#- Whole days from a to b; negative when b comes first. -#}
{% macro days_between(a, b) -%}
    cast(({{ b }}) - ({{ a }}) as integer)
{%- endmacro %}

{% macro add_days(day, days) -%}
    cast(({{ day }}) + cast(({{ days }}) as integer) as date)
{%- endmacro %}

{% macro add_months(day, months) -%}
    cast(({{ day }}) + ({{ months }}) * interval '1 month' as date)
{%- endmacro %}

{% macro month_start(day) -%}
    cast(date_trunc('month', {{ day }}) as date)
{%- endmacro %}

{#- The calendar's name of a city, such as SP/SAO PAULO; the same as cobranca.calendar.place_of. -#}
{% macro city_place(state, city) -%}
    {{ state }} || '/' || upper(translate(
        trim({{ city }}), 'áàâãäéèêëíìîïóòôõöúùûüçñÁÀÂÃÄÉÈÊËÍÌÎÏÓÒÔÕÖÚÙÛÜÇÑ', 'aaaaaeeeeiiiiooooouuuucnAAAAAEEEEIIIIOOOOOUUUUCN'
    ))
{%- endmacro %}
