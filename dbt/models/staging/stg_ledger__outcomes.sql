with outcomes as (select * from {{ source('raw', 'outcomes') }}),

codes as (select * from {{ source('raw', 'policy_outcome_codes') }}),

explained as (
    select
        outcomes.outcome_id,
        outcomes.contacted_on,
        outcomes.customer_key,
        coalesce(outcomes.creditor, 'principal') as creditor,
        outcomes.episode_key,
        outcomes.step,
        outcomes.step_offset,
        outcomes.agent_id,
        outcomes.code,
        outcomes.delay_reason,
        outcomes.follow_up_on,
        outcomes.policy_version,
        -- of a call that creditors share one answer is the attempt
        coalesce(outcomes.creditor, 'principal') = min(coalesce(outcomes.creditor, 'principal')) over (
            partition by outcomes.message_key, outcomes.contacted_on
        ) as is_attempt,
        coalesce(codes.is_effective_contact, false) as is_effective_contact,
        coalesce(codes.is_right_party, false) as is_right_party,
        coalesce(codes.effect, 'none') as effect,
        coalesce(codes.pause_days, 0) as pause_days
    from outcomes
    left join codes on outcomes.code = codes.code
    where outcomes.contacted_on < {{ business_date() }}
)

select * from explained
