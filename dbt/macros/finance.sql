{#- Pieces that several finance reports share. -#}

{#- amount x factor / divisor as exact days (or per cent) with two places; null when the divisor is not positive. -#}
{% macro scaled_ratio(amount, factor, divisor) -%}
    cast(
        case
            when ({{ divisor }}) > 0
                then cast({{ divide_half_up('(' ~ cents(amount) ~ ' * ' ~ whole('(' ~ factor ~ ') * 100') ~ ')', cents(divisor)) }} as decimal(24, 0))
                    * 0.01
        end as decimal(18, 2)
    )
{%- endmacro %}

{#- amount x part / whole, rounded to the cent once, at the end; null when the whole is not positive. -#}
{% macro proportion_of(amount, part, total) -%}
    case
        when ({{ total }}) > 0
            then {{ cents_to_money(divide_half_up('(' ~ cents(amount) ~ ' * ' ~ cents(part) ~ ')', cents(total))) }}
    end
{%- endmacro %}


{#- The rows of a relation with a column `creditor`, each once for every book that it stands in. #}
{% macro by_book(relation) -%}
    select
        entries.*,
        books.book
    from {{ relation }} as entries
    inner join {{ ref('int_books') }} as books on entries.creditor = books.creditor
{%- endmacro %}
