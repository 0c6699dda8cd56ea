-- What was said of each carrying receivable. A contact about it counts as its step. One about another receivable that named it
-- counts as the step at which a letter of its own would have been on that day: the latest of its régua that it had reached.
with episodes as (select * from {{ ref('int_episodes__carrier_selected') }}),

events as (select * from {{ ref('int_contacts__remapped') }}),

named as (
    select * from {{ ref('int_episodes__contacts_listed') }}
    where is_listed

    union all

    select * from {{ ref('int_episodes__contacts_reckoned') }}
),

steps as (
    select
        segment as regua,
        step_offset,
        is_legal_notice,
        lead(step_offset) over (partition by segment order by step_offset) as next_offset
    from {{ ref('stg_policy__steps') }}
)

select
    events.customer_key,
    events.creditor,
    events.happened_on,
    events.step_offset,
    events.regua,
    events.is_taken,
    events.is_unsettled,
    true as is_own
from episodes
inner join events
    on {{ same_account('episodes', 'events') }}
    and episodes.episode_key = events.episode_key
where
    -- a step before the due date, or on it, is about the day for which it was due
    case
        when events.step_offset <= 0
            then events.happened_on >= {{ add_days('episodes.effective_due_date', 'events.step_offset') }}
        else events.happened_on > episodes.effective_due_date
    end

union all

select
    named.customer_key,
    named.creditor,
    named.happened_on,
    own_steps.step_offset,
    named.regua,
    named.is_taken,
    named.is_unsettled,
    -- a legal notice that names a debt is one for it; nothing else that names it stands for its own
    coalesce(other_steps.is_legal_notice, false) as is_own
from named
inner join steps as own_steps
    on named.own_regua = own_steps.regua
    and named.days_past_due >= own_steps.step_offset
    and named.days_past_due < coalesce(own_steps.next_offset, named.days_past_due + 1)
left join steps as other_steps
    on named.regua = other_steps.regua
    and named.other_offset = other_steps.step_offset
-- what was listed before it fell due needs no second reminder, but was not told that it is overdue
where own_steps.step_offset > 0 or named.collection_status = 'upcoming'
