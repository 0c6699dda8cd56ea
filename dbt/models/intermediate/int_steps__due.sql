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

-- an override may let the régua end early
available as (
    select
        episodes.customer_key,
        steps.*
    from episodes
    inner join steps
        on episodes.regua = steps.segment
        and steps.step_offset <= coalesce(episodes.ends_at_offset, steps.step_offset)
),

reached as (
    select
        available.*,
        episodes.open_amount,
        -- its message may have arrived, so it is never written a second time
        coalesce(',' || contacted.unsettled_offsets || ',' like '%,' || available.step_offset || ',%', false) as is_unsettled,
        (
            available.only_classes is null
            or ',' || available.only_classes || ',' like '%,' || ranking.payer_class || ',%'
        ) as fits_class,
        (
            episodes.open_amount >= coalesce(available.minimum_amount, 0)
            and episodes.open_amount >= episodes.total_open_amount * coalesce(available.minimum_share, 0)
        ) as fits_amount,
        greatest(
            coalesce(available.minimum_amount, 0),
            {{ cents_to_money(divide_half_up(
                cents('episodes.total_open_amount') ~ ' * ' ~ millionths('coalesce(available.minimum_share, 0)'), 1000000
            )) }}
        ) as required_amount
    from available
    inner join episodes on available.customer_key = episodes.customer_key
    inner join ranking on available.customer_key = ranking.customer_key
    left join contacted on available.customer_key = contacted.customer_key
    where
        available.step_offset <= episodes.days_past_due
        and available.step_offset > coalesce(contacted.last_offset, -100000)
        -- an overdue debt is past its preventive steps; one never spoken of starts at an entry step
        and (available.step_offset > 0 or episodes.standing = 'upcoming')
        and (available.step_offset <= 0 or available.is_entry or contacted.last_offset is not null)
        -- after an overdue step the clock runs from the day it was done, so a late one never makes the next come early
        and (
            coalesce(contacted.last_offset, 0) <= 0
            or {{ days_between('contacted.last_step_on', business_date()) }} >= available.step_offset - contacted.last_offset
        )
),

-- a legal notice is never passed over: where one was missed, it goes first; one that may have arrived was not missed
latest as (
    select distinct on (customer_key) *
    from reached
    where
        fits_class
        and fits_amount
    order by
        customer_key,
        (not coalesce(is_legal_notice and not is_unsettled, false)),
        case when is_legal_notice and not is_unsettled then step_offset else -step_offset end
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
        bool_or(fits_class and not fits_amount) as is_refused_by_amount,
        min(case when fits_class and not fits_amount then required_amount end) as required_amount
    from reached
    group by customer_key
),

last_steps as (
    select
        customer_key,
        max(step_offset) as last_offset
    from available
    group by customer_key
)

select
    episodes.customer_key,
    latest.step,
    latest.step_offset,
    latest.channel,
    latest.template,
    latest.requires_approval,
    latest.holdout_share,
    coalesce(latest.is_unsettled, false) as is_unsettled,
    superseded.superseded_steps,
    {{ money('coalesce(latest.required_amount, refused.required_amount)') }} as required_amount,
    case
        when latest.step is not null then 'step_due'
        -- a régua cut off before its first step has ended, too
        when
            episodes.standing = 'overdue'
            and (last_steps.last_offset is null or contacted.last_offset >= last_steps.last_offset)
            then 'end_of_regua'
        when refused.is_refused_by_amount then 'below_minimum'
        when refused.is_refused_by_class then 'preventive_not_needed'
        else 'waiting_next_step'
    end as reason
from episodes
left join last_steps on episodes.customer_key = last_steps.customer_key
left join contacted on episodes.customer_key = contacted.customer_key
left join latest on episodes.customer_key = latest.customer_key
left join superseded on episodes.customer_key = superseded.customer_key
left join refused on episodes.customer_key = refused.customer_key
