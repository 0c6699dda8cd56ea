-- The money that came in for what was promised or agreed, and of each receipt what no later reversal took back: a reversal
-- takes the newest money before it. Where nothing is owed any more, a reversal was of money that had come twice.
with titles as (
    select receivable_key from {{ ref('int_commitments__titles') }}

    union

    select receivable_key from {{ ref('int_agreements__instalments_booked') }}
),

receivables as (select * from {{ ref('stg_landing__receivables') }}),

parties as (select distinct customer_key from {{ ref('int_commitments__parties') }}),

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
),

money as (
    select
        bookings.source,
        bookings.payment_id,
        bookings.receivable_key,
        null as customer_key,
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
        unmatched.currency,
        unmatched.customer_key || ' ' || unmatched.currency as account,
        true as is_owed,
        unmatched.paid_on,
        unmatched.amount
    from {{ ref('int_receipts__unmatched') }} as unmatched
    inner join parties on unmatched.customer_key = parties.customer_key
    where unmatched.kind in ('payment', 'reversal')
),

summed as (
    select
        *,
        sum(amount) over (
            partition by account
            order by paid_on, amount desc, source, payment_id
            rows between unbounded preceding and current row
        ) as amount_until
    from money
),

lowest as (
    select
        *,
        min(amount_until) over (
            partition by account
            order by paid_on, amount desc, source, payment_id
            rows between current row and unbounded following
        ) as lowest_amount_from
    from summed
)

select
    source,
    payment_id,
    receivable_key,
    customer_key,
    currency,
    paid_on,
    {{ money('amount') }} as amount,
    {{ money(
        'case when is_owed then greatest(least(lowest_amount_from - (amount_until - amount), amount), 0) else amount end'
    ) }} as lasting_amount
from lowest
where amount > 0
