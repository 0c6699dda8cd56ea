with decisions as (
    select * from {{ ref('fct_decisions') }}
),

customers as (
    select * from {{ ref('int_customers__unified') }}
),

payers as (
    select * from {{ ref('int_customers__decided') }}
),

-- the régua has ended or was changed, or it cannot go on because nobody can be reached
escalated as (
    select
        decisions.business_date,
        decisions.customer_key,
        decisions.currency,
        payers.reason,
        payers.policy_version,
        cast(count(*) as integer) as receivables,
        {{ money('sum(decisions.open_amount)') }} as open_amount,
        {{ money('sum(decisions.amount_due)') }} as amount_due,
        cast(max(decisions.days_past_due) as integer) as days_past_due
    from decisions
    inner join payers on decisions.customer_key = payers.customer_key
    where
        decisions.decision = 'escalate'
        or (decisions.reason = 'no_contact_data' and decisions.days_past_due > 0)
    group by decisions.business_date, decisions.customer_key, decisions.currency, payers.reason, payers.policy_version
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
