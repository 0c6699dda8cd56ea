-- Money that came in for no receivable, such as an advance or a transfer that nobody has matched yet, and whose it is.
with payments as (
    select * from {{ ref('stg_landing__payments') }}
    where receivable_key is null
),

customers as (select * from {{ ref('stg_landing__customers') }})

select
    payments.source,
    payments.payment_id,
    customers.customer_key,
    payments.creditor,
    coalesce(payments.currency, 'BRL') as currency,
    payments.paid_on,
    payments.kind,
    payments.amount
from payments
inner join customers
    on payments.source = customers.source
    and payments.customer_id = customers.customer_id
