-- One decision a payer a night. Reasons are tried in a fixed order: what forbids any contact, what makes it needless, what
-- makes it too early, what makes it impossible; only then is there a contact.
with episodes as (
    select * from {{ ref('int_episodes__carried') }}
),

due as (
    select * from {{ ref('int_steps__due') }}
),

contacted as (
    select * from {{ ref('int_episodes__contacted') }}
),

restrained as (
    select * from {{ ref('int_customers__restrained') }}
),

limits as (
    select * from {{ ref('stg_policy__limits') }}
),

today as (
    select is_contact_day
    from {{ ref('stg_policy__calendar') }}
    where day = {{ business_date() }}
),

considered as (
    select
        episodes.customer_key,
        episodes.episode_key,
        episodes.standing,
        due.step,
        due.step_offset,
        due.channel,
        due.template,
        due.requires_approval,
        due.superseded_steps,
        limits.policy_version,
        case
            when restrained.hold_reason is not null then restrained.hold_reason
            when contacted.unsettled_on > {{ add_days(business_date(), -3) }} then 'awaiting_delivery'
            when due.reason <> 'step_due' then due.reason
            when episodes.open_amount < limits.minimum_amount then 'below_minimum'
            when not today.is_contact_day then 'no_contact_day'
            when {{ days_between('contacted.last_contacted_on', business_date()) }} < limits.minimum_interval_days
                then 'waiting_interval'
            when contacted.contacts_in_7_days >= limits.maximum_per_7_days then 'frequency_cap'
            when contacted.contacts_in_30_days >= limits.maximum_per_30_days then 'frequency_cap'
            -- the same payer is always in the same arm of a step's experiment
            when
                substr(md5(episodes.customer_key || '|' || due.step), 1, 6)
                < lpad(lower(to_hex(cast(limits.holdout_share * 16777216 as bigint))), 6, '0')
                and limits.holdout_share > 0
                then 'holdout'
            else 'step_due'
        end as reason,
        restrained.email_obstacle,
        restrained.phone_obstacle,
        coalesce(contacted.last_offset, 0) > 0 as was_told,
        coalesce(contacted.unsettled_on <= {{ add_days(business_date(), -3) }}, false) as is_delivery_unknown
    from episodes
    inner join due on episodes.customer_key = due.customer_key
    inner join restrained on episodes.customer_key = restrained.customer_key
    left join contacted on episodes.customer_key = contacted.customer_key
    cross join limits
    cross join today
),

-- a message that cannot be delivered becomes a call once something is overdue, and a call that cannot be made a message
routed as (
    select
        *,
        case
            when reason = 'end_of_regua' then 'escalate'
            when reason <> 'step_due' then 'none'
            when channel = 'email' and email_obstacle is null and not is_delivery_unknown then 'remind'
            when channel = 'email' and standing = 'upcoming' then 'none'
            when phone_obstacle is null then 'call'
            when channel = 'phone' and email_obstacle is null and not is_delivery_unknown then 'remind'
            else 'none'
        end as decision
    from considered
),

explained as (
    select
        customer_key,
        episode_key,
        decision,
        step,
        step_offset,
        case
            when decision = 'call' and template not like 'call%' then 'call'
            when decision = 'remind' and channel = 'phone' and was_told then 'second_notice'
            when decision = 'remind' and channel = 'phone' then 'first_notice'
            else template
        end as template,
        requires_approval,
        superseded_steps,
        policy_version,
        case decision when 'remind' then 'email' when 'call' then 'phone' end as channel,
        case
            when reason <> 'step_due' then reason
            when decision = 'remind' and channel = 'email' then 'step_due'
            when decision = 'remind' and phone_obstacle = 'opted_out' then 'calls_declined'
            when decision = 'remind' then 'no_phone'
            when decision = 'call' and channel = 'phone' then 'step_due'
            when decision = 'call' and email_obstacle is not null then email_obstacle
            when decision = 'call' then 'delivery_unknown'
            when channel = 'email' and email_obstacle = 'opted_out' then 'opted_out'
            when channel = 'phone' and phone_obstacle = 'opted_out' then 'opted_out'
            else 'no_contact_data'
        end as reason
    from routed
)

select
    customer_key,
    episode_key,
    decision,
    reason,
    step,
    step_offset,
    channel,
    template,
    coalesce(requires_approval, false) as requires_approval,
    superseded_steps,
    policy_version,
    case when channel is not null then {{ message_key('customer_key', 'channel') }} end as message_key
from explained
