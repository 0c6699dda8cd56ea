with foreseen as (select * from {{ ref('int_steps__next_step_projected') }})

select
    {{ business_date() }} as business_date,
    customer_key,
    creditor,
    episode_key,
    step,
    step_offset,
    channel,
    step_on
from foreseen
