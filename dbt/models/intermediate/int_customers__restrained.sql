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

renamed as (
    select * from {{ ref('int_payers__renamed') }}
),

-- of several holds, the one that lasts longest
manual_holds as (
    select distinct on (customer_ids.customer_key)
        customer_ids.customer_key,
        'hold_' || holds.reason as reason,
        holds.expires_on
    from {{ ref('stg_policy__holds') }} as holds
    inner join customer_ids
        on holds.source = customer_ids.source
        and holds.target_id = customer_ids.customer_id
    where holds.scope = 'customer'
    order by customer_ids.customer_key, (holds.expires_on is not null), holds.expires_on desc, holds.reason
),

promise_holds as (
    select
        coalesce(renamed.customer_key, promises.recorded_key) as customer_key,
        max(promises.last_day) as last_day
    from {{ ref('int_promises__measured') }} as promises
    left join renamed on {{ is_renamed('promises.recorded_key', 'promises.made_on') }}
    where promises.state = 'open'
    group by coalesce(renamed.customer_key, promises.recorded_key)
),

agreement_holds as (
    select distinct coalesce(renamed.customer_key, agreements.recorded_key) as customer_key
    from {{ ref('int_agreements__measured') }} as agreements
    left join renamed on {{ is_renamed('agreements.recorded_key', 'agreements.agreed_on') }}
    where agreements.state = 'open'
),

outcomes as (
    select
        coalesce(renamed.customer_key, heard.customer_key) as customer_key,
        heard.outcome_id,
        heard.contacted_on,
        heard.follow_up_on,
        heard.effect,
        heard.pause_days
    from {{ ref('stg_ledger__outcomes') }} as heard
    left join renamed on {{ is_renamed('heard.customer_key', 'heard.contacted_on') }}
),

-- what an agent heard pauses the payer for as long as its code says, or until the agreed day
outcome_holds as (
    select distinct on (customer_key)
        customer_key,
        case effect
            when 'none' then 'waiting_interval'
            when 'promise' then 'hold_promise'
            else 'hold_' || effect
        end as reason,
        case
            when effect <> 'deceased'
                then {{ add_days("greatest(" ~ add_days('contacted_on', 'pause_days') ~ ", coalesce(follow_up_on, contacted_on))", -1) }}
        end as last_day
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

-- told to us by a link, a mark as unwanted or a message, whatever the source still says
wishes as (
    select
        coalesce(renamed.customer_key, consents.customer_key) as customer_key,
        bool_or(channel = 'email' and not is_opted_in) as is_opted_out_email,
        bool_or(channel = 'whatsapp' and is_opted_in) as is_opted_in_whatsapp,
        bool_or(channel = 'whatsapp' and not is_opted_in) as is_opted_out_whatsapp,
        bool_or(channel = 'sms' and is_opted_in) as is_opted_in_sms,
        bool_or(channel = 'sms' and not is_opted_in) as is_opted_out_sms
    from {{ ref('stg_ledger__consents') }} as consents
    left join renamed on {{ is_renamed('consents.customer_key', 'consents.given_on') }}
    group by coalesce(renamed.customer_key, consents.customer_key)
),

emails as (
    select * from {{ ref('int_emails__chosen') }}
),

last_messages as (
    select distinct on (customer_key, channel)
        customer_key,
        channel,
        contacted_on,
        state
    from {{ ref('int_contacts__made') }}
    where channel in ('whatsapp', 'sms')
    order by customer_key, channel, contacted_on desc, contact_key
),

-- what failed is tried again after a month, when somebody may have corrected the number or the document
failed_messages as (
    select
        customer_key,
        max(case when channel = 'whatsapp' then state end) as whatsapp,
        max(case when channel = 'sms' then state end) as sms
    from last_messages
    where
        state in ('bounced', 'undelivered', 'rejected')
        and contacted_on > {{ add_days(business_date(), -30) }}
    group by customer_key
),

obstacles as (
    select
        customers.customer_key,
        customers.preferred_channel,
        failed_messages.whatsapp as failed_whatsapp,
        failed_messages.sms as failed_sms,
        coalesce(wishes.is_opted_in_whatsapp, false) as is_opted_in_whatsapp,
        coalesce(wishes.is_opted_out_whatsapp, false) as is_opted_out_whatsapp,
        coalesce(wishes.is_opted_in_sms, false) as is_opted_in_sms,
        coalesce(wishes.is_opted_out_sms, false) as is_opted_out_sms,
        case
            when customers.is_opted_out_email or wishes.is_opted_out_email then 'opted_out'
            when emails.email is null then 'no_email'
            else emails.obstacle
        end as email_obstacle,
        case
            when customers.is_opted_out_phone or coalesce(unreachable_phones.is_opted_out, false) then 'opted_out'
            when customers.phone is null or unreachable_phones.customer_key is not null then 'no_phone'
        end as phone_obstacle,
        -- a Brazilian number without the ninth digit is a landline
        customers.phone like '+55%' and length(customers.phone) <> 14 as is_landline
    from customers
    left join unreachable_phones on customers.customer_key = unreachable_phones.customer_key
    left join failed_messages on customers.customer_key = failed_messages.customer_key
    left join wishes on customers.customer_key = wishes.customer_key
    left join emails on customers.customer_key = emails.customer_key
)

select
    customers.customer_key,
    case
        when customers.is_erased then 'hold_erased'
        when customers.is_deceased then 'hold_deceased'
        when customers.is_legal_hold then 'hold_legal'
        when manual_holds.reason is not null then manual_holds.reason
        when promise_holds.customer_key is not null then 'hold_promise'
        when agreement_holds.customer_key is not null then 'hold_agreement'
        else outcome_holds.reason
    end as hold_reason,
    -- the last day held, as far as it is known
    case
        when customers.is_erased or customers.is_deceased or customers.is_legal_hold then null
        when manual_holds.reason is not null then manual_holds.expires_on
        when promise_holds.customer_key is not null then promise_holds.last_day
        when agreement_holds.customer_key is not null then null
        else outcome_holds.last_day
    end as hold_until,
    obstacles.email_obstacle,
    obstacles.phone_obstacle,
    -- messages to a telephone only for whoever chose that channel
    {%- for channel in ['whatsapp', 'sms'] %}
    case
        when obstacles.phone_obstacle is not null then obstacles.phone_obstacle
        when obstacles.is_opted_out_{{ channel }} then 'opted_out'
        when coalesce(lower(obstacles.preferred_channel), '') <> '{{ channel }}' and not obstacles.is_opted_in_{{ channel }}
            then 'no_opt_in'
        when obstacles.is_landline then 'no_phone'
        when obstacles.failed_{{ channel }} is not null then 'failed_text'
    end as {{ channel }}_obstacle{{ ',' if not loop.last }}
    {%- endfor %}
from customers
inner join obstacles on customers.customer_key = obstacles.customer_key
left join manual_holds on customers.customer_key = manual_holds.customer_key
left join promise_holds on customers.customer_key = promise_holds.customer_key
left join agreement_holds on customers.customer_key = agreement_holds.customer_key
left join outcome_holds on customers.customer_key = outcome_holds.customer_key
