-- What stood open on each past month end, and what became of it by the next: one pass over the payments serves the aging, the
-- roll rates and the recovery.
with receivables as (select * from {{ ref('int_receivables__dated') }}),

month_ends as (select * from {{ ref('int_month_ends__date_spined') }}),

payments as (select * from {{ ref('stg_landing__payments') }}),

periods as (
    select
        month_ends.as_of_date,
        following.as_of_date as next_as_of_date,
        coalesce(following.is_business_date, false) as is_next_business_date
    from month_ends
    left join month_ends as following on following.previous_as_of_date = month_ends.as_of_date
    where not month_ends.is_business_date
),

-- Each receivable on each month end between its issue and its settlement: few rows, since most are paid soon.
alive as (
    select
        periods.as_of_date,
        periods.next_as_of_date,
        periods.is_next_business_date,
        receivables.receivable_key,
        receivables.customer_key,
        receivables.creditor,
        receivables.currency,
        receivables.due_date,
        receivables.effective_due_date,
        receivables.closed_on,
        receivables.amount,
        receivables.open_amount
    from receivables
    inner join periods
        on periods.as_of_date >= receivables.issued_on
        and (receivables.closed_on is null or periods.as_of_date < receivables.closed_on)
),

-- Only what was dated on or before a date had happened by then.
reduced as (
    select
        alive.as_of_date,
        alive.receivable_key,
        sum(case when payments.paid_on <= alive.as_of_date then payments.amount else 0 end) as reduced_amount,
        sum(case when payments.paid_on <= alive.next_as_of_date then payments.amount else 0 end) as next_reduced_amount,
        sum(
            case
                when
                    payments.kind in ('payment', 'reversal')
                    and payments.paid_on > alive.as_of_date
                    and payments.paid_on <= alive.next_as_of_date
                    then payments.amount
                else 0
            end
        ) as next_received_amount
    from alive
    inner join payments
        on payments.receivable_key = alive.receivable_key
        and payments.paid_on <= coalesce(alive.next_as_of_date, alive.as_of_date)
    group by alive.as_of_date, alive.receivable_key
),

past as (
    select
        alive.as_of_date,
        alive.next_as_of_date,
        alive.receivable_key,
        alive.customer_key,
        alive.creditor,
        alive.currency,
        alive.due_date,
        alive.effective_due_date,
        {{ money('alive.amount - coalesce(reduced.reduced_amount, 0)') }} as balance,
        cast(
            case
                when alive.is_next_business_date then alive.open_amount
                when alive.closed_on <= alive.next_as_of_date then 0
                else greatest(alive.amount - coalesce(reduced.next_reduced_amount, 0), 0)
            end as decimal(18, 2)
        ) as next_balance,
        {{ money('coalesce(reduced.next_received_amount, 0)') }} as next_received_amount
    from alive
    left join reduced
        on reduced.receivable_key = alive.receivable_key
        and reduced.as_of_date = alive.as_of_date
)

select * from past
