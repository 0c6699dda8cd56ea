{#-
    The first row of each key in a fixed order: `select <columns>` of a relation, one row for each combination of the `per`
    columns. Say where nulls stand for every ordering column that may be null, and end with a column that breaks ties.
-#}
{% macro first_rows(relation, per, order_by, columns=['*'], where=none) -%}
    {{ return(adapter.dispatch('first_rows')(relation, per, order_by, columns, where)) }}
{%- endmacro %}

{#- DuckDB and PostgreSQL keep the first row while they sort or hash, without numbering the others. -#}
{% macro default__first_rows(relation, per, order_by, columns, where) -%}
    select distinct on ({{ per | join(', ') }})
        {{ columns | join(',\n        ') }}
    from {{ relation }}
    {%- if where %}
    where {{ where }}
    {%- endif %}
    order by {{ (per + order_by) | join(', ') }}
{%- endmacro %}

{% macro spark__first_rows(relation, per, order_by, columns, where) -%}
    {%- set all = columns == ['*'] -%}
    select {{ '* except (row_of_key)' if all else columns | join(', ') }}
    from (
        select
            *,
            row_number() over (partition by {{ per | join(', ') }} order by {{ order_by | join(', ') }}) as row_of_key
        from {{ relation }}
        {%- if where %}
        where {{ where }}
        {%- endif %}
    ) as numbered
    where row_of_key = 1
{%- endmacro %}

{#- Whether one of these columns is empty. -#}
{% macro any_is_null(columns) -%}
    {{ columns | join(' is null or ') }} is null
{%- endmacro %}

{#- How many rows of a group have one of these columns empty. -#}
{% macro rows_with_an_empty(columns) -%}
    count(case when {{ any_is_null(columns) }} then 1 end)
{%- endmacro %}
