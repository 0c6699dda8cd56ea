-- What the source has with a later date of each open receivable, whether that will settle it, and until when it is waited for:
-- the payer's next bank day after the last date, and the bank days that money takes to clear. What lies too far ahead is no date
-- to wait for, but more likely a slip of the pen.
with limits as (select * from {{ ref('int_creditors__limits') }}),

receivables as (select * from {{ ref('int_receivables__balances_computed') }}),

scheduled as (
    select
        payments.receivable_key,
        sum(payments.amount) as scheduled_amount,
        max(payments.paid_on) as scheduled_on
    from {{ ref('stg_landing__scheduled_payments') }} as payments
    inner join receivables on payments.receivable_key = receivables.receivable_key
    inner join limits on receivables.creditor = limits.creditor
    where
        payments.kind <> 'write_off'
        and payments.paid_on <= {{ add_days(business_date(), 'limits.scheduled_payment_days') }}
    group by payments.receivable_key
    having sum(payments.amount) > 0
),

calendar as (select * from {{ ref('stg_policy__calendar') }}),

local_calendar as (select * from {{ ref('stg_policy__local_calendar') }}),

bank_days as (
    select
        bank_day_number,
        min(day) as bank_day
    from calendar
    group by bank_day_number
),

-- a source that calls open exactly what the payments will leave has subtracted them already
expected as (
    select
        scheduled.receivable_key,
        scheduled.scheduled_amount,
        scheduled.scheduled_on,
        receivables.creditor,
        receivables.amount,
        receivables.open_amount - case
            when
                receivables.open_amount + scheduled.scheduled_amount
                = receivables.amount - receivables.paid_amount - receivables.credited_amount - receivables.written_off_amount
                then 0
            else scheduled.scheduled_amount
        end as left_amount,
        coalesce(local_calendar.effective_date, calendar.effective_date) as effective_on
    from scheduled
    inner join receivables on scheduled.receivable_key = receivables.receivable_key
    inner join {{ ref('int_customers__calendar_resolved') }} as places on receivables.customer_key = places.customer_key
    inner join calendar on scheduled.scheduled_on = calendar.day
    left join local_calendar
        on places.place = local_calendar.place
        and scheduled.scheduled_on = local_calendar.day
    where receivables.is_open
)

select
    expected.receivable_key,
    {{ money('expected.scheduled_amount') }} as scheduled_amount,
    expected.scheduled_on,
    coalesce(bank_days.bank_day, expected.effective_on) as waited_until,
    {{ is_rest('expected.left_amount', 'expected.amount') }} as is_covered
from expected
inner join limits on expected.creditor = limits.creditor
inner join calendar on expected.effective_on = calendar.day
left join bank_days on calendar.bank_day_number + limits.clearing_bank_days = bank_days.bank_day_number
