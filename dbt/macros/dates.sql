{#- Dates. The business date is the only "today" that a model may know. -#}

{% macro business_date() -%}
    cast('{{ night() }}' as date)
{%- endmacro %}

{#-
    The night as text. It comes from the environment while models run, and not as a variable of dbt's command: dbt would read
    the whole project anew whenever the date changes. Unit tests set the variable.
-#}
{% macro night() -%}
    {%- set day = var('business_date') or (env_var('COBRANCA_BUSINESS_DATE', '') if execute else 'unknown') -%}
    {%- if not day -%}
        {{ exceptions.raise_compiler_error("give the night: COBRANCA_BUSINESS_DATE=2026-11-18") }}
    {%- endif -%}
    {{ return(day) }}
{%- endmacro %}

{#- Whole days from a to b; negative when b comes first. -#}
{% macro days_between(a, b) -%}
    {{ return(adapter.dispatch('days_between')(a, b)) }}
{%- endmacro %}

{% macro default__days_between(a, b) -%}
    cast(({{ b }}) - ({{ a }}) as integer)
{%- endmacro %}

{% macro spark__days_between(a, b) -%}
    datediff({{ b }}, {{ a }})
{%- endmacro %}

{% macro add_days(day, days) -%}
    {{ return(adapter.dispatch('add_days')(day, days)) }}
{%- endmacro %}

{% macro default__add_days(day, days) -%}
    cast(({{ day }}) + cast(({{ days }}) as integer) as date)
{%- endmacro %}

{% macro spark__add_days(day, days) -%}
    date_add({{ day }}, cast(({{ days }}) as integer))
{%- endmacro %}

{#- The same day of another month, or its last day where it is shorter. -#}
{% macro add_months(day, months) -%}
    {{ return(adapter.dispatch('add_months')(day, months)) }}
{%- endmacro %}

{% macro default__add_months(day, months) -%}
    cast(({{ day }}) + ({{ months }}) * interval '1 month' as date)
{%- endmacro %}

{% macro spark__add_months(day, months) -%}
    add_months({{ day }}, {{ months }})
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
