-- Interest is simple and follows the balance: each payment ends a segment, and what was paid beyond the principal earns the
-- payer nothing. No charge is on more than the principal, also where a payment was given back before the day it is dated.
with started as (select * from {{ ref('int_charges__terms_resolved') }}),

legal_rates as (select * from {{ ref('int_legal_rates__accrued') }}),

payments as (select * from {{ ref('stg_landing__payments') }}),

-- the start of interest, and each day on which the balance changed; what was paid before the start counts at the start
changes as (
    select
        receivable_key,
        starts_on as day,
        principal_cents as added_cents,
        principal_cents as defaulted_cents,
        principal_cents
    from started

    union all

    select
        started.receivable_key,
        greatest(payments.paid_on, started.starts_on) as day,
        -{{ cents('payments.amount') }} as added_cents,
        case when payments.paid_on <= started.effective_due_date then -{{ cents('payments.amount') }} else 0 end
            as defaulted_cents,
        started.principal_cents
    from started
    inner join payments on started.receivable_key = payments.receivable_key
),

-- changes of one day are peers: they show one balance, and only one of them lasts until the next day
segments as (
    select
        changes.receivable_key,
        changes.defaulted_cents,
        changes.principal_cents,
        greatest(least(sum(changes.added_cents) over by_day, changes.principal_cents), 0) as balance_cents,
        {{ days_between('changes.day', 'coalesce(lead(changes.day) over by_day, ' ~ business_date() ~ ')') }} as days,
        coalesce(legal_rates.remaining_index, 0) - coalesce(lead(legal_rates.remaining_index) over by_day, 0) as legal_index
    from changes
    left join legal_rates on changes.day = legal_rates.day
    window by_day as (
        partition by changes.receivable_key
        order by changes.day
    )
),

balances as (
    select
        receivable_key,
        greatest(least(sum(defaulted_cents), max(principal_cents)), 0) as defaulted_cents,
        sum(balance_cents * days) as cent_days,
        sum(balance_cents * legal_index) as cent_index
    from segments
    group by receivable_key
),

-- cents x millionths (x days): whole numbers, divided once, at the end of the item
accrued as (
    select
        started.receivable_key,
        started.interest_start,
        started.fine_rate,
        started.monthly_interest_rate,
        started.overpaid_cents,
        {{ divide_half_up(whole('balances.defaulted_cents') ~ ' * ' ~ millionths('started.fine_rate'), 1000000) }} as fine_cents,
        {{ divide_half_up(
            'case when started.monthly_interest_rate is null then ' ~ whole('balances.cent_index')
            ~ ' else ' ~ whole('balances.cent_days') ~ ' * ' ~ millionths('started.monthly_interest_rate') ~ ' end',
            30000000
        ) }} as interest_cents
    from started
    inner join balances on started.receivable_key = balances.receivable_key
)

select * from accrued
