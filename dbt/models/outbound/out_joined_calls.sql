with joined as (select * from {{ ref('int_calls__joined') }}),

limits as (select * from {{ ref('int_calls__negotiation_limited') }})

select
    {{ business_date() }} as business_date,
    joined.message_key,
    joined.customer_key,
    joined.creditor,
    joined.agent_id,
    joined.currency,
    joined.receivables,
    joined.open_amount,
    joined.amount_due,
    joined.credit_applied,
    joined.oldest_due_date,
    joined.days_past_due,
    joined.aging_band,
    joined.episode_key,
    joined.step,
    joined.step_offset,
    joined.template,
    joined.policy_version,
    limits.max_discount_rate,
    limits.max_installments
from joined
left join limits on {{ same_account('joined', 'limits') }}
