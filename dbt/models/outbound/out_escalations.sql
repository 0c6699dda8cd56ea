with cases as (select * from {{ ref('int_receivables__escalated') }}),

customers as (select * from {{ ref('int_customers__unified') }}),

per_reason as (
    select
        customer_key,
        creditor,
        currency,
        reason,
        responsible,
        reason_order,
        count(*) as receivables,
        sum(open_amount) as open_amount,
        sum(amount_due) as amount_due,
        max(days_past_due) as days_past_due,
        min(since_on) as since_on,
        max(policy_version) as policy_version
    from cases
    group by customer_key, creditor, currency, reason, responsible, reason_order
),

main_reasons as (
    {{ first_rows('per_reason', per=['customer_key', 'creditor', 'currency'], order_by=['reason_order', 'reason']) }}
),

summed as (
    select
        customer_key,
        creditor,
        currency,
        cast(sum(receivables) as integer) as receivables,
        {{ money('sum(open_amount)') }} as open_amount,
        {{ money('sum(amount_due)') }} as amount_due,
        cast(max(days_past_due) as integer) as days_past_due,
        min(since_on) as since_on,
        {{ joined_text('reason', ',', order_by='reason_order, reason') }} as reasons,
        max(policy_version) as policy_version
    from per_reason
    group by customer_key, creditor, currency
)

select
    {{ business_date() }} as business_date,
    summed.customer_key,
    summed.creditor,
    customers.customer_name,
    main_reasons.reason,
    summed.currency,
    summed.receivables,
    summed.open_amount,
    summed.amount_due,
    summed.days_past_due,
    summed.policy_version,
    summed.reasons,
    summed.since_on,
    main_reasons.responsible
from summed
inner join main_reasons
    on {{ same_account('summed', 'main_reasons') }}
    and summed.currency = main_reasons.currency
inner join customers on summed.customer_key = customers.customer_key
