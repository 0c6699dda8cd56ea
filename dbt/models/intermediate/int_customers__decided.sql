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

placed as (
    select * from {{ ref('int_customers__placed') }}
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
        due.holdout_share,
        due.superseded_steps,
        {{ versioned_regua('limits.policy_version', 'episodes.regua') }} as policy_version,
        case
            when restrained.hold_reason is not null then restrained.hold_reason
            when contacted.unsettled_on > {{ add_days(business_date(), -3) }} then 'awaiting_delivery'
            when contacted.is_regua_changed then 'regua_changed'
            when due.reason <> 'step_due' then due.reason
            when episodes.open_amount < limits.minimum_amount then 'below_minimum'
            else coalesce({{ contact_limit() }}, 'step_due')
        end as reason,
        restrained.hold_until,
        restrained.email_obstacle,
        restrained.phone_obstacle,
        case due.channel
            when 'whatsapp' then restrained.whatsapp_obstacle
            when 'sms' then restrained.sms_obstacle
        end as text_obstacle,
        coalesce(contacted.last_offset, 0) > 0 as was_told,
        coalesce(due.is_unsettled, false) as is_delivery_unknown,
        contacted.last_offset,
        contacted.last_step_on,
        contacted.last_contacted_on,
        coalesce(contacted.contacts_in_7_days, 0) as contacts_in_7_days,
        coalesce(contacted.contacts_in_30_days, 0) as contacts_in_30_days,
        {{ money('episodes.open_amount') }} as considered_amount,
        {{ money('greatest(limits.minimum_amount, coalesce(due.required_amount, 0))') }} as required_amount
    from episodes
    inner join due on episodes.customer_key = due.customer_key
    inner join restrained on episodes.customer_key = restrained.customer_key
    left join contacted on episodes.customer_key = contacted.customer_key
    cross join limits
    inner join placed on episodes.customer_key = placed.customer_key
),

-- a message that cannot be delivered goes by e-mail, then, once something is overdue, becomes a call; and a call that cannot
-- be made becomes a message
routed as (
    select
        *,
        case
            when channel in ('whatsapp', 'sms') and text_obstacle is null and not is_delivery_unknown then channel
            when channel <> 'phone' and email_obstacle is null and not is_delivery_unknown then 'email'
            when channel <> 'phone' and standing = 'upcoming' then null
            when phone_obstacle is null then 'phone'
            when channel = 'phone' and email_obstacle is null and not is_delivery_unknown then 'email'
        end as route
    from considered
),

-- the same payer is always in the same arm of a step's experiment; only who would have been contacted is in it
drawn as (
    select
        *,
        (
            reason = 'step_due'
            and route is not null
            and coalesce(holdout_share, 0) > 0
            and (
                holdout_share >= 1
                or substr(md5(customer_key || '|' || step), 1, 6)
                < lpad(lower(to_hex(cast(holdout_share * 16777216 as bigint))), 6, '0')
            )
        ) as is_held_out
    from routed
),

acted as (
    select
        *,
        case
            when reason in ('end_of_regua', 'regua_changed') then 'escalate'
            when reason <> 'step_due' or is_held_out or route is null then 'none'
            when route = 'phone' then 'call'
            else 'remind'
        end as decision
    from drawn
),

explained as (
    select
        customer_key,
        episode_key,
        decision,
        step,
        step_offset,
        case
            when decision = 'call' and template = 'offer' then 'call_offer'
            when decision = 'call' and template not like 'call%' then 'call'
            when decision = 'remind' and channel = 'phone' and was_told then 'second_notice'
            when decision = 'remind' and channel = 'phone' then 'first_notice'
            else template
        end as template,
        requires_approval,
        superseded_steps,
        policy_version,
        -- what was held out tells the channel over which it would have gone
        case when decision in ('remind', 'call') or (reason = 'step_due' and is_held_out) then route end as channel,
        case
            when reason <> 'step_due' then reason
            when is_held_out then 'holdout'
            when route = channel then 'step_due'
            when decision = 'remind' and channel in ('whatsapp', 'sms') and text_obstacle <> 'opted_out' then text_obstacle
            when decision = 'remind' and 'opted_out' in (phone_obstacle, text_obstacle) then 'calls_declined'
            when decision = 'remind' then 'no_phone'
            when decision = 'call' and email_obstacle is not null then email_obstacle
            when decision = 'call' then 'delivery_unknown'
            -- nobody is reached: what stands in the way of the step's own channel, unless there is neither address nor number
            when channel = 'phone' and phone_obstacle = 'opted_out' then 'opted_out'
            when email_obstacle in ('no_email', 'invalid_email') and phone_obstacle = 'no_phone' then 'no_contact_data'
            when email_obstacle is not null then email_obstacle
            else 'delivery_unknown'
        end as reason,
        case when reason like 'hold_%' then hold_until end as hold_until,
        last_offset,
        last_step_on,
        last_contacted_on,
        contacts_in_7_days,
        contacts_in_30_days,
        considered_amount,
        required_amount
    from acted
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
    case when decision in ('remind', 'call') then {{ message_key('customer_key', 'channel') }} end as message_key,
    hold_until,
    last_offset,
    last_step_on,
    last_contacted_on,
    contacts_in_7_days,
    contacts_in_30_days,
    considered_amount,
    required_amount
from explained
