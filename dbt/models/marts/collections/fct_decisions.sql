with decisions as (
    select * from {{ ref('int_receivables__decided') }}
)

select
    {{ business_date() }} as business_date,
    source,
    receivable_id,
    receivable_key,
    customer_key,
    currency,
    open_amount,
    amount_due,
    days_past_due,
    decision,
    reason,
    step,
    step_offset,
    channel,
    template,
    policy_version,
    payer_class,
    episode_key,
    message_key,
    superseded_steps,
    regua,
    score,
    hold_until,
    last_offset,
    last_step_on,
    last_contacted_on,
    contacts_in_7_days,
    contacts_in_30_days,
    considered_amount,
    required_amount
from decisions
