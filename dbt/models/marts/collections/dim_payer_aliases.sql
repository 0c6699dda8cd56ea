with customers as (select * from {{ ref('stg_landing__customers') }}),

payers as (
    select
        customer_key,
        count(*) as accounts
    from customers
    group by customer_key
)

select
    {{ business_date() }} as business_date,
    customers.source,
    customers.customer_id,
    customers.customer_key,
    customers.customer_name,
    {{ masked_tax_id('customers.tax_id') }} as tax_id_masked,
    customers.city,
    customers.state,
    customers.joined_by,
    cast(payers.accounts as integer) as accounts
from customers
inner join payers on customers.customer_key = payers.customer_key
