-- The step of the régua that is due for each payer: the latest that its carrying receivable has reached and that was not done
-- yet. Earlier ones that were never done are superseded; two steps never fire on one date.
with episodes as (
    select * from {{ ref('int_episodes__carried') }}
),

contacted as (
    select * from {{ ref('int_episodes__contacted') }}
),

ranking as (
    select * from {{ ref('int_payers__ranked') }}
),

steps as (
    select * from {{ ref('stg_policy__steps') }}
),

-- a segment with a régua of its own leaves the general one
reguas as (
    select
        episodes.customer_key,
        coalesce(own.segment, '*') as segment
    from episodes
    left join (select distinct segment from steps where segment <> '*') as own on episodes.segment = own.segment
),

reached as (
    select
        episodes.customer_key,
        steps.step,
        steps.step_offset,
        steps.channel,
        steps.template,
        steps.requires_approval,
        steps.policy_version,
        (
            steps.only_classes is null
            or ',' || steps.only_classes || ',' like '%,' || ranking.payer_class || ',%'
        ) as fits_class,
        episodes.open_amount >= coalesce(steps.minimum_amount, 0) as fits_amount
    from episodes
    inner join reguas on episodes.customer_key = reguas.customer_key
    inner join ranking on episodes.customer_key = ranking.customer_key
    left join contacted on episodes.customer_key = contacted.customer_key
    inner join steps
        on reguas.segment = steps.segment
        and steps.step_offset <= episodes.days_past_due
        and steps.step_offset > coalesce(contacted.last_offset, -100000)
        -- an overdue debt is past its preventive steps; one never spoken of starts at an entry step
        and (steps.step_offset > 0 or episodes.standing = 'upcoming')
        and (steps.step_offset <= 0 or steps.is_entry or contacted.last_offset is not null)
        -- after an overdue step the clock runs from the day it was done, so a late one never makes the next come early
        and (
            coalesce(contacted.last_offset, 0) <= 0
            or {{ days_between('contacted.last_step_on', business_date()) }} >= steps.step_offset - contacted.last_offset
        )
),

latest as (
    select distinct on (customer_key) *
    from reached
    where
        fits_class
        and fits_amount
    order by customer_key, step_offset desc
),

superseded as (
    select
        reached.customer_key,
        string_agg(reached.step, ',' order by reached.step_offset) as superseded_steps
    from reached
    inner join latest on reached.customer_key = latest.customer_key
    where
        reached.fits_class
        and reached.step_offset < latest.step_offset
    group by reached.customer_key
),

refused as (
    select
        customer_key,
        bool_or(not fits_class) as is_refused_by_class,
        bool_or(fits_class and not fits_amount) as is_refused_by_amount
    from reached
    group by customer_key
),

last_steps as (
    select
        segment,
        max(step_offset) as last_offset
    from steps
    group by segment
)

select
    episodes.customer_key,
    latest.step,
    latest.step_offset,
    latest.channel,
    latest.template,
    latest.requires_approval,
    superseded.superseded_steps,
    case
        when latest.step is not null then 'step_due'
        when contacted.last_offset >= last_steps.last_offset then 'end_of_regua'
        when refused.is_refused_by_amount then 'below_minimum'
        when refused.is_refused_by_class then 'preventive_not_needed'
        else 'waiting_next_step'
    end as reason
from episodes
inner join reguas on episodes.customer_key = reguas.customer_key
inner join last_steps on reguas.segment = last_steps.segment
left join contacted on episodes.customer_key = contacted.customer_key
left join latest on episodes.customer_key = latest.customer_key
left join superseded on episodes.customer_key = superseded.customer_key
left join refused on episodes.customer_key = refused.customer_key
