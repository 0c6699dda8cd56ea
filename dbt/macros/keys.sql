{#-
    One payer across sources by normalised tax id, else by the source's own id. The key is opaque (80 bits of a
    digest), so it may stand in logs and file names where a tax id may not.
-#}
{% macro customer_key(tax_id, source, customer_id) -%}
    'C' || substr(md5(coalesce('tax:' || {{ tax_id }}, 'own:' || {{ source }} || ':' || {{ customer_id }})), 1, 20)
{%- endmacro %}

{#-
    What joins a payer's accounts: the tax id; for a company its first eight characters alone, which all its branches
    share, where the policy groups branches.
-#}
{% macro payer_tax_id(tax_id, group_company_branches) -%}
    case
        when {{ group_company_branches }} and length({{ tax_id }}) = 14 then substr({{ tax_id }}, 1, 8)
        else {{ tax_id }}
    end
{%- endmacro %}

{#- Whether two rows are of one payer and one creditor: what is owed, promised and said stays between the two. -#}
{% macro same_account(left, right) -%}
    {{ left }}.customer_key = {{ right }}.customer_key and {{ left }}.creditor = {{ right }}.creditor
{%- endmacro %}

{#- A payer's account with a creditor as one text. -#}
{% macro account(row) -%}
    {{ row }}.customer_key || '/' || {{ row }}.creditor
{%- endmacro %}

{#- Enough to confirm an identity, too little to copy. -#}
{% macro masked_tax_id(tax_id) -%}
    case length({{ tax_id }})
        when 11 then '***.' || substr({{ tax_id }}, 4, 3) || '.' || substr({{ tax_id }}, 7, 3) || '-**'
        when 14
            then '**.' || substr({{ tax_id }}, 3, 3) || '.' || substr({{ tax_id }}, 6, 3)
                || '/' || substr({{ tax_id }}, 9, 4) || '-**'
    end
{%- endmacro %}

{% macro receivable_key(source, receivable_id) -%}
    {{ source }} || ':' || {{ receivable_id }}
{%- endmacro %}

{#- One message per customer, creditor, channel and night. The creditor that was there before there were several stays unnamed. -#}
{% macro message_key(customer_key, creditor, channel) -%}
    'M' || substr(md5(
        '{{ night() }}' || '|' || {{ customer_key }} || '|'
        || case when {{ creditor }} = 'principal' then '' else {{ creditor }} || '|' end || {{ channel }}
    ), 1, 24)
{%- endmacro %}

{#- How an address is recognised without being kept: SHA-256 in hexadecimal, as cobranca.ledger.address_digest.digest. -#}
{% macro address_digest(address) -%}
    {{ return(adapter.dispatch('address_digest')(address)) }}
{%- endmacro %}

{% macro postgres__address_digest(address) -%}
    encode(sha256(convert_to(lower(trim({{ address }})), 'UTF8')), 'hex')
{%- endmacro %}

{% macro duckdb__address_digest(address) -%}
    sha256(lower(trim({{ address }})))
{%- endmacro %}

{% macro spark__address_digest(address) -%}
    sha2(lower(trim({{ address }})), 256)
{%- endmacro %}

{#- Enough of the digest to see that two addresses differ, too little to find one; as cobranca.ledger.address_digest.address_mark. -#}
{% macro address_mark(address) -%}
    substr({{ address_digest(address) }}, 1, 4)
{%- endmacro %}

{#- What was recorded under a key on a day, joined to every payer for which it holds tonight by int_customer_keys__remapped as renamed. -#}
{% macro is_renamed(recorded_key, day) -%}
    {{ recorded_key }} = renamed.former_key and {{ day }} between renamed.from_on and renamed.until_on
{%- endmacro %}
