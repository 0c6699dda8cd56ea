{#- On DuckDB a view is replaced in one statement, half the time of making it under another name, moving the old one away and
    renaming both, as dbt does; there are many views, and each is small. -#}
{% materialization view, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks) }}
    {%- if existing is not none and not existing.is_view %}{{ adapter.drop_relation(existing) }}{% endif %}
    {% call statement('main') -%}
        {{ get_create_view_as_sql(target_relation, sql) | replace('create view', 'create or replace view') }}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
