-- Every payer for whom a promise or an agreement holds tonight, under the key that the payer has now.
with promises as (select * from {{ ref('stg_ledger__promises') }}),

agreements as (select * from {{ ref('stg_ledger__agreements') }}),

renamed as (select * from {{ ref('int_customer_keys__remapped') }}),

commitments as (
    select
        'promise' as kind,
        promise_id as commitment_id,
        customer_key as recorded_key,
        creditor,
        made_on,
        currency
    from promises

    union all

    select
        'agreement' as kind,
        agreement_id as commitment_id,
        customer_key as recorded_key,
        creditor,
        agreed_on as made_on,
        currency
    from agreements
)

select
    commitments.kind,
    commitments.commitment_id,
    coalesce(renamed.customer_key, commitments.recorded_key) as customer_key,
    commitments.creditor,
    commitments.made_on,
    commitments.currency
from commitments
left join renamed on {{ is_renamed('commitments.recorded_key', 'commitments.made_on') }}
