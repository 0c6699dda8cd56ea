with promises as (
    select * from {{ ref('stg_ledger__promises') }}
    where made_on < {{ business_date() }}
),

limits as (
    select * from {{ ref('stg_policy__limits') }}
),

payments as (
    select * from {{ ref('int_payments__applied') }}
    where kind in ('payment', 'reversal')
),

termed as (
    select
        promises.*,
        {{ add_days('promises.promised_on', 'limits.promise_grace_days') }} as last_day,
        limits.promise_kept_share
    from promises
    cross join limits
),

-- one payment fulfils one promise, the oldest that it fits
allotted as (
    select distinct on (payments.source, payments.payment_id)
        payments.source,
        payments.payment_id,
        termed.promise_id,
        payments.amount
    from payments
    inner join termed
        on payments.customer_key = termed.customer_key
        and payments.currency = termed.currency
        and payments.paid_on between termed.made_on and termed.last_day
    order by payments.source, payments.payment_id, termed.made_on, termed.promise_id
),

paid as (
    select
        promise_id,
        sum(amount) as paid_amount
    from allotted
    group by promise_id
),

measured as (
    select
        termed.*,
        {{ money('coalesce(paid.paid_amount, 0)') }} as paid_amount
    from termed
    left join paid on termed.promise_id = paid.promise_id
)

select
    promise_id,
    customer_key,
    made_on,
    promised_on,
    last_day,
    currency,
    amount,
    paid_amount,
    case
        when paid_amount >= amount * promise_kept_share then 'kept'
        when last_day >= {{ business_date() }} then 'open'
        when paid_amount > 0 then 'partial'
        else 'broken'
    end as state,
    agent_id
from measured
