with payments as (select * from {{ ref('stg_landing__payments') }}),

receivables as (select * from {{ ref('stg_landing__receivables') }}),

customers as (select * from {{ ref('stg_landing__customers') }})

select
    payments.source,
    payments.payment_id,
    payments.receivable_key,
    customers.customer_key,
    receivables.creditor,
    receivables.currency,
    payments.paid_on,
    payments.credited_on,
    payments.kind,
    payments.method,
    payments.amount
from payments
inner join receivables on payments.receivable_key = receivables.receivable_key
inner join customers
    on receivables.source = customers.source
    and receivables.customer_id = customers.customer_id
