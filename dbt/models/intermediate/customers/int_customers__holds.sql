-- Who must not be contacted over any channel for a creditor, and for which reason: the one that comes first. A promise and an
-- agreement hold back the creditor to whom they were made; the rest holds for all.
with customers as (select * from {{ ref('int_customers__unified') }}),

creditors as (select * from {{ ref('int_customers__creditors') }}),

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
        creditors.customer_key,
        creditors.creditor,
        'hold_' || holds.reason as reason,
        holds.expires_on
    from {{ ref('stg_policy__holds') }} as holds
    inner join customer_ids
        on holds.source = customer_ids.source
        and holds.target_id = customer_ids.customer_id
    inner join creditors
        on customer_ids.customer_key = creditors.customer_key and coalesce(holds.only_creditor = creditors.creditor, true)
    where holds.scope = 'customer'
),

-- of several holds, the one that lasts longest
manual_holds as (
    {{ first_rows(
        'listed_holds',
        per=['customer_key', 'creditor'],
        order_by=['(expires_on is not null)', 'expires_on desc nulls last', 'reason']
    ) }}
),

promise_holds as (
    select
        coalesce(renamed.customer_key, promises.recorded_key) as customer_key,
        promises.creditor,
        max({{ add_days('promises.missed_from', -1) }}) as last_day
    from {{ ref('int_promises__fulfilment_computed') }} as promises
    left join renamed on {{ is_renamed('promises.recorded_key', 'promises.made_on') }}
    where promises.state = 'open'
    group by coalesce(renamed.customer_key, promises.recorded_key), promises.creditor
),

agreement_holds as (
    select distinct
        coalesce(renamed.customer_key, agreements.recorded_key) as customer_key,
        agreements.creditor
    from {{ ref('int_agreements__fulfilment_computed') }} as agreements
    left join renamed on {{ is_renamed('agreements.recorded_key', 'agreements.agreed_on') }}
    where agreements.state = 'open'
),

held as (
    select
        customers.customer_key,
        creditors.creditor,
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
    inner join creditors on customers.customer_key = creditors.customer_key
    left join manual_holds on {{ same_account('creditors', 'manual_holds') }}
    left join promise_holds on {{ same_account('creditors', 'promise_holds') }}
    left join agreement_holds on {{ same_account('creditors', 'agreement_holds') }}
    left join outcome_pauses on {{ same_account('creditors', 'outcome_pauses') }}
)

select * from held
