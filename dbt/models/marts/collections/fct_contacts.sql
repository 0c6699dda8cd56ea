with contacts as (select * from {{ ref('int_contacts__unioned') }})

select
    {{ business_date() }} as business_date,
    contact_key,
    contacted_on,
    customer_key,
    creditor,
    episode_key,
    step,
    step_offset,
    channel,
    template,
    policy_version,
    state,
    state_reason,
    outcome_code,
    agent_id,
    is_done,
    is_unsettled
from contacts
