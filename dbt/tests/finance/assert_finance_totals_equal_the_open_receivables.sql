-- Books and currencies in which a finance report and the open receivables of the night differ by as much as a cent.
with receivables as (
    select
        books.book as creditor,
        receivables.currency,
        sum(receivables.open_amount) as open_amount,
        sum(receivables.amount_due) as amount_due
    from {{ ref('fct_receivables') }} as receivables
    inner join {{ ref('int_books') }} as books on receivables.creditor = books.creditor
    group by books.book, receivables.currency
),

aging as (
    select
        creditor,
        currency,
        basis as report,
        sum(open_amount) as open_amount,
        sum(amount_due) as amount_due
    from {{ ref('rpt_aging') }}
    group by creditor, currency, basis
),

trend as (
    select
        creditor,
        currency,
        'trend' as report,
        sum(open_amount) as open_amount,
        cast(null as decimal(18, 2)) as amount_due
    from {{ ref('rpt_aging_trend') }}
    where is_business_date
    group by creditor, currency
),

reports as (
    select * from aging
    union all
    select * from trend
)

select
    coalesce(reports.creditor, receivables.creditor) as creditor,
    coalesce(reports.currency, receivables.currency) as currency,
    reports.report,
    reports.open_amount as reported_amount,
    receivables.open_amount
from reports
full join receivables
    on receivables.creditor = reports.creditor
    and receivables.currency = reports.currency
where
    coalesce(reports.open_amount, 0) <> coalesce(receivables.open_amount, 0)
    or (reports.report <> 'trend' and coalesce(reports.amount_due, 0) <> coalesce(receivables.amount_due, 0))
    or reports.report is null
