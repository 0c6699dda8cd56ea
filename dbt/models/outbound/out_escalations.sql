{#- Reasons of a receivable itself, whatever its payer's decision is. -#}
{%- set own_reasons = "'" ~ ['agreement_broken', 'prescribed', 'hold_reversal'] | join("', '") ~ "'" -%}

with decisions as (select * from {{ ref('fct_decisions') }}),

customers as (select * from {{ ref('int_customers__unified') }}),

payers as (select * from {{ ref('int_customers__decided') }}),

-- the régua has ended or was changed, it cannot go on because no one can be reached, an agreement was broken, the debt is
-- prescribed, or more was given back than is known to have been paid
cases as (
    select
        decisions.business_date,
        decisions.customer_key,
        decisions.currency,
        decisions.open_amount,
        decisions.amount_due,
        decisions.days_past_due,
        case when decisions.reason in ({{ own_reasons }}) then decisions.reason else payers.reason end as reason,
        coalesce(payers.policy_version, decisions.policy_version) as policy_version
    from decisions
    left join payers on decisions.customer_key = payers.customer_key
    where
        decisions.decision = 'escalate'
        or (
            decisions.decision = 'none'
            and decisions.reason in ('no_contact_data', 'no_email', 'invalid_email', 'refused_email', 'delivery_unknown')
            and decisions.days_past_due > 0
        )
        or decisions.reason in ({{ own_reasons }})
),

escalated as (
    select
        business_date,
        customer_key,
        currency,
        reason,
        max(policy_version) as policy_version,
        cast(count(*) as integer) as receivables,
        {{ money('sum(open_amount)') }} as open_amount,
        {{ money('sum(amount_due)') }} as amount_due,
        cast(max(days_past_due) as integer) as days_past_due
    from cases
    group by business_date, customer_key, currency, reason
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
