-- A customer stands in the band of the oldest debt, once per book and currency.
with customers as (
    select
        as_of_date,
        period_start,
        creditor,
        currency,
        customer_key,
        band_order
    from {{ ref('int_recovery__openings') }}
    where is_customer
),

books as (select * from {{ ref('int_books') }}),

promises as (
    select distinct
        customers.as_of_date,
        customers.creditor,
        customers.currency,
        customers.customer_key
    from {{ ref('int_promises__fulfilment_computed') }} as promises
    inner join books on promises.creditor = books.creditor
    inner join customers
        on customers.customer_key = promises.customer_key
        and customers.creditor = books.book
        and customers.currency = promises.currency
        and promises.made_on >= customers.period_start
        and promises.made_on <= customers.as_of_date
),

agreements as (
    select
        customers.as_of_date,
        customers.creditor,
        customers.currency,
        customers.customer_key,
        sum(agreements.amount) as agreed_amount
    from {{ ref('int_agreements__fulfilment_computed') }} as agreements
    inner join books on agreements.creditor = books.creditor
    inner join customers
        on customers.customer_key = agreements.customer_key
        and customers.creditor = books.book
        and customers.currency = agreements.currency
        and agreements.agreed_on >= customers.period_start
        and agreements.agreed_on <= customers.as_of_date
    group by customers.as_of_date, customers.creditor, customers.currency, customers.customer_key
),

answers as (
    select
        customers.as_of_date,
        customers.creditor,
        customers.currency,
        customers.band_order,
        count(*) as customers,
        count(promises.customer_key) as promised_customers,
        count(agreements.customer_key) as agreed_customers,
        sum(coalesce(agreements.agreed_amount, 0)) as agreed_amount
    from customers
    left join promises
        on promises.as_of_date = customers.as_of_date
        and promises.creditor = customers.creditor
        and promises.currency = customers.currency
        and promises.customer_key = customers.customer_key
    left join agreements
        on agreements.as_of_date = customers.as_of_date
        and agreements.creditor = customers.creditor
        and agreements.currency = customers.currency
        and agreements.customer_key = customers.customer_key
    group by customers.as_of_date, customers.creditor, customers.currency, customers.band_order
)

select * from answers
