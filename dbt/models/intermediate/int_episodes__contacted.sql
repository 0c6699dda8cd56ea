-- What was already done for each carrying receivable. A later message about the same payer covers every receivable that was
-- overdue then, so the next oldest inherits the place in the cadence when the oldest is paid.
with episodes as (
    select * from {{ ref('int_episodes__carried') }}
),

contacts as (
    select * from {{ ref('int_contacts__made') }}
),

pairs as (
    select
        episodes.customer_key,
        contacts.contacted_on,
        contacts.step_offset,
        contacts.channel,
        contacts.state,
        contacts.is_done,
        contacts.is_unsettled,
        (
            contacts.episode_key = episodes.episode_key
            or (contacts.step_offset > 0 and contacts.contacted_on > episodes.effective_due_date)
        ) as is_about_episode
    from episodes
    inner join contacts on episodes.customer_key = contacts.customer_key
)

select
    customer_key,
    max(case when is_done and is_about_episode then step_offset end) as last_offset,
    max(case when is_done and is_about_episode then contacted_on end) as last_step_on,
    max(case when is_done or is_unsettled then contacted_on end) as last_contacted_on,
    max(case when is_unsettled and is_about_episode then contacted_on end) as unsettled_on,
    cast(sum(case when (is_done or is_unsettled) and contacted_on > {{ add_days(business_date(), -7) }} then 1 else 0 end) as integer)
        as contacts_in_7_days,
    cast(sum(case when (is_done or is_unsettled) and contacted_on > {{ add_days(business_date(), -30) }} then 1 else 0 end) as integer)
        as contacts_in_30_days
from pairs
group by customer_key
