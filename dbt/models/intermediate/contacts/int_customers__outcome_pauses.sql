-- What an agent heard pauses the payer for as long as its code says, or until the agreed day: for the creditor of the call, or
-- for every creditor where the payer died, or where it was only a talk.
with creditors as (select * from {{ ref('int_customers__creditors') }}),

outcomes as (
    select
        *,
        greatest({{ add_days('contacted_on', 'pause_days') }}, coalesce(follow_up_on, contacted_on)) as ends_on
    from {{ ref('int_outcomes__remapped') }}
    where effect not in ('wrong_number', 'do_not_call')
),

-- a death heard of by phone never expires; a person enters it in the source or takes it back
pauses as (
    select
        outcomes.customer_key,
        creditors.creditor,
        outcomes.outcome_id,
        outcomes.contacted_on,
        outcomes.effect,
        case outcomes.effect
            when 'none' then 'waiting_interval'
            when 'promise' then 'hold_promise'
            else 'hold_' || outcomes.effect
        end as reason,
        case when outcomes.effect <> 'deceased' then {{ add_days('outcomes.ends_on', -1) }} end as last_day
    from outcomes
    inner join creditors
        on outcomes.customer_key = creditors.customer_key
        and (outcomes.creditor = creditors.creditor or outcomes.effect in ('deceased', 'none'))
    where outcomes.effect = 'deceased' or outcomes.ends_on > {{ business_date() }}
)

{{ first_rows(
    'pauses',
    per=['customer_key', 'creditor'],
    order_by=["(effect = 'none')", 'contacted_on desc', 'outcome_id'],
    columns=['customer_key', 'creditor', 'reason', 'contacted_on', 'last_day']
) }}
