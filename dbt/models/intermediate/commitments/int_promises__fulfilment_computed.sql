-- How each promise stands, by the money that came in its time for what it is about.
with promises as (select * from {{ ref('stg_ledger__promises') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

terms as (
    select * from {{ ref('int_terms__dated') }}
    where kind = 'promise'
),

listed as (
    select * from {{ ref('int_customer_keys__remapped') }}
    where is_listed
),

allotted as (
    select
        promise_id,
        sum(amount) as amount
    from {{ ref('int_promises__receipts_allotted') }}
    group by promise_id
),

settled as (select * from {{ ref('int_promises__settled_in_time') }}),

measured as (
    select
        promises.*,
        coalesce(listed.customer_key, promises.customer_key) as present_key,
        terms.last_day,
        terms.missed_from,
        terms.is_over,
        limits.promise_kept_share,
        {{ money('least(coalesce(settled.amount, allotted.amount, 0), promises.amount)') }} as paid_amount
    from promises
    inner join terms on promises.promise_id = terms.term_id
    inner join limits on promises.creditor = limits.creditor
    left join allotted on promises.promise_id = allotted.promise_id
    left join settled on promises.promise_id = settled.promise_id
    left join listed on promises.customer_key = listed.former_key
)

select
    promise_id,
    present_key as customer_key,
    customer_key as recorded_key,
    creditor,
    made_on,
    promised_on,
    last_day,
    missed_from,
    currency,
    amount,
    paid_amount,
    case
        when paid_amount >= amount * promise_kept_share then 'kept'
        when not is_over then 'open'
        when paid_amount > 0 then 'partial'
        else 'broken'
    end as state,
    agent_id
from measured
