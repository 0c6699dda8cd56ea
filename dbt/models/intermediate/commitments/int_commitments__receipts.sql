-- Which receipts may fulfil each promise and agreement: money for the receivables that it is about, or that came in for none,
-- from its day on.
with titles as (
    select
        kind,
        commitment_id,
        made_on,
        receivable_key
    from {{ ref('int_commitments__titles') }}

    union

    select
        'agreement' as kind,
        booked.agreement_id as commitment_id,
        agreements.agreed_on as made_on,
        booked.receivable_key
    from {{ ref('int_agreements__instalments_booked') }} as booked
    inner join {{ ref('stg_ledger__agreements') }} as agreements on booked.agreement_id = agreements.agreement_id
),

parties as (select * from {{ ref('int_commitments__parties') }}),

receipts as (select * from {{ ref('int_receipts__lasting') }})

select
    titles.kind,
    titles.commitment_id,
    titles.made_on,
    receipts.source,
    receipts.payment_id,
    receipts.paid_on,
    receipts.amount,
    receipts.lasting_amount
from titles
inner join receipts
    on titles.receivable_key = receipts.receivable_key
    and titles.made_on <= receipts.paid_on

union all

select
    parties.kind,
    parties.commitment_id,
    parties.made_on,
    receipts.source,
    receipts.payment_id,
    receipts.paid_on,
    receipts.amount,
    receipts.lasting_amount
from parties
inner join receipts
    on {{ same_account('parties', 'receipts') }}
    and parties.currency = receipts.currency
    and parties.made_on <= receipts.paid_on
