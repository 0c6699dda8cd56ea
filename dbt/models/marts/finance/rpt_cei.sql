with trend as (select * from {{ ref('rpt_aging_trend') }}),

month_ends as (
    select *
    from {{ ref('int_month_ends__date_spined') }}
    where previous_as_of_date is not null
),

sales as (select * from {{ ref('int_sales__by_month') }}),

portfolios as (
    select
        as_of_date,
        creditor,
        currency,
        sum(open_amount) as open_amount,
        sum(case when aging_band = 'not_due' then open_amount else 0 end) as current_amount
    from trend
    group by as_of_date, creditor, currency
),

-- Credit notes, discounts and write-offs lower the balance without a receipt, so they are no collection.
reductions as (
    select
        month_ends.as_of_date,
        books.book as creditor,
        payments.currency,
        sum(payments.amount) as non_cash_amount
    from {{ ref('int_payments__joined_to_receivables') }} as payments
    inner join {{ ref('int_books') }} as books on payments.creditor = books.creditor
    inner join {{ ref('int_receivables__dated') }} as receivables
        on receivables.receivable_key = payments.receivable_key
    inner join month_ends
        on payments.paid_on >= month_ends.period_start
        and payments.paid_on <= month_ends.as_of_date
    where payments.kind in ('credit_note', 'discount', 'write_off')
    group by month_ends.as_of_date, books.book, payments.currency
),

flows as (
    select
        month_ends.as_of_date,
        month_ends.period_start,
        month_ends.months_back,
        month_ends.is_business_date,
        closing.creditor,
        closing.currency,
        coalesce(opening.open_amount, 0) as opening_amount,
        coalesce(sales.credit_sales, 0) as credit_sales,
        coalesce(reductions.non_cash_amount, 0) as non_cash_amount,
        closing.open_amount as closing_amount,
        closing.current_amount as closing_current_amount
    from month_ends
    inner join portfolios as closing
        on closing.as_of_date = month_ends.as_of_date
    left join portfolios as opening
        on opening.as_of_date = month_ends.previous_as_of_date
        and opening.creditor = closing.creditor
        and opening.currency = closing.currency
    left join sales
        on sales.month = month_ends.period_start
        and sales.creditor = closing.creditor
        and sales.currency = closing.currency
    left join reductions
        on reductions.as_of_date = month_ends.as_of_date
        and reductions.creditor = closing.creditor
        and reductions.currency = closing.currency
),

measured as (
    select
        *,
        opening_amount + credit_sales - non_cash_amount - closing_amount as collected_amount,
        opening_amount + credit_sales - non_cash_amount - closing_current_amount as collectable_amount
    from flows
)

select
    {{ business_date() }} as business_date,
    as_of_date,
    period_start,
    months_back,
    is_business_date,
    creditor,
    currency,
    {{ money('opening_amount') }} as opening_amount,
    {{ money('credit_sales') }} as credit_sales,
    {{ money('non_cash_amount') }} as non_cash_amount,
    {{ money('closing_amount') }} as closing_amount,
    {{ money('closing_current_amount') }} as closing_current_amount,
    {{ money('collected_amount') }} as collected_amount,
    {{ money('collectable_amount') }} as collectable_amount,
    {{ scaled_ratio('collected_amount', '100', 'collectable_amount') }} as cei
from measured
