-- Until when a promised day and an instalment may be paid. A term that ends where the payer's banks are closed runs to the next
-- bank day (Código Civil, art. 132, § 1º), and so does its grace; what was paid on the last day is known some bank days later, as
-- for boletos.
with limits as (select * from {{ ref('int_creditors__limits') }}),

listed as (
    select * from {{ ref('int_customer_keys__remapped') }}
    where is_listed
),

places as (select * from {{ ref('int_customers__calendar_resolved') }}),

calendar as (select * from {{ ref('stg_policy__calendar') }}),

local_calendar as (select * from {{ ref('stg_policy__local_calendar') }}),

bank_days as (
    select
        bank_day_number,
        min(day) as bank_day
    from calendar
    group by bank_day_number
),

terms as (
    select
        'promise' as kind,
        promise_id as term_id,
        1 as number,
        customer_key,
        creditor,
        promised_on as due_on
    from {{ ref('stg_ledger__promises') }}

    union all

    select
        'instalment' as kind,
        agreement_id as term_id,
        number,
        customer_key,
        creditor,
        due_on
    from {{ ref('int_agreements__instalments') }}
),

placed as (
    select
        terms.*,
        places.place
    from terms
    left join listed on terms.customer_key = listed.former_key
    left join places on coalesce(listed.customer_key, terms.customer_key) = places.customer_key
),

effective as (
    select
        placed.*,
        coalesce(local_calendar.effective_date, calendar.effective_date) as effective_due_on,
        {{ add_days('coalesce(local_calendar.effective_date, calendar.effective_date)', 'limits.promise_grace_days') }}
            as grace_ends_on,
        limits.clearing_bank_days
    from placed
    inner join limits on placed.creditor = limits.creditor
    inner join calendar on placed.due_on = calendar.day
    left join local_calendar
        on placed.place = local_calendar.place
        and placed.due_on = local_calendar.day
),

ended as (
    select
        effective.*,
        coalesce(local_calendar.effective_date, calendar.effective_date) as last_day
    from effective
    inner join calendar on effective.grace_ends_on = calendar.day
    left join local_calendar
        on effective.place = local_calendar.place
        and effective.grace_ends_on = local_calendar.day
),

cleared as (
    select
        ended.kind,
        ended.term_id,
        ended.number,
        ended.due_on,
        ended.effective_due_on,
        ended.last_day,
        {{ add_days('coalesce(bank_days.bank_day, ended.last_day)', 1) }} as missed_from
    from ended
    inner join calendar on ended.last_day = calendar.day
    left join bank_days on calendar.bank_day_number + ended.clearing_bank_days = bank_days.bank_day_number
)

select
    *,
    missed_from <= {{ business_date() }} as is_over
from cleared
