{#- Past months whose receivables have had their 30 days by now, as months before the business date. -#}
{%- set first_month, last_month = 3, 8 -%}

-- Receivables as they stood at the past month ends on which the ranking is tried out, from what was dated by then. What a
-- source closed without a dated event (cancelled, renegotiated, settled by its status alone) cannot be placed in time and
-- stays out, also where an agreement that is broken tonight gave the debt back. A payment that was landed late but is dated
-- earlier counts from its date: these are today's books of that day, while the ranking that a past night acted on is kept
-- with its own batch and never changes.
with month_ends as (
    select as_of_date
    from {{ ref('int_month_ends__date_spined') }}
    where months_back between {{ first_month }} and {{ last_month }}
),

receivables as (
    select * from {{ ref('int_receivables__balances_computed') }}
    where
        (status in ('open', 'written_off') or (status = 'settled' and settled_on is not null))
        and is_restored is not true
),

payments as (select * from {{ ref('stg_landing__payments') }}),

known as (
    select
        month_ends.as_of_date,
        receivables.*,
        -- whose last payment lies before that day stood then as it stands now
        receivables.status = 'settled' and receivables.settled_on <= month_ends.as_of_date as is_settled_by_then
    from receivables
    inner join {{ ref('int_payers__sampled') }} as sampled on receivables.customer_key = sampled.customer_key
    inner join month_ends on month_ends.as_of_date >= coalesce(receivables.issue_date, receivables.due_date)
),

applied as (
    select
        known.as_of_date,
        known.receivable_key,
        sum(payments.amount) as reduced_amount,
        sum(case when payments.kind in ('payment', 'reversal') then payments.amount else 0 end) as paid_amount,
        sum(case when payments.kind = 'write_off' then payments.amount else 0 end) as written_off_amount,
        max(case when payments.amount > 0 then payments.paid_on end) as last_paid_on
    from known
    inner join payments
        on known.receivable_key = payments.receivable_key
        and known.as_of_date >= payments.paid_on
    where known.is_settled_by_then is not true
    group by known.as_of_date, known.receivable_key
),

balances as (
    select
        known.as_of_date,
        known.receivable_key,
        known.customer_key,
        known.currency,
        known.issue_date,
        known.due_date,
        known.effective_due_date,
        known.amount,
        known.is_disputed,
        case when known.is_settled_by_then then known.paid_amount else coalesce(applied.paid_amount, 0) end as paid_amount,
        coalesce(applied.written_off_amount, 0) as written_off_amount,
        case when known.is_settled_by_then then known.settled_on else applied.last_paid_on end as last_paid_on,
        case when known.is_settled_by_then then 0 else known.amount - coalesce(applied.reduced_amount, 0) end as balance
    from known
    left join applied
        on known.receivable_key = applied.receivable_key
        and known.as_of_date = applied.as_of_date
),

statuses as (
    select
        *,
        case
            when balance > 0 then 'open'
            when written_off_amount > 0 then 'written_off'
            else 'settled'
        end as status
    from balances
)

select
    as_of_date,
    receivable_key,
    customer_key,
    currency,
    issue_date,
    due_date,
    effective_due_date,
    amount,
    {{ money('paid_amount') }} as paid_amount,
    {{ money("case when status = 'open' then balance else 0 end") }} as open_amount,
    status,
    case when status = 'settled' then last_paid_on end as settled_on,
    is_disputed
from statuses
