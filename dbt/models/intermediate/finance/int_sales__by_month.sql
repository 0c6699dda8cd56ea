with receivables as ({{ by_book(ref('int_receivables__dated')) }}),

months as (
    select
        book as creditor,
        currency,
        {{ month_start('issued_on') }} as month,
        sum(amount) as credit_sales
    from receivables
    group by book, currency, {{ month_start('issued_on') }}
),

-- The current month ends, for now, on the business date.
dated as (
    select
        creditor,
        currency,
        month,
        least({{ add_days(add_months('month', 1), -1) }}, {{ business_date() }}) as period_end,
        credit_sales
    from months
)

select
    {{ business_date() }} as business_date,
    creditor,
    currency,
    month,
    period_end,
    {{ days_between('month', 'period_end') }} + 1 as period_days,
    {{ money('credit_sales') }} as credit_sales
from dated
