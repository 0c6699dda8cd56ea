-- What comes next for each payer if nothing changes: the step that its carrying receivable (else the next to fall due) reaches
-- after tonight, and the first contact day on which it may be taken. The clock is that of int_steps__due.
with standing as (
    select * from {{ ref('int_receivables__standing') }}
),

episodes as (
    select * from {{ ref('int_episodes__carried') }}
),

contacted as (
    select * from {{ ref('int_episodes__contacted') }}
),

decided as (
    select * from {{ ref('int_customers__decided') }}
),

ranking as (
    select * from {{ ref('int_payers__ranked') }}
),

steps as (
    select * from {{ ref('stg_policy__steps') }}
),

limits as (
    select * from {{ ref('stg_policy__limits') }}
),

contact_days as (
    select
        day,
        -- looked at backwards: a frame that begins at its row is read anew for every row by PostgreSQL
        min(case when is_contact_day then day end) over (order by day desc rows unbounded preceding) as contact_day
    from {{ ref('stg_policy__calendar') }}
),

bank_days as (
    select
        bank_day_number,
        min(day) as bank_day
    from {{ ref('stg_policy__calendar') }}
    group by bank_day_number
),

due_days as (
    select * from {{ ref('stg_policy__calendar') }}
),

later as (
    select distinct on (standing.customer_key)
        standing.customer_key,
        standing.receivable_key as episode_key,
        standing.effective_due_date,
        standing.regua,
        standing.ends_at_offset,
        standing.open_amount
    from standing
    left join episodes on standing.customer_key = episodes.customer_key
    where
        episodes.customer_key is null
        and standing.standing in ('not_due', 'within_grace')
    order by standing.customer_key, standing.effective_due_date, standing.open_amount desc, standing.receivable_key
),

carriers as (
    select
        customer_key,
        episode_key,
        effective_due_date,
        regua,
        ends_at_offset,
        open_amount
    from episodes

    union all

    select * from later
),

-- a step taken tonight is the newest; one held out counts for the clock as well
clocks as (
    select
        carriers.*,
        ranking.payer_class,
        -- what was paid on its due date is known by then
        {{ add_days('bank_days.bank_day', 1) }} as cleared_on,
        limits.minimum_amount,
        limits.minimum_interval_days,
        coalesce(decided.decision in ('remind', 'call') or decided.reason = 'holdout', false) as is_taken_tonight,
        contacted.last_offset,
        contacted.last_step_on,
        contacted.last_contacted_on,
        case when decided.reason like 'hold_%' then decided.hold_until end as hold_until,
        coalesce(decided.decision = 'escalate' or (decided.reason like 'hold_%' and decided.hold_until is null), false) as is_stopped,
        decided.step_offset as tonight_offset
    from carriers
    inner join ranking on carriers.customer_key = ranking.customer_key
    cross join limits
    inner join due_days on carriers.effective_due_date = due_days.day
    left join bank_days on due_days.bank_day_number + limits.clearing_bank_days = bank_days.bank_day_number
    left join contacted on carriers.customer_key = contacted.customer_key
    left join decided on carriers.customer_key = decided.customer_key
),

started as (
    select
        *,
        case when is_taken_tonight then tonight_offset else last_offset end as taken_offset,
        case when is_taken_tonight then {{ business_date() }} else last_step_on end as taken_on,
        case when is_taken_tonight then {{ business_date() }} else last_contacted_on end as spoken_on
    from clocks
    where not is_stopped
),

candidates as (
    select
        started.customer_key,
        started.episode_key,
        steps.step,
        steps.step_offset,
        steps.channel,
        greatest(
            {{ add_days(business_date(), 1) }},
            {{ add_days('started.effective_due_date', 'steps.step_offset') }},
            -- nulls do not count among what is greatest
            case when steps.step_offset > 0 then started.cleared_on end,
            case
                when started.taken_offset > 0
                    then {{ add_days('started.taken_on', 'steps.step_offset - started.taken_offset') }}
            end,
            {{ add_days('started.spoken_on', 'started.minimum_interval_days') }},
            {{ add_days('started.hold_until', 1) }}
        ) as earliest_on
    from started
    inner join steps
        on started.regua = steps.segment
        and steps.step_offset > coalesce(started.taken_offset, -100000)
        and steps.step_offset <= coalesce(started.ends_at_offset, steps.step_offset)
    where
        (steps.only_classes is null or ',' || steps.only_classes || ',' like '%,' || started.payer_class || ',%')
        and started.open_amount >= greatest(coalesce(steps.minimum_amount, 0), started.minimum_amount)
        and (steps.step_offset <= 0 or steps.is_entry or started.taken_offset is not null)
),

-- a preventive step is no use after the due date; of steps that wait for one day the latest is taken
next_steps as (
    select distinct on (candidates.customer_key)
        candidates.customer_key,
        candidates.episode_key,
        candidates.step,
        candidates.step_offset,
        candidates.channel,
        contact_days.contact_day as step_on
    from candidates
    inner join carriers on candidates.customer_key = carriers.customer_key
    inner join contact_days on candidates.earliest_on = contact_days.day
    where
        candidates.step_offset > 0
        or contact_days.contact_day <= carriers.effective_due_date
    order by candidates.customer_key, contact_days.contact_day, candidates.step_offset desc
)

select * from next_steps
