{#-
    A version and a régua of it as one text: '2026-01' for the general régua, '2026-01/empresas' for a segment's own, and
    '2026-01/clube/*' for that of the creditor clube, so that each record of the version (message, call, hold-out) keeps the régua too.
-#}
{% macro versioned_regua(policy_version, regua) -%}
    {{ policy_version }} || case when {{ regua }} = '*' then '' else '/' || {{ regua }} end
{%- endmacro %}

{#- The régua's name in such a text; null where no version was kept. -#}
{% macro regua_of(policy_version) -%}
    case when {{ policy_version }} is not null then coalesce(nullif(substr({{ policy_version }}, length(split_part({{ policy_version }}, '/', 1)) + 2), ''), '*') end
{%- endmacro %}

{#-
    The régua that a payer of a segment follows for a creditor: the creditor's own for the segment or in general, else the
    group's. Its joins come before it; both read reguas, the names of the réguas in force.
-#}
{% macro joined_reguas(creditor, segment) -%}
    left join reguas as own_segments on {{ creditor }} || '/' || {{ segment }} = own_segments.regua
    left join reguas as own_generals on {{ creditor }} || '/*' = own_generals.regua
    left join reguas as segments on {{ segment }} = segments.regua
{%- endmacro %}

{% macro followed_regua() -%}
    coalesce(own_segments.regua, own_generals.regua, segments.regua, '*')
{%- endmacro %}

{#- A régua's name without its creditor's. A debt goes on under the creditor's own as under a new version of the group's. -#}
{% macro regua_segment(regua, creditor) -%}
    case
        when substr({{ regua }}, 1, length({{ creditor }}) + 1) = {{ creditor }} || '/'
            then substr({{ regua }}, length({{ creditor }}) + 2)
        else {{ regua }}
    end
{%- endmacro %}

{#- Whether a step is for a payer: for its class, and for what the forecast expects of it, if it has a record of its own. -#}
{% macro fits_payer(step, payer) -%}
    (
        ({{ step }}.only_classes is null or {{ list_holds(step ~ '.only_classes', payer ~ '.payer_class') }})
        and (
            not coalesce({{ payer }}.is_forecast_founded, true)
            or coalesce(
                {{ payer }}.late_probability >= {{ step }}.minimum_late_probability
                and {{ payer }}.seriously_late_probability <= {{ step }}.maximum_serious_probability,
                true
            )
        )
    )
{%- endmacro %}

{#- Whether a step is a legal notice that lies within what a debt has heard by now, so that it was taken or only named over. -#}
{% macro is_notice_named_over(last_offset) -%}
    steps.is_legal_notice and steps.step_offset <= {{ last_offset }}
{%- endmacro %}
