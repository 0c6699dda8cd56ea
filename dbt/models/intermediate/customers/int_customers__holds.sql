-- Who must not be contacted over any channel, and for which reason: the one that comes first.
with customers as (select * from {{ ref('int_customers__unified') }}),

customer_ids as (
    select
        source,
        customer_id,
        customer_key
    from {{ ref('stg_landing__customers') }}
),

renamed as (select * from {{ ref('int_customer_keys__remapped') }}),

outcome_pauses as (select * from {{ ref('int_customers__outcome_pauses') }}),

listed_holds as (
    select
        customer_ids.customer_key,
        'hold_' || holds.reason as reason,
        holds.expires_on
    from {{ ref('stg_policy__holds') }} as holds
    inner join customer_ids
        on holds.source = customer_ids.source
        and holds.target_id = customer_ids.customer_id
    where holds.scope = 'customer'
),

-- of several holds, the one that lasts longest
manual_holds as (
    {{ first_rows(
        'listed_holds',
        per=['customer_key'],
        order_by=['(expires_on is not null)', 'expires_on desc nulls last', 'reason']
    ) }}
),

promise_holds as (
    select
        coalesce(renamed.customer_key, promises.recorded_key) as customer_key,
        max({{ add_days('promises.missed_from', -1) }}) as last_day
    from {{ ref('int_promises__fulfilment_computed') }} as promises
    left join renamed on {{ is_renamed('promises.recorded_key', 'promises.made_on') }}
    where promises.state = 'open'
    group by coalesce(renamed.customer_key, promises.recorded_key)
),

agreement_holds as (
    select distinct coalesce(renamed.customer_key, agreements.recorded_key) as customer_key
    from {{ ref('int_agreements__fulfilment_computed') }} as agreements
    left join renamed on {{ is_renamed('agreements.recorded_key', 'agreements.agreed_on') }}
    where agreements.state = 'open'
),

held as (
    select
        customers.customer_key,
        case
            when customers.is_erased then 'hold_erased'
            when customers.is_deceased then 'hold_deceased'
            when customers.is_legal_hold then 'hold_legal'
            when manual_holds.reason is not null then manual_holds.reason
            when promise_holds.customer_key is not null then 'hold_promise'
            when agreement_holds.customer_key is not null then 'hold_agreement'
            else outcome_pauses.reason
        end as hold_reason,
        -- the last day held, as far as it is known
        case
            when customers.is_erased or customers.is_deceased or customers.is_legal_hold then null
            when manual_holds.reason is not null then manual_holds.expires_on
            when promise_holds.customer_key is not null then promise_holds.last_day
            when agreement_holds.customer_key is not null then null
            else outcome_pauses.last_day
        end as hold_until,
        -- no day ends it, or an agent heard what only a person can answer
        case
            when customers.is_erased then false
            when customers.is_deceased or customers.is_legal_hold then true
            when manual_holds.reason is not null then manual_holds.expires_on is null
            when promise_holds.customer_key is not null or agreement_holds.customer_key is not null then false
            else coalesce(outcome_pauses.reason in ('hold_deceased', 'hold_dispute', 'hold_request'), false)
        end as asks_person
    from customers
    left join manual_holds on customers.customer_key = manual_holds.customer_key
    left join promise_holds on customers.customer_key = promise_holds.customer_key
    left join agreement_holds on customers.customer_key = agreement_holds.customer_key
    left join outcome_pauses on customers.customer_key = outcome_pauses.customer_key
)

select * from held
