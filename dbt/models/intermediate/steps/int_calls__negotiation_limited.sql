{%- set columns = 'customer_key, creditor, days_past_due, level, max_discount_rate, max_installments' -%}

with calls as (
    select {{ columns }} from {{ ref('int_calls__assigned_to_agents') }}

    union all

    select {{ columns }} from {{ ref('int_calls__joined') }}
),

negotiation as (select * from {{ ref('stg_policy__negotiation') }}),

-- a creditor with limits of its own has none of the group's
owners as (
    select distinct only_creditor as creditor
    from negotiation
    where only_creditor is not null
),

offers as (
    select
        calls.customer_key,
        calls.creditor,
        negotiation.level,
        negotiation.max_discount_rate,
        negotiation.max_installments
    from calls
    left join owners on calls.creditor = owners.creditor
    inner join negotiation
        on coalesce(owners.creditor, '*') = coalesce(negotiation.only_creditor, '*')
        and negotiation.level in (calls.level, '*')
        and calls.days_past_due >= negotiation.from_day
        and calls.days_past_due <= coalesce(negotiation.to_day, calls.days_past_due)
),

-- the limit of the debt's age for the agent's level, else for every level
by_age as (
    {{ first_rows('offers', per=['customer_key', 'creditor'], order_by=["(level = '*')"]) }}
),

-- calls on the reserve list have no limits until an agent takes the case
limited as (
    select
        calls.customer_key,
        calls.creditor,
        least(calls.max_discount_rate, by_age.max_discount_rate) as max_discount_rate,
        least(calls.max_installments, by_age.max_installments) as max_installments
    from calls
    left join by_age on {{ same_account('calls', 'by_age') }}
    where calls.level is not null
)

select * from limited
