with openings as (
    select * from {{ ref('int_recovery__openings') }}
    where not is_customer
),

answers as (select * from {{ ref('int_recovery__answers_counted') }}),

bands as ({{ aging_bands() }}),

opened as (
    select
        as_of_date,
        period_start,
        months_back,
        is_business_date,
        creditor,
        currency,
        band_order,
        sum(receivables) as receivables,
        sum(balance) as opening_amount,
        sum(next_received_amount) as received_amount
    from openings
    group by as_of_date, period_start, months_back, is_business_date, creditor, currency, band_order
)

select
    {{ business_date() }} as business_date,
    opened.as_of_date,
    opened.period_start,
    opened.months_back,
    opened.is_business_date,
    opened.creditor,
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
    on answers.as_of_date = opened.as_of_date
    and answers.creditor = opened.creditor
    and answers.currency = opened.currency
    and answers.band_order = opened.band_order
