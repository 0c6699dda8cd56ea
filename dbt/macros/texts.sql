{#- Values as text, and several of them as one. -#}

{% macro as_text(expression) -%}
    {{ return(adapter.dispatch('as_text')(expression)) }}
{%- endmacro %}

{% macro default__as_text(expression) -%}
    cast({{ expression }} as text)
{%- endmacro %}

{% macro spark__as_text(expression) -%}
    cast({{ expression }} as string)
{%- endmacro %}

{#- The texts of a group in a fixed order, joined; nulls are left out, and nothing at all gives null. -#}
{% macro joined_text(expression, separator, order_by) -%}
    {{ return(adapter.dispatch('joined_text')(expression, separator, order_by)) }}
{%- endmacro %}

{% macro default__joined_text(expression, separator, order_by) -%}
    string_agg({{ expression }}, '{{ separator }}' order by {{ order_by }})
{%- endmacro %}

{% macro spark__joined_text(expression, separator, order_by) -%}
    listagg({{ expression }}, '{{ separator }}') within group (order by {{ order_by }})
{%- endmacro %}

{#- A whole number as lowercase hexadecimal digits, as many as told, so that it compares with the digits of a digest. -#}
{% macro hex_digits(number, digits) -%}
    {{ return(adapter.dispatch('hex_digits')(number, digits)) }}
{%- endmacro %}

{% macro default__hex_digits(number, digits) -%}
    lpad(lower(to_hex(cast({{ number }} as bigint))), {{ digits }}, '0')
{%- endmacro %}

{% macro spark__hex_digits(number, digits) -%}
    lpad(lower(hex(cast({{ number }} as bigint))), {{ digits }}, '0')
{%- endmacro %}

{#- Whether a list of values with commas between them holds this one; null where there is no list. -#}
{% macro list_holds(list, value) -%}
    ',' || {{ list }} || ',' like '%,' || {{ value }} || ',%'
{%- endmacro %}
