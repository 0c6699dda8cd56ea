{#-
    A version and a régua of it as one text: '2026-01' for the general régua, '2026-01/empresas' for a segment's own, so
    that each record of the version (message, call, hold-out) keeps the régua too.
-#}
{% macro versioned_regua(policy_version, regua) -%}
    {{ policy_version }} || case when {{ regua }} = '*' then '' else '/' || {{ regua }} end
{%- endmacro %}

{#- The régua's name in such a text; null where no version was kept. -#}
{% macro regua_of(policy_version) -%}
    case when {{ policy_version }} is not null then coalesce(nullif(split_part({{ policy_version }}, '/', 2), ''), '*') end
{%- endmacro %}

{#- Whether a step is a legal notice that lies within what a debt has heard by now, so that it was taken or only named over. -#}
{% macro is_notice_named_over(last_offset) -%}
    steps.is_legal_notice and steps.step_offset <= {{ last_offset }}
{%- endmacro %}
