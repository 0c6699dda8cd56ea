-- The promises by whose last day nothing was owed any more of what they are about, and tonight still is not: each is kept by
-- all the money that came in its time, for whichever promise else it came.
with titles as (
    select * from {{ ref('int_commitments__titles') }}
    where kind = 'promise'
),

terms as (
    select * from {{ ref('int_terms__dated') }}
    where kind = 'promise'
),

receivables as (select * from {{ ref('stg_landing__receivables') }}),

bookings as (
    select
        titles.commitment_id as promise_id,
        titles.receivable_key,
        sum(payments.amount) as amount,
        sum(case when payments.paid_on <= terms.last_day then payments.amount else 0 end) as amount_in_time
    from titles
    inner join terms on titles.commitment_id = terms.term_id
    inner join {{ ref('stg_landing__payments') }} as payments on titles.receivable_key = payments.receivable_key
    group by titles.commitment_id, titles.receivable_key
),

settled as (
    select titles.commitment_id as promise_id
    from titles
    inner join receivables on titles.receivable_key = receivables.receivable_key
    left join bookings
        on titles.commitment_id = bookings.promise_id
        and titles.receivable_key = bookings.receivable_key
    group by titles.commitment_id
    having
        min(coalesce(bookings.amount, 0) - receivables.amount) >= 0
        and min(coalesce(bookings.amount_in_time, 0) - receivables.amount) >= 0
)

select
    settled.promise_id,
    {{ money('sum(receipts.amount)') }} as amount
from settled
inner join terms on settled.promise_id = terms.term_id
inner join {{ ref('int_commitments__receipts') }} as receipts
    on settled.promise_id = receipts.commitment_id
    and receipts.kind = 'promise'
    and terms.last_day >= receipts.paid_on
group by settled.promise_id
