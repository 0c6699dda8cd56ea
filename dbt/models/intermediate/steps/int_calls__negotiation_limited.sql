with assigned as (select * from {{ ref('int_calls__assigned_to_agents') }}),

negotiation as (select * from {{ ref('stg_policy__negotiation') }}),

-- a creditor with limits of its own has none of the group's
owners as (
    select distinct only_creditor as creditor
    from negotiation
    where only_creditor is not null
),

offers as (
    select
        assigned.customer_key,
        negotiation.level,
        negotiation.max_discount_rate,
        negotiation.max_installments
    from assigned
    left join owners on assigned.creditor = owners.creditor
    inner join negotiation
        on coalesce(owners.creditor, '*') = coalesce(negotiation.only_creditor, '*')
        and negotiation.level in (assigned.level, '*')
        and assigned.days_past_due >= negotiation.from_day
        and assigned.days_past_due <= coalesce(negotiation.to_day, assigned.days_past_due)
),

-- the limit of the debt's age for the agent's level, else for every level
by_age as (
    {{ first_rows('offers', per=['customer_key'], order_by=["(level = '*')"]) }}
),

-- calls on the reserve list have no limits until an agent takes the case
limited as (
    select
        assigned.customer_key,
        least(assigned.max_discount_rate, by_age.max_discount_rate) as max_discount_rate,
        least(assigned.max_installments, by_age.max_installments) as max_installments
    from assigned
    left join by_age on assigned.customer_key = by_age.customer_key
    where assigned.level is not null
)

select * from limited
