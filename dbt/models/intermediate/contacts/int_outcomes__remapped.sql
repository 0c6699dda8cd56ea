-- What an agent heard under a key that changed since holds for every payer that it was about.
with outcomes as (select * from {{ ref('stg_ledger__outcomes') }}),

renamed as (select * from {{ ref('int_customer_keys__remapped') }}),

remapped as (
    select
        coalesce(renamed.customer_key, outcomes.customer_key) as customer_key,
        outcomes.creditor,
        outcomes.outcome_id,
        outcomes.contacted_on,
        outcomes.follow_up_on,
        outcomes.effect,
        outcomes.pause_days
    from outcomes
    left join renamed on {{ is_renamed('outcomes.customer_key', 'outcomes.contacted_on') }}
)

select * from remapped
