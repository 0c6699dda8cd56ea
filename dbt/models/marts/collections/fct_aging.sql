{{ config(materialized='table') }}

with receivables as (select * from {{ ref('int_receivables__aged') }})

select
    {{ business_date() }} as business_date,
    customer_key,
    creditor,
    currency,
    aging_band,
    cast(count(*) as integer) as receivables,
    {{ money('sum(open_amount)') }} as open_amount,
    {{ money('sum(amount_due)') }} as amount_due
from receivables
group by customer_key, creditor, currency, aging_band
