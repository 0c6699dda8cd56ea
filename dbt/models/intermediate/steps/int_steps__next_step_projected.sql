-- What comes next for each payer if nothing changes: the step that its receivable reaches after tonight, and the first contact
-- day on which it may be taken. The clock is that of int_steps__due.
with started as (select * from {{ ref('int_episodes__clocks_started') }}),

steps as (select * from {{ ref('stg_policy__steps') }}),

contact_days as (
    select
        day,
        -- looked at backwards: a frame that begins at its row is read anew for every row by PostgreSQL
        min(case when is_contact_day then day end) over (order by day desc rows unbounded preceding) as contact_day
    from {{ ref('stg_policy__calendar') }}
),

candidates as (
    select
        started.customer_key,
        started.creditor,
        started.episode_key,
        started.effective_due_date,
        steps.step,
        steps.step_offset,
        steps.channel,
        greatest(
            {{ add_days(business_date(), 1) }},
            {{ add_days('started.effective_due_date', 'steps.step_offset') }},
            -- nulls do not count among what is greatest
            case when steps.step_offset > 0 then started.cleared_on end,
            case
                when {{ is_notice_named_over('started.taken_offset') }}
                    then
                        case
                            when started.own_taken_offset > 0
                                then {{ add_days('started.own_taken_on', 'steps.step_offset - started.own_taken_offset') }}
                        end
                when started.taken_offset > 0
                    then {{ add_days('started.taken_on', 'steps.step_offset - started.taken_offset') }}
            end,
            {{ add_days('started.spoken_on', 'started.minimum_interval_days') }},
            {{ add_days('started.hold_until', 1) }}
        ) as earliest_on
    from started
    inner join steps
        on started.regua = steps.segment
        -- as in int_steps__reached
        and steps.step_offset > coalesce(
            case
                when {{ is_notice_named_over('started.taken_offset') }} then started.own_taken_offset else started.taken_offset
            end,
            -100000
        )
        and steps.step_offset <= coalesce(started.ends_at_offset, steps.step_offset)
    where
        {{ fits_payer('steps', 'started') }}
        and started.open_amount >= greatest(coalesce(steps.minimum_amount, 0), started.minimum_amount)
        and (steps.step_offset <= 0 or steps.is_entry or started.taken_offset is not null)
),

-- a preventive step is no use after the due date
useful as (
    select
        candidates.customer_key,
        candidates.creditor,
        candidates.episode_key,
        candidates.step,
        candidates.step_offset,
        candidates.channel,
        contact_days.contact_day as step_on
    from candidates
    inner join contact_days on candidates.earliest_on = contact_days.day
    where
        candidates.step_offset > 0
        or contact_days.contact_day <= candidates.effective_due_date
),

-- of steps that wait for one day the latest is taken
next_steps as (
    {{ first_rows('useful', per=['customer_key', 'creditor'], order_by=['step_on nulls last', 'step_offset desc']) }}
)

select * from next_steps
