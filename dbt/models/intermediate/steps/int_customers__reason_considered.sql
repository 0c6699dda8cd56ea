-- Reasons are tried in a fixed order: what forbids any contact, what makes it needless, what makes it too early; only then is the
-- step due.
with episodes as (select * from {{ ref('int_episodes__carrier_selected') }}),

due as (select * from {{ ref('int_steps__due') }}),

contacted as (select * from {{ ref('int_episodes__contacts_aggregated') }}),

stopped as (select * from {{ ref('int_customers__stopped_messages') }}),

holds as (select * from {{ ref('int_customers__holds') }}),

blocks as (select * from {{ ref('int_customers__channel_block_reasons') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

placed as (select * from {{ ref('int_customers__calendar_resolved') }}),

considered as (
    select
        episodes.customer_key,
        episodes.creditor,
        episodes.episode_key,
        episodes.collection_status,
        episodes.effective_due_date,
        due.step,
        due.step_offset,
        due.channel,
        due.template,
        due.requires_approval,
        due.holdout_share,
        due.superseded_steps,
        {{ versioned_regua('limits.policy_version', 'episodes.regua') }} as policy_version,
        case
            when holds.hold_reason is not null then holds.hold_reason
            when contacted.unsettled_on > {{ add_days(business_date(), -3) }} then 'awaiting_delivery'
            when stopped.customer_key is not null then 'sources_disagree'
            when contacted.is_regua_changed then 'regua_changed'
            when due.reason <> 'step_due' then due.reason
            when episodes.open_amount < limits.minimum_amount then 'below_minimum'
            else coalesce({{ contact_limit() }}, 'step_due')
        end as reason,
        holds.hold_until,
        blocks.email_block_reason,
        blocks.phone_block_reason,
        case due.channel
            when 'whatsapp' then blocks.whatsapp_block_reason
            when 'sms' then blocks.sms_block_reason
        end as text_block_reason,
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
    inner join due on {{ same_account('episodes', 'due') }}
    inner join holds on {{ same_account('episodes', 'holds') }}
    inner join blocks on {{ same_account('episodes', 'blocks') }}
    left join contacted on {{ same_account('episodes', 'contacted') }}
    left join stopped on {{ same_account('episodes', 'stopped') }}
    inner join limits on episodes.creditor = limits.creditor
    inner join placed on episodes.customer_key = placed.customer_key
)

select * from considered
