with balances as (
    select * from {{ ref('int_balances__summed') }}
    where not is_customer
),

month_ends as (select * from {{ ref('int_month_ends__date_spined') }}),

bands as ({{ aging_bands() }}),

-- The balances of one month end by where they stood at the next.
followed as (
    select
        month_ends.as_of_date,
        month_ends.months_back,
        month_ends.is_business_date,
        balances.creditor,
        balances.currency,
        balances.aging_band as from_band,
        balances.next_aging_band as to_band,
        balances.balance as earlier_balance,
        balances.next_balance as later_balance
    from balances
    inner join month_ends
        on month_ends.previous_as_of_date = balances.as_of_date
),

openings as (
    select
        as_of_date,
        months_back,
        is_business_date,
        creditor,
        currency,
        from_band,
        sum(earlier_balance) as opening_amount
    from followed
    group by as_of_date, months_back, is_business_date, creditor, currency, from_band
),

-- What is no longer owed (received, credited or written off) is settled; the rest stands in a band.
moved as (
    select
        as_of_date,
        creditor,
        currency,
        from_band,
        to_band,
        sum(later_balance) as rolled_amount
    from followed
    where to_band is not null
    group by as_of_date, creditor, currency, from_band, to_band
    union all
    select
        as_of_date,
        creditor,
        currency,
        from_band,
        'settled' as to_band,
        sum(earlier_balance - later_balance) as rolled_amount
    from followed
    group by as_of_date, creditor, currency, from_band
)

select
    {{ business_date() }} as business_date,
    openings.as_of_date,
    openings.months_back,
    openings.is_business_date,
    openings.creditor,
    openings.currency,
    openings.from_band,
    from_bands.band_order as from_order,
    moved.to_band,
    coalesce(to_bands.band_order, {{ band_names() | length }}) as to_order,
    {{ money('openings.opening_amount') }} as opening_amount,
    {{ money('moved.rolled_amount') }} as rolled_amount,
    {{ ratio('moved.rolled_amount', 'openings.opening_amount') }} as roll_rate
from openings
inner join moved
    on moved.as_of_date = openings.as_of_date
    and moved.creditor = openings.creditor
    and moved.currency = openings.currency
    and moved.from_band = openings.from_band
inner join bands as from_bands
    on from_bands.aging_band = openings.from_band
left join bands as to_bands
    on to_bands.aging_band = moved.to_band
