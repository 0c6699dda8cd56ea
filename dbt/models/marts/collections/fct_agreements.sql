with agreements as (select * from {{ ref('int_agreements__fulfilment_computed') }})

select
    {{ business_date() }} as business_date,
    agreement_id,
    customer_key,
    agreed_on,
    first_due_on,
    currency,
    amount,
    installments,
    discount_rate,
    past_amount,
    paid_amount,
    state,
    restores_debts,
    agent_id
from agreements
