with allowance as (select * from {{ ref('rpt_allowance') }}),

month_ends as (
    select *
    from {{ ref('int_month_ends__date_spined') }}
    where previous_as_of_date is not null
),

-- Without a rate for one band there is no total.
totals as (
    select
        as_of_date,
        creditor,
        currency,
        case when count(allowance) = count(*) then sum(allowance) end as allowance
    from allowance
    group by as_of_date, creditor, currency
),

write_offs as (
    select
        month_ends.as_of_date,
        books.book as creditor,
        payments.currency,
        sum(payments.amount) as written_off_amount
    from {{ ref('int_payments__joined_to_receivables') }} as payments
    inner join {{ ref('int_books') }} as books on payments.creditor = books.creditor
    inner join month_ends
        on payments.paid_on >= month_ends.period_start
        and payments.paid_on <= month_ends.as_of_date
    where payments.kind = 'write_off'
    group by month_ends.as_of_date, books.book, payments.currency
)

select
    {{ business_date() }} as business_date,
    month_ends.as_of_date,
    month_ends.period_start,
    month_ends.months_back,
    month_ends.is_business_date,
    closing.creditor,
    closing.currency,
    {{ money('opening.allowance') }} as opening_allowance,
    {{ money('coalesce(write_offs.written_off_amount, 0)') }} as written_off_amount,
    {{ money('closing.allowance - opening.allowance + coalesce(write_offs.written_off_amount, 0)') }} as provision_amount,
    {{ money('closing.allowance') }} as closing_allowance
from month_ends
inner join totals as closing
    on closing.as_of_date = month_ends.as_of_date
left join totals as opening
    on opening.as_of_date = month_ends.previous_as_of_date
    and opening.creditor = closing.creditor
    and opening.currency = closing.currency
left join write_offs
    on write_offs.as_of_date = month_ends.as_of_date
    and write_offs.creditor = closing.creditor
    and write_offs.currency = closing.currency
