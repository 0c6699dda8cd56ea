with balances as (
    select * from {{ ref('int_balances__summed') }}
    where not is_customer
),

month_ends as (select * from {{ ref('int_month_ends__date_spined') }}),

bands as ({{ aging_bands() }}),

-- No empty past is drawn before a currency's first receivable.
currencies as (
    select
        books.book as creditor,
        receivables.currency,
        min(receivables.issued_on) as first_issued_on
    from {{ ref('int_receivables__dated') }} as receivables
    inner join {{ ref('int_books') }} as books on receivables.creditor = books.creditor
    group by books.book, receivables.currency
),

grouped as (
    select
        as_of_date,
        creditor,
        currency,
        aging_band,
        sum(receivables) as receivables,
        sum(balance) as open_amount
    from balances
    group by as_of_date, creditor, currency, aging_band
),

filled as (
    select
        month_ends.as_of_date,
        month_ends.months_back,
        month_ends.is_business_date,
        currencies.creditor,
        currencies.currency,
        bands.aging_band,
        bands.band_order,
        coalesce(grouped.receivables, 0) as receivables,
        coalesce(grouped.open_amount, 0) as open_amount
    from currencies
    inner join month_ends
        on month_ends.as_of_date >= currencies.first_issued_on
    cross join bands
    left join grouped
        on grouped.creditor = currencies.creditor
        and grouped.currency = currencies.currency
        and grouped.as_of_date = month_ends.as_of_date
        and grouped.aging_band = bands.aging_band
),

totalled as (
    select
        *,
        sum(open_amount) over (partition by creditor, currency, as_of_date) as total_amount
    from filled
)

select
    {{ business_date() }} as business_date,
    as_of_date,
    months_back,
    is_business_date,
    creditor,
    currency,
    aging_band,
    band_order,
    cast(receivables as bigint) as receivables,
    {{ money('open_amount') }} as open_amount,
    {{ ratio('open_amount', 'total_amount') }} as open_share
from totalled
