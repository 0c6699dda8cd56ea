with decisions as (
    select * from {{ ref('fct_decisions') }}
),

customers as (
    select * from {{ ref('int_customers__unified') }}
),

-- the régua has ended, or it cannot go on because nobody can be reached
escalated as (
    select
        business_date,
        customer_key,
        currency,
        reason,
        policy_version,
        cast(count(*) as integer) as receivables,
        {{ money('sum(open_amount)') }} as open_amount,
        {{ money('sum(amount_due)') }} as amount_due,
        cast(max(days_past_due) as integer) as days_past_due
    from decisions
    where
        decision = 'escalate'
        or (reason = 'no_contact_data' and days_past_due > 0)
    group by business_date, customer_key, currency, reason, policy_version
)

select
    escalated.business_date,
    escalated.customer_key,
    customers.customer_name,
    escalated.reason,
    escalated.currency,
    escalated.receivables,
    escalated.open_amount,
    escalated.amount_due,
    escalated.days_past_due,
    escalated.policy_version
from escalated
inner join customers on escalated.customer_key = customers.customer_key
