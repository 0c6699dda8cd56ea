-- One decision a payer and creditor a night, with the one reason that explains it and the template of the channel that it takes.
with acted as (select * from {{ ref('int_customers__routed') }}),

yielded as (select * from {{ ref('int_customers__yielded') }}),

explained as (
    select
        customer_key,
        creditor,
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
            when decision = 'remind' and channel in ('whatsapp', 'sms') and text_block_reason <> 'opted_out'
                then text_block_reason
            when decision = 'remind' and 'opted_out' in (phone_block_reason, text_block_reason) then 'calls_declined'
            when decision = 'remind' then 'no_phone'
            when decision = 'call' and email_block_reason is not null then email_block_reason
            when decision = 'call' then 'delivery_unknown'
            -- no one is reached: what stands in the way of the step's own channel, unless there is neither address nor number
            when channel = 'phone' and phone_block_reason = 'opted_out' then 'opted_out'
            when email_block_reason in ('no_email', 'invalid_email') and phone_block_reason = 'no_phone' then 'no_contact_data'
            when email_block_reason is not null then email_block_reason
            else 'delivery_unknown'
        end as reason,
        case when reason like 'hold_%' then hold_until end as hold_until,
        last_offset,
        last_step_on,
        considered_amount,
        required_amount
    from acted
),

decided as (
    select
        explained.*,
        coalesce(yielded.leading_creditor, explained.creditor) as leading_creditor,
        yielded.leading_creditor is not null and not yielded.is_same_call as is_yielded,
        coalesce(yielded.is_same_call, false) as is_same_call
    from explained
    left join yielded on {{ same_account('explained', 'yielded') }}
)

select
    customer_key,
    creditor,
    episode_key,
    case when is_yielded then 'none' else decision end as decision,
    case when is_yielded then 'yielded_to_creditor' when is_same_call then 'joined_call' else reason end as reason,
    step,
    step_offset,
    case when not is_yielded then channel end as channel,
    template,
    coalesce(requires_approval, false) as requires_approval,
    superseded_steps,
    policy_version,
    case
        when decision in ('remind', 'call') and not is_yielded
            then {{ message_key('customer_key', 'leading_creditor', 'channel') }}
    end as message_key,
    hold_until,
    last_offset,
    last_step_on,
    considered_amount,
    required_amount,
    is_same_call
from decided
