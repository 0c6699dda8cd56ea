{#- More payers than this are sampled: thousands tell how good the ranking is, millions only cost more. -#}
{%- set payers = 5000 -%}

with customers as (
    select customer_key from {{ ref('int_customers__unified') }}
),

-- keys are digests, so their first digits are a fair and repeatable draw
sampling as (
    select
        count(*) <= {{ payers }} as is_everybody,
        {{ hex_digits(
            divide_half_up(whole(payers * 1048576), whole('greatest(count(*), ' ~ (payers + 1) ~ ')')), 5
        ) }} as limit_digits
    from customers
),

sampled as (
    select customers.customer_key
    from customers
    cross join sampling
    where
        sampling.is_everybody
        or substr(customers.customer_key, 2, 5) < sampling.limit_digits
)

select * from sampled
