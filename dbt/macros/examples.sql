{#- What an example of a unit test leaves out of a row. -#}

{#- dbt's own macro, which fills columns that a row leaves out with null; a row that names no creditor is of the one there is. -#}
{% macro get_fixture_sql(rows, column_name_to_data_types) -%}
    {%- set named = [] -%}
    {%- if rows and 'creditor' in (adapter.get_columns_in_relation(this) | map(attribute='name') | list) -%}
        {%- for row in rows -%}
            {%- do named.append(dict({'creditor': 'principal'}, **row)) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(dbt.get_fixture_sql(named or rows, column_name_to_data_types)) }}
{%- endmacro %}
