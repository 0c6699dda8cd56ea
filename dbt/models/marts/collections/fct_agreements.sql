with agreements as (
    select * from {{ ref('stg_ledger__agreements') }}
    where agreed_on < {{ business_date() }}
)

select
    {{ business_date() }} as business_date,
    agreement_id,
    customer_key,
    agreed_on,
    currency,
    amount,
    installments,
    discount_rate,
    agent_id
from agreements
