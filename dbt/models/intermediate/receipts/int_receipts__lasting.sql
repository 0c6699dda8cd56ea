-- The money that came in for what was promised or agreed, and of each receipt what no later reversal took back: a reversal
-- takes the newest money before it. Where nothing is owed any more, a reversal was of money that had come twice.
with money as (select * from {{ ref('int_receipts__committed') }}),

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
    creditor,
    currency,
    paid_on,
    {{ money('amount') }} as amount,
    {{ money(
        'case when is_owed then greatest(least(lowest_amount_from - (amount_until - amount), amount), 0) else amount end'
    ) }} as lasting_amount
from lowest
where amount > 0
