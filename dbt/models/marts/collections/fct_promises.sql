with promises as (select * from {{ ref('int_promises__fulfilment_computed') }})

select
    {{ business_date() }} as business_date,
    promise_id,
    customer_key,
    made_on,
    promised_on,
    last_day,
    currency,
    amount,
    paid_amount,
    state,
    agent_id
from promises
