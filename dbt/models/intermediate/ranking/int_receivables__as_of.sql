-- Receivables as they stood at the past month ends on which the ranking is tried out, from what was dated by then. What a
-- source closed without a dated event (cancelled, renegotiated, settled by its status alone) cannot be placed in time and
-- stays out, also where an agreement that is broken tonight gave the debt back. A payment that was landed late but is dated
-- earlier counts from its date: these are today's books of that day, while the ranking that a past night acted on is kept
-- with its own batch and never changes.
with month_ends as (
    select as_of_date
    from {{ ref('int_month_ends__date_spined') }}
    where {{ is_tried_month() }}
),

receivables as (
    select * from {{ ref('int_receivables__balances_computed') }}
    where
        (status in ('open', 'written_off') or (status = 'settled' and settled_on is not null))
        and is_restored is not true
),

payments as (select * from {{ ref('stg_landing__payments') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

known as (
    select
        month_ends.as_of_date,
        receivables.*,
        receivables.amount as principal,
        -- what was settled by that day, and opened by nothing since, stood then as it stands now
        coalesce(receivables.settled_on <= month_ends.as_of_date, false) as is_settled_by_then
    from receivables
    inner join {{ ref('int_payers__sampled') }} as sampled on receivables.customer_key = sampled.customer_key
    inner join month_ends on month_ends.as_of_date >= coalesce(receivables.issue_date, receivables.due_date)
),

unsettled as (
    select * from known
    where not is_settled_by_then
),

applied as (
    select
        unsettled.as_of_date,
        unsettled.receivable_key,
        sum(payments.amount) as reduced_amount,
        sum(case when payments.kind <> 'write_off' then payments.amount else 0 end) as settled_amount
    from unsettled
    inner join payments
        on unsettled.receivable_key = payments.receivable_key
        and unsettled.as_of_date >= payments.paid_on
    group by unsettled.as_of_date, unsettled.receivable_key
),

-- also what a later reversal opened again
settlements as (
    {{ settlements('unsettled', per=['as_of_date', 'receivable_key'], until='as_of_date') }}
),

stood as (
    select
        known.*,
        known.amount - coalesce(applied.reduced_amount, 0) as balance,
        case when known.is_settled_by_then then known.settled_on else settlements.settled_on end as settled_then_on,
        case when known.is_settled_by_then then known.is_settled_by_payment else settlements.paid_amount > 0 end
            as was_settled_by_payment,
        case
            when known.is_settled_by_then then 'settled'
            when {{ is_rest('known.amount - coalesce(applied.settled_amount, 0)', 'known.amount') }} then 'settled'
            when known.amount > coalesce(applied.reduced_amount, 0) then 'open'
            else 'written_off'
        end as status_then
    from known
    inner join limits on known.creditor = limits.creditor
    left join applied
        on known.receivable_key = applied.receivable_key
        and known.as_of_date = applied.as_of_date
    left join settlements
        on known.receivable_key = settlements.receivable_key
        and known.as_of_date = settlements.as_of_date
)

select
    as_of_date,
    receivable_key,
    customer_key,
    creditor,
    currency,
    issue_date,
    due_date,
    effective_due_date,
    amount,
    {{ money("case when status_then = 'open' then balance else 0 end") }} as open_amount,
    status_then as status,
    case when status_then = 'settled' then settled_then_on end as settled_on,
    status_then = 'settled' and was_settled_by_payment as is_settled_by_payment,
    is_disputed
from stood
