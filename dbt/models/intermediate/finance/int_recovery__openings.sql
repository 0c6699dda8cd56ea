-- What stood open when each period began: the balances of the month end before it.
with balances as (select * from {{ ref('int_balances__summed') }}),

month_ends as (
    select *
    from {{ ref('int_month_ends__date_spined') }}
    where previous_as_of_date is not null
),

bands as ({{ aging_bands() }}),

openings as (
    select
        month_ends.as_of_date,
        month_ends.period_start,
        month_ends.months_back,
        month_ends.is_business_date,
        balances.creditor,
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
)

select * from openings
