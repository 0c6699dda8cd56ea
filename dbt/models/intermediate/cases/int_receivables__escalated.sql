-- The overdue receivables that only a person can bring forward. Who is not contacted tonight waits for a day, for the next step
-- of the régua, or for a person; what each reason waits for is in stg_policy__reasons.
with decisions as (
    select * from {{ ref('int_receivables__decided') }}
    where
        days_past_due > 0
        and decision not in ('remind', 'call')
),

payers as (select * from {{ ref('int_customers__decided') }}),

holds as (select * from {{ ref('int_customers__holds') }}),

reasons as (select * from {{ ref('stg_policy__reasons') }}),

next_steps as (select * from {{ ref('int_steps__next_step_projected') }}),

-- a reason of the payer, and one of the receivable itself
days_known as (select * from {{ ref('int_reasons__dated') }}),

channel_lost as (select * from {{ ref('int_customers__channel_lost') }}),

-- what goes with the payer's oldest debt has the reason of that debt
explained as (
    select
        decisions.*,
        case when decisions.reason = 'escalated' then payers.reason else decisions.reason end as told_reason,
        coalesce(payers.policy_version, decisions.policy_version) as payer_policy_version
    from decisions
    left join payers on {{ same_account('decisions', 'payers') }}
),

judged as (
    select
        explained.*,
        next_steps.customer_key is not null as has_next_step,
        case
            -- a reason of the receivable itself
            when explained.episode_key is null then explained.hold_until is not null
            else coalesce(holds.hold_reason = explained.told_reason and not holds.asks_person, false)
        end as has_an_end,
        -- a reason that nobody has classed asks for a person
        coalesce(reasons.ends_with, 'person') as ends_with,
        case
            when reasons.ends_with = 'step' and reasons.responsible is null then 'no_step_left'
            else explained.told_reason
        end as case_reason
    from explained
    left join holds on {{ same_account('explained', 'holds') }}
    left join reasons on explained.told_reason = reasons.reason
    left join next_steps on {{ same_account('explained', 'next_steps') }}
),

escalated as (
    select * from judged
    where
        (ends_with = 'person' and not has_an_end)
        or (ends_with = 'step' and not has_next_step)
)

select
    escalated.receivable_key,
    escalated.customer_key,
    escalated.creditor,
    escalated.currency,
    escalated.open_amount,
    escalated.amount_due,
    escalated.days_past_due,
    escalated.case_reason as reason,
    -- what nobody has classed stands last
    coalesce(reasons.reason_order, 1000) as reason_order,
    coalesce(reasons.responsible, 'supervisao') as responsible,
    -- not before it was overdue, nulls do not count
    greatest(
        {{ add_days(business_date(), '1 - escalated.days_past_due') }},
        own_days.began_on,
        coalesce(payer_days.began_on, escalated.last_step_on),
        case when escalated.decision = 'none' and escalated.step is not null then channel_lost.lost_on end
    ) as since_on,
    escalated.payer_policy_version as policy_version
from escalated
left join reasons on escalated.case_reason = reasons.reason
left join days_known as own_days
    on escalated.receivable_key = own_days.subject_key
    and escalated.case_reason = own_days.reason
left join days_known as payer_days
    on {{ account('escalated') }} = payer_days.subject_key
    and escalated.case_reason = payer_days.reason
left join channel_lost on escalated.customer_key = channel_lost.customer_key
