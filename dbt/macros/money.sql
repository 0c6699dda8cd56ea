{#-
    Exact arithmetic that gives the same digits on every engine. DuckDB divides decimals as floating point, so
    amounts become whole cents and rates whole millionths before anything is divided.
-#}

{% macro money(expression) -%}
    cast({{ expression }} as decimal(18, 2))
{%- endmacro %}

{% macro cents(amount) -%}
    {{ whole('(' ~ amount ~ ') * 100') }}
{%- endmacro %}

{% macro millionths(rate) -%}
    {{ whole('(' ~ rate ~ ') * 1000000') }}
{%- endmacro %}

{#- An exact whole number wide enough for cents x millionths x days. -#}
{% macro whole(expression) -%}
    {{ return(adapter.dispatch('whole')(expression)) }}
{%- endmacro %}

{% macro default__whole(expression) -%}
    cast({{ expression }} as decimal(38, 0))
{%- endmacro %}

{% macro duckdb__whole(expression) -%}
    cast({{ expression }} as hugeint)
{%- endmacro %}

{#- Whole number division, halves away from zero (ROUND_HALF_UP); the divisor is positive. -#}
{% macro divide_half_up(numerator, divisor) -%}
    {{ return(adapter.dispatch('divide_half_up')(numerator, divisor)) }}
{%- endmacro %}

{% macro duckdb__divide_half_up(numerator, divisor) -%}
    (sign({{ numerator }}) * ((2 * abs({{ numerator }}) + ({{ divisor }})) // (2 * ({{ divisor }}))))
{%- endmacro %}

{% macro postgres__divide_half_up(numerator, divisor) -%}
    (sign({{ numerator }}) * div(2 * abs({{ numerator }}) + ({{ divisor }}), 2 * ({{ divisor }})))
{%- endmacro %}

{#- There `div` gives a bigint and `sign` a double, so the remainder is taken off before an exact division of decimals. -#}
{% macro spark__divide_half_up(numerator, divisor) -%}
    {%- set doubled = '(2 * abs(' ~ numerator ~ ') + (' ~ divisor ~ '))' -%}
    {%- set twice = '(2 * (' ~ divisor ~ '))' -%}
    (
        case when {{ numerator }} < 0 then -1 else 1 end
        * cast(({{ doubled }} - {{ doubled }} % {{ twice }}) / {{ twice }} as decimal(38, 0))
    )
{%- endmacro %}

{% macro cents_to_money(cents) -%}
    cast(cast({{ cents }} as decimal(38, 0)) * 0.01 as decimal(18, 2))
{%- endmacro %}

{#- numerator / divisor as an exact decimal with four places; null when the divisor is zero or null. -#}
{% macro ratio(numerator, divisor) -%}
    cast(
        case
            when ({{ divisor }}) > 0
                then cast({{ divide_half_up('(' ~ whole('(' ~ numerator ~ ') * 100') ~ ' * 10000)', whole('(' ~ divisor ~ ') * 100')) }} as decimal(24, 0))
                    * 0.0001
        end as decimal(18, 4)
    )
{%- endmacro %}

{#- An approximate number, for roots and intervals; never for money. -#}
{% macro as_double(expression) -%}
    {{ return(adapter.dispatch('as_double')(expression)) }}
{%- endmacro %}

{% macro default__as_double(expression) -%}
    cast({{ expression }} as double precision)
{%- endmacro %}

{% macro spark__as_double(expression) -%}
    cast({{ expression }} as double)
{%- endmacro %}
