-- Money and reversals on what was promised or agreed, and without a receivable by who promised or agreed: each account for
-- itself, and whether anything is still owed of it.
with titles as (
    select receivable_key from {{ ref('int_commitments__titles') }}

    union

    select receivable_key from {{ ref('int_agreements__instalments_booked') }}
),

receivables as (select * from {{ ref('stg_landing__receivables') }}),

parties as (select distinct customer_key, creditor from {{ ref('int_commitments__parties') }}),

bookings as (
    select
        payments.source,
        payments.payment_id,
        payments.receivable_key,
        payments.paid_on,
        payments.kind,
        payments.amount
    from {{ ref('stg_landing__payments') }} as payments
    inner join titles on payments.receivable_key = titles.receivable_key
),

owed as (
    select
        receivables.receivable_key,
        receivables.status in ('open', 'agreed') and receivables.amount > sum(bookings.amount) as is_owed
    from bookings
    inner join receivables on bookings.receivable_key = receivables.receivable_key
    group by receivables.receivable_key, receivables.status, receivables.amount
)

select
    bookings.source,
    bookings.payment_id,
    bookings.receivable_key,
    null as customer_key,
    null as creditor,
    null as currency,
    bookings.receivable_key as account,
    owed.is_owed,
    bookings.paid_on,
    bookings.amount
from bookings
inner join owed on bookings.receivable_key = owed.receivable_key
where bookings.kind in ('payment', 'reversal')

union all

select
    unmatched.source,
    unmatched.payment_id,
    null as receivable_key,
    unmatched.customer_key,
    unmatched.creditor,
    unmatched.currency,
    {{ account('unmatched') }} || ' ' || unmatched.currency as account,
    true as is_owed,
    unmatched.paid_on,
    unmatched.amount
from {{ ref('int_receipts__unmatched') }} as unmatched
inner join parties on {{ same_account('unmatched', 'parties') }}
where unmatched.kind in ('payment', 'reversal')
