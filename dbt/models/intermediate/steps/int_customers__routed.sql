-- Over which channel the due step can go, whether the draw holds it out, and what is done: remind, call, escalate or none.
with considered as (select * from {{ ref('int_customers__reason_considered') }}),

-- a message that cannot be delivered goes by e-mail, then, once something is overdue, becomes a call; and a call that cannot
-- be made becomes a message
routed as (
    select
        *,
        case
            when channel in ('whatsapp', 'sms') and text_block_reason is null and not is_delivery_unknown then channel
            when channel <> 'phone' and email_block_reason is null and not is_delivery_unknown then 'email'
            when channel <> 'phone' and collection_status = 'upcoming' then null
            when phone_block_reason is null then 'phone'
            when channel = 'phone' and email_block_reason is null and not is_delivery_unknown then 'email'
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
                or substr(md5(customer_key || '|' || step), 1, 6) < {{ hex_digits('holdout_share * 16777216', 6) }}
            )
        ) as is_held_out
    from routed
),

acted as (
    select
        *,
        case
            when reason in ('end_of_regua', 'regua_changed', 'sources_disagree') then 'escalate'
            when reason <> 'step_due' or is_held_out or route is null then 'none'
            when route = 'phone' then 'call'
            else 'remind'
        end as decision
    from drawn
)

select * from acted
