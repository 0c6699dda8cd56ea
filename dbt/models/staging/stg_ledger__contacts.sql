with source as (select * from {{ source('raw', 'contacts') }})

select
    message_key,
    business_date as contacted_on,
    customer_key,
    coalesce(creditor, 'principal') as creditor,
    episode_key,
    step,
    step_offset,
    channel,
    template,
    policy_version,
    address_mark,
    state,
    state_reason
from source
where business_date < {{ business_date() }}
