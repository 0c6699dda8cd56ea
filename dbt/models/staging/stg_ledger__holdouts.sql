with source as (select * from {{ source('raw', 'holdouts') }})

select
    business_date as held_out_on,
    customer_key,
    coalesce(creditor, 'principal') as creditor,
    episode_key,
    step,
    step_offset,
    channel,
    policy_version
from source
where business_date < {{ business_date() }}
