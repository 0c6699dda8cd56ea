{#- Aging bands by days past due, each named once: here for SQL, in cobranca.aging for Python. -#}

{#-
    The last day past due of each band but the oldest, as the policy of the night has them. They come from the environment
    while models run, as the night itself does, so that dbt need not read the whole project anew when they change.
-#}
{% macro band_days() -%}
    {%- set days = env_var('COBRANCA_BAND_DAYS', '') if execute else '1' -%}
    {%- if not days -%}
        {{ exceptions.raise_compiler_error("give the aging bands' last days: COBRANCA_BAND_DAYS=30,60,90,180") }}
    {%- endif -%}
    {{ return(days.split(',') | map('int') | list) }}
{%- endmacro %}

{#- The bands in their order. -#}
{% macro band_names() -%}
    {%- set names, first = ['not_due'], namespace(day=1) -%}
    {%- for until in band_days() -%}
        {%- do names.append(first.day ~ '-' ~ until) -%}
        {%- set first.day = until + 1 -%}
    {%- endfor -%}
    {%- do names.append(first.day ~ '+') -%}
    {{ return(names) }}
{%- endmacro %}

{#- The band of so many days past due; a receivable due on the business date is not past due. -#}
{% macro aging_band(days_past_due) -%}
    case
        {%- for last_day in [0] + band_days() %}
        when {{ days_past_due }} <= {{ last_day }} then '{{ band_names()[loop.index0] }}'
        {%- endfor %}
        else '{{ band_names() | last }}'
    end
{%- endmacro %}

{#- The bands as rows: aging_band, band_order. -#}
{% macro aging_bands() -%}
    {%- for band in band_names() %}
    select '{{ band }}' as aging_band, {{ loop.index0 }} as band_order
    {%- if not loop.last %} union all{% endif %}
    {%- endfor %}
{%- endmacro %}
