-- The receipts in the time of each promise, and the promise's turn among those of its payer: the one that ends first takes first.
with promises as (select * from {{ ref('stg_ledger__promises') }}),

terms as (
    select * from {{ ref('int_terms__dated') }}
    where kind = 'promise'
),

listed as (
    select * from {{ ref('int_customer_keys__remapped') }}
    where is_listed
),

receipts as (
    select * from {{ ref('int_commitments__receipts') }}
    where kind = 'promise'
),

fitting as (
    select
        coalesce(listed.customer_key, promises.customer_key) as customer_key,
        promises.creditor,
        promises.promise_id,
        promises.amount as promised_amount,
        promises.made_on,
        terms.last_day,
        receipts.source,
        receipts.payment_id,
        receipts.paid_on,
        receipts.lasting_amount
    from promises
    inner join terms on promises.promise_id = terms.term_id
    inner join receipts
        on promises.promise_id = receipts.commitment_id
        and terms.last_day >= receipts.paid_on
    left join listed on promises.customer_key = listed.former_key
)

select
    *,
    dense_rank() over (
        partition by customer_key, creditor
        order by last_day, made_on, promise_id
    ) as turn
from fitting
