-- What was already done for each carrying receivable. A later message about the same payer covers every receivable that was
-- overdue then, so the next oldest inherits the place in the cadence when the oldest is paid. A debt whose due date was moved
-- to a later day begins anew: what was said before it fell due was not about its being overdue. A step that was held out
-- counts as taken for the cadence's clock, but not as a contact.
with episodes as (
    select * from {{ ref('int_episodes__carried') }}
),

contacts as (
    select * from {{ ref('int_contacts__made') }}
),

holdouts as (
    select * from {{ ref('stg_ledger__holdouts') }}
),

renamed as (
    select * from {{ ref('int_payers__renamed') }}
),

recorded as (
    select
        recorded_key,
        episode_key,
        contacted_on as happened_on,
        step_offset,
        {{ regua_of('policy_version') }} as regua,
        is_done as is_taken,
        is_done,
        is_unsettled,
        is_attempt
    from contacts

    union all

    select
        customer_key as recorded_key,
        episode_key,
        held_out_on as happened_on,
        step_offset,
        {{ regua_of('policy_version') }} as regua,
        true as is_taken,
        false as is_done,
        false as is_unsettled,
        false as is_attempt
    from holdouts
),

-- what was done under a key that changed since counts for everybody whom it was about
events as (
    select
        recorded.*,
        coalesce(renamed.customer_key, recorded.recorded_key) as customer_key
    from recorded
    left join renamed on {{ is_renamed('recorded.recorded_key', 'recorded.happened_on') }}
),

pairs as (
    select
        episodes.customer_key,
        events.happened_on,
        events.step_offset,
        events.regua,
        events.is_done,
        events.is_unsettled,
        events.is_attempt,
        episodes.regua as own_regua,
        episodes.goes_on_after_offset,
        events.is_taken,
        coalesce(
            case
                -- a step before the due date, or on it, is about the day for which it was due
                when events.step_offset <= 0
                    then
                        events.episode_key = episodes.episode_key
                        and events.happened_on >= {{ add_days('episodes.effective_due_date', 'events.step_offset') }}
                else
                    events.happened_on > episodes.effective_due_date
                    and (events.step_offset > 0 or events.episode_key = episodes.episode_key)
            end,
            false
        ) as is_about_episode
    from episodes
    inner join events on episodes.customer_key = events.customer_key
),

-- the régua under which the payer was last spoken to about what is overdue
last_reguas as (
    select distinct on (customer_key)
        customer_key,
        regua
    from pairs
    where
        is_about_episode
        and is_taken
        and step_offset > 0
        and regua is not null
    order by customer_key, happened_on desc, step_offset desc, regua
),

summed as (
    select
        customer_key,
        own_regua,
        goes_on_after_offset,
        max(
            case
                when is_about_episode and is_taken and (step_offset <= 0 or coalesce(regua, own_regua) = own_regua) then step_offset
            end
        ) as last_offset,
        max(case when is_about_episode and is_taken then happened_on end) as last_step_on,
        max(case when is_about_episode and is_unsettled then happened_on end) as unsettled_on,
        string_agg(
            case when is_about_episode and is_unsettled then cast(step_offset as text) end, ',' order by happened_on, step_offset
        ) as unsettled_offsets,
        {{ contact_counts() }}
    from pairs
    group by customer_key, own_regua, goes_on_after_offset
)

-- a debt followed under one régua goes on under another only where a person said after which step
select
    summed.customer_key,
    case
        when last_reguas.regua <> summed.own_regua then coalesce(summed.goes_on_after_offset, summed.last_offset)
        else summed.last_offset
    end as last_offset,
    summed.last_step_on,
    summed.last_contacted_on,
    summed.unsettled_on,
    summed.unsettled_offsets,
    summed.contacts_in_7_days,
    summed.contacts_in_30_days,
    coalesce(last_reguas.regua <> summed.own_regua, false) and summed.goes_on_after_offset is null as is_regua_changed
from summed
left join last_reguas on summed.customer_key = last_reguas.customer_key
