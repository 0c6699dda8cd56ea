{#- On DuckDB a view or a table is replaced in one statement. dbt makes it under another name, looks for keys and indexes (there are
    none), moves the old one away and renames both: that takes longer than most of these models, which are many and small. -#}
{% macro replace_relation(kind) -%}
    {%- set target_relation = this.incorporate(type=kind) -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks) }}
    {%- if existing is not none and existing.type != kind %}{{ adapter.drop_relation(existing) }}{% endif %}
    {% call statement('main') -%}
        create or replace {{ kind }} {{ target_relation }} as (
            {{ sql }}
        )
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{%- endmacro %}

{% materialization view, adapter='duckdb' %}
    {{ return(replace_relation('view')) }}
{% endmaterialization %}

{% materialization table, adapter='duckdb' %}
    {{ return(replace_relation('table')) }}
{% endmaterialization %}
