-- How each payer has paid so far. Only settled receivables and what is overdue today are looked at, all of it dated on or
-- before the business date, so later events cannot move a past night's figures.
with receivables as (
    select * from {{ ref('int_receivables__balanced') }}
),

-- paid by the payer, not written off or credited away
settled as (
    select
        customer_key,
        {{ cents('amount') }} as cents,
        greatest({{ days_between('effective_due_date', 'settled_on') }}, 0) as days_late,
        settled_on
    from receivables
    where
        status = 'settled'
        and settled_on is not null
        and paid_amount > 0
),

settled_history as (
    select
        customer_key,
        cast(count(*) as integer) as settled_receivables,
        cast(sum(case when days_late = 0 then 1 else 0 end) as integer) as settled_on_time,
        cast(sum(case when days_late > 30 then 1 else 0 end) as integer) as settled_seriously_late,
        sum(days_late) as days_late,
        sum(cents) as cents,
        sum(cents * days_late) as cent_days_late,
        cast(max(days_late) as integer) as max_days_late,
        max(case when days_late > 0 then settled_on end) as last_late_on
    from settled
    group by customer_key
),

overdue as (
    select
        customer_key,
        -- the ranking compares reais with reais
        sum(case when currency = 'BRL' then open_amount else 0 end) as open_overdue_amount,
        cast(max({{ days_between('effective_due_date', business_date()) }}) as integer) as open_days_past_due
    from receivables
    where
        is_open
        and not is_disputed
        and effective_due_date < {{ business_date() }}
    group by customer_key
),

first_seen as (
    select
        customer_key,
        min(coalesce(issue_date, due_date)) as first_issued_on
    from receivables
    group by customer_key
)

select
    first_seen.customer_key,
    first_seen.first_issued_on,
    coalesce(settled_history.settled_receivables, 0) as settled_receivables,
    coalesce(settled_history.settled_on_time, 0) as settled_on_time,
    coalesce(settled_history.settled_seriously_late, 0) as settled_seriously_late,
    {{ ratio('settled_history.settled_on_time', 'settled_history.settled_receivables') }} as on_time_rate,
    {{ ratio('settled_history.settled_seriously_late', 'settled_history.settled_receivables') }} as seriously_late_rate,
    {{ ratio('settled_history.days_late', 'settled_history.settled_receivables') }} as mean_days_late,
    {{ ratio('settled_history.cent_days_late', 'settled_history.cents') }} as weighted_days_late,
    settled_history.max_days_late,
    settled_history.last_late_on,
    {{ money('coalesce(overdue.open_overdue_amount, 0)') }} as open_overdue_amount,
    coalesce(overdue.open_days_past_due, 0) as open_days_past_due
from first_seen
left join settled_history on first_seen.customer_key = settled_history.customer_key
left join overdue on first_seen.customer_key = overdue.customer_key
