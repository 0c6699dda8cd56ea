-- The steps that each payer's carrying receivable has reached and that were not done yet.
with episodes as (select * from {{ ref('int_episodes__carrier_selected') }}),

contacted as (select * from {{ ref('int_episodes__contacts_aggregated') }}),

ranking as (select * from {{ ref('int_payers__ranked') }}),

-- a legal notice is not passed over by a contact that only named the debt: it goes by what the debt heard itself
available as (
    select
        steps.*,
        contacted.last_offset is not null as is_followed,
        case when {{ is_notice_named_over('contacted.last_offset') }} then contacted.own_offset else contacted.last_offset end
            as heard_offset,
        case when {{ is_notice_named_over('contacted.last_offset') }} then contacted.own_step_on else contacted.last_step_on end
            as heard_on,
        contacted.unsettled_offsets
    from {{ ref('int_steps__available') }} as steps
    left join contacted on {{ same_account('steps', 'contacted') }}
)

select
    available.*,
    episodes.open_amount,
    -- its message may have arrived, so it is never written a second time
    coalesce({{ list_holds('available.unsettled_offsets', 'available.step_offset') }}, false) as is_unsettled,
    {{ fits_payer('available', 'ranking') }} as fits_payer,
    episodes.open_amount >= coalesce(available.minimum_amount, 0)
    and episodes.open_amount >= episodes.total_open_amount * coalesce(available.minimum_share, 0) as fits_amount,
    {{ money('greatest(coalesce(available.minimum_amount, 0), ' ~ cents_to_money(divide_half_up(
        cents('episodes.total_open_amount') ~ ' * ' ~ millionths('coalesce(available.minimum_share, 0)'), 1000000
    )) ~ ')') }} as required_amount
from available
inner join episodes on {{ same_account('available', 'episodes') }}
inner join ranking on available.customer_key = ranking.customer_key
where
    available.step_offset <= episodes.days_past_due
    and available.step_offset > coalesce(available.heard_offset, -100000)
    -- an overdue debt is past its preventive steps; one never spoken of starts at an entry step
    and (available.step_offset > 0 or episodes.collection_status = 'upcoming')
    and (available.step_offset <= 0 or available.is_entry or available.is_followed)
    -- after an overdue step the clock runs from the day it was done, so a late one never makes the next come early
    and (
        coalesce(available.heard_offset, 0) <= 0
        or {{ days_between('available.heard_on', business_date()) }} >= available.step_offset - available.heard_offset
    )
