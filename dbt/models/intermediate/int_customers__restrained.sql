-- Who must not be contacted, and over which channel, with the reason that comes first.
with customers as (
    select * from {{ ref('int_customers__unified') }}
),

customer_ids as (
    select
        source,
        customer_id,
        customer_key
    from {{ ref('stg_landing__customers') }}
),

manual_holds as (
    select
        customer_ids.customer_key,
        'hold_' || min(holds.reason) as reason
    from {{ ref('stg_policy__holds') }} as holds
    inner join customer_ids
        on holds.source = customer_ids.source
        and holds.target_id = customer_ids.customer_id
    where holds.scope = 'customer'
    group by customer_ids.customer_key
),

promise_holds as (
    select distinct customer_key
    from {{ ref('int_promises__measured') }}
    where state = 'open'
),

outcomes as (
    select * from {{ ref('stg_ledger__outcomes') }}
),

-- what an agent heard pauses the payer for as long as its code says, or until the agreed day
outcome_holds as (
    select distinct on (customer_key)
        customer_key,
        case effect
            when 'none' then 'waiting_interval'
            when 'promise' then 'hold_promise'
            else 'hold_' || effect
        end as reason
    from outcomes
    where
        effect <> 'wrong_number'
        and effect <> 'do_not_call'
        -- a death heard of by phone never expires; a person enters it in the source or takes it back
        and (
            effect = 'deceased'
            or {{ business_date() }} < greatest(
                {{ add_days('contacted_on', 'pause_days') }},
                coalesce(follow_up_on, contacted_on)
            )
        )
    order by customer_key, (effect = 'none'), contacted_on desc, outcome_id
),

unreachable_phones as (
    select
        customer_key,
        bool_or(effect = 'do_not_call') as is_opted_out
    from outcomes
    where effect in ('do_not_call', 'wrong_number')
    group by customer_key
),

last_emails as (
    select distinct on (customer_key)
        customer_key,
        contacted_on,
        state
    from {{ ref('int_contacts__made') }}
    where channel = 'email'
    order by customer_key, contacted_on desc, contact_key
)

select
    customers.customer_key,
    case
        when customers.is_deceased then 'hold_deceased'
        when customers.is_legal_hold then 'hold_legal'
        when manual_holds.reason is not null then manual_holds.reason
        when promise_holds.customer_key is not null then 'hold_promise'
        else outcome_holds.reason
    end as hold_reason,
    case
        when customers.is_opted_out_email then 'opted_out'
        when customers.email is null then 'no_email'
        -- what failed is tried again after a month, when somebody may have corrected the address or the document
        when last_emails.contacted_on > {{ add_days(business_date(), -30) }}
            then case last_emails.state when 'bounced' then 'invalid_email' when 'rejected' then 'refused_email' end
    end as email_obstacle,
    case
        when customers.is_opted_out_phone or coalesce(unreachable_phones.is_opted_out, false) then 'opted_out'
        when customers.phone is null or unreachable_phones.customer_key is not null then 'no_phone'
    end as phone_obstacle
from customers
left join manual_holds on customers.customer_key = manual_holds.customer_key
left join promise_holds on customers.customer_key = promise_holds.customer_key
left join outcome_holds on customers.customer_key = outcome_holds.customer_key
left join unreachable_phones on customers.customer_key = unreachable_phones.customer_key
left join last_emails on customers.customer_key = last_emails.customer_key
