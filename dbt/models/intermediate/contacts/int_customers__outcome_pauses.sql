-- What an agent heard pauses the payer for as long as its code says, or until the agreed day.
with outcomes as (
    select
        *,
        greatest({{ add_days('contacted_on', 'pause_days') }}, coalesce(follow_up_on, contacted_on)) as ends_on
    from {{ ref('int_outcomes__remapped') }}
    where effect not in ('wrong_number', 'do_not_call')
),

-- a death heard of by phone never expires; a person enters it in the source or takes it back
pauses as (
    select
        customer_key,
        outcome_id,
        contacted_on,
        effect,
        case effect
            when 'none' then 'waiting_interval'
            when 'promise' then 'hold_promise'
            else 'hold_' || effect
        end as reason,
        case when effect <> 'deceased' then {{ add_days('ends_on', -1) }} end as last_day
    from outcomes
    where effect = 'deceased' or ends_on > {{ business_date() }}
)

{{ first_rows(
    'pauses',
    per=['customer_key'],
    order_by=["(effect = 'none')", 'contacted_on desc', 'outcome_id'],
    columns=['customer_key', 'reason', 'contacted_on', 'last_day']
) }}
