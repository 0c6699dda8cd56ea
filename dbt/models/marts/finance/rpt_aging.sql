with receivables as ({{ by_book(ref('fct_receivables')) }}),

bands as ({{ aging_bands() }}),

currencies as (
    select distinct
        books.book as creditor,
        balances.currency
    from {{ ref('int_receivables__balances_computed') }} as balances
    inner join {{ ref('int_books') }} as books on balances.creditor = books.creditor
),

-- The same receivables twice: days counted from the bank's effective due date, and from the date on the document.
measured as (
    select
        'effective' as basis,
        aging_band,
        book as creditor,
        currency,
        customer_key,
        open_amount,
        amount_due
    from receivables
    union all
    select
        'original' as basis,
        {{ aging_band('days_past_due_original') }} as aging_band,
        book as creditor,
        currency,
        customer_key,
        open_amount,
        amount_due
    from receivables
),

grouped as (
    select
        basis,
        aging_band,
        creditor,
        currency,
        count(*) as receivables,
        count(distinct customer_key) as customers,
        sum(open_amount) as open_amount,
        sum(amount_due) as amount_due
    from measured
    group by basis, aging_band, creditor, currency
),

-- Every band appears, also with nothing in it.
filled as (
    select
        bases.basis,
        currencies.creditor,
        currencies.currency,
        bands.aging_band,
        bands.band_order,
        coalesce(grouped.receivables, 0) as receivables,
        coalesce(grouped.customers, 0) as customers,
        coalesce(grouped.open_amount, 0) as open_amount,
        coalesce(grouped.amount_due, 0) as amount_due
    from currencies
    cross join (select 'effective' as basis union all select 'original' as basis) as bases
    cross join bands
    left join grouped
        on grouped.creditor = currencies.creditor
        and grouped.currency = currencies.currency
        and grouped.basis = bases.basis
        and grouped.aging_band = bands.aging_band
),

totalled as (
    select
        *,
        sum(open_amount) over (partition by creditor, currency, basis) as total_amount
    from filled
)

select
    {{ business_date() }} as business_date,
    creditor,
    currency,
    basis,
    aging_band,
    band_order,
    cast(receivables as bigint) as receivables,
    cast(customers as bigint) as customers,
    {{ money('open_amount') }} as open_amount,
    {{ money('amount_due') }} as amount_due,
    {{ ratio('open_amount', 'total_amount') }} as open_share
from totalled
