with balances as (select * from {{ ref('int_balances__summed') }}),

month_ends as (
    select *
    from {{ ref('int_month_ends__listed') }}
    where previous_as_of_date is not null
),

bands as ({{ aging_bands() }}),

openings as (
    select
        month_ends.as_of_date,
        month_ends.period_start,
        month_ends.months_back,
        month_ends.is_business_date,
        balances.currency,
        balances.is_customer,
        balances.customer_key,
        bands.band_order,
        balances.receivables,
        balances.balance,
        balances.next_received_amount
    from balances
    inner join month_ends
        on month_ends.previous_as_of_date = balances.as_of_date
    inner join bands
        on bands.aging_band = balances.aging_band
),

opened as (
    select
        as_of_date,
        period_start,
        months_back,
        is_business_date,
        currency,
        band_order,
        sum(receivables) as receivables,
        sum(balance) as opening_amount,
        sum(next_received_amount) as received_amount
    from openings
    where not is_customer
    group by as_of_date, period_start, months_back, is_business_date, currency, band_order
),

-- A customer stands in the band of the oldest debt, once per currency.
customers as (
    select
        as_of_date,
        period_start,
        currency,
        customer_key,
        band_order
    from openings
    where is_customer
),

promises as (
    select distinct
        customers.as_of_date,
        customers.currency,
        customers.customer_key
    from {{ ref('fct_promises') }} as promises
    inner join customers
        on
            customers.customer_key = promises.customer_key
            and customers.currency = promises.currency
            and promises.made_on >= customers.period_start
            and promises.made_on <= customers.as_of_date
),

agreements as (
    select
        customers.as_of_date,
        customers.currency,
        customers.customer_key,
        sum(agreements.amount) as agreed_amount
    from {{ ref('fct_agreements') }} as agreements
    inner join customers
        on
            customers.customer_key = agreements.customer_key
            and customers.currency = agreements.currency
            and agreements.agreed_on >= customers.period_start
            and agreements.agreed_on <= customers.as_of_date
    group by customers.as_of_date, customers.currency, customers.customer_key
),

answers as (
    select
        customers.as_of_date,
        customers.currency,
        customers.band_order,
        count(*) as customers,
        count(promises.customer_key) as promised_customers,
        count(agreements.customer_key) as agreed_customers,
        sum(coalesce(agreements.agreed_amount, 0)) as agreed_amount
    from customers
    left join promises
        on
            promises.as_of_date = customers.as_of_date
            and promises.currency = customers.currency
            and promises.customer_key = customers.customer_key
    left join agreements
        on
            agreements.as_of_date = customers.as_of_date
            and agreements.currency = customers.currency
            and agreements.customer_key = customers.customer_key
    group by customers.as_of_date, customers.currency, customers.band_order
)

select
    {{ business_date() }} as business_date,
    opened.as_of_date,
    opened.period_start,
    opened.months_back,
    opened.is_business_date,
    opened.currency,
    bands.aging_band,
    bands.band_order,
    cast(opened.receivables as bigint) as receivables,
    cast(coalesce(answers.customers, 0) as bigint) as customers,
    {{ money('opened.opening_amount') }} as opening_amount,
    {{ money('opened.received_amount') }} as received_amount,
    {{ ratio('opened.received_amount', 'opened.opening_amount') }} as recovery_rate,
    cast(coalesce(answers.promised_customers, 0) as bigint) as promised_customers,
    cast(coalesce(answers.agreed_customers, 0) as bigint) as agreed_customers,
    {{ money('coalesce(answers.agreed_amount, 0)') }} as agreed_amount,
    {{ ratio('answers.agreed_customers', 'answers.customers') }} as agreement_rate
from opened
inner join bands
    on bands.band_order = opened.band_order
left join answers
    on
        answers.as_of_date = opened.as_of_date
        and answers.currency = opened.currency
        and answers.band_order = opened.band_order
