{#-
    One payer across sources by normalised tax id, else by the source's own id. The key is opaque (80 bits of a
    digest), so it may stand in logs and file names where a tax id may not.
-#}
{% macro customer_key(tax_id, source, customer_id) -%}
    'C' || substr(md5(coalesce('tax:' || {{ tax_id }}, 'own:' || {{ source }} || ':' || {{ customer_id }})), 1, 20)
{%- endmacro %}

{% macro receivable_key(source, receivable_id) -%}
    {{ source }} || ':' || {{ receivable_id }}
{%- endmacro %}

{#- One message per customer, channel and night. -#}
{% macro message_key(customer_key, channel) -%}
    'M' || substr(md5('{{ var("business_date") }}' || '|' || {{ customer_key }} || '|' || {{ channel }}), 1, 24)
{%- endmacro %}
