with promises as (select * from {{ ref('int_promises__fulfilment_computed') }}),

titles as (
    select
        commitment_id,
        cast(count(*) as integer) as receivables
    from {{ ref('int_commitments__titles') }}
    where kind = 'promise'
    group by commitment_id
)

select
    {{ business_date() }} as business_date,
    promises.promise_id,
    promises.customer_key,
    promises.creditor,
    promises.made_on,
    promises.promised_on,
    promises.last_day,
    promises.currency,
    promises.amount,
    promises.paid_amount,
    promises.state,
    promises.agent_id,
    coalesce(titles.receivables, 0) as receivables
from promises
left join titles on promises.promise_id = titles.commitment_id
