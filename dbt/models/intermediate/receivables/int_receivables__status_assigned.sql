-- Where each open receivable stands tonight, before anything about its payer: held, far from due, near due, in the bank's
-- clearing time, or overdue; and the régua that it follows.
with receivables as (select * from {{ ref('int_receivables__aged') }}),

held as (select * from {{ ref('int_receivables__held') }}),

credits as (select * from {{ ref('int_receivables__credit_applied') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

-- each régua looks as far ahead as its first preventive step
horizons as (
    select
        segment as regua,
        -least(min(step_offset), 0) as days
    from {{ ref('stg_policy__steps') }}
    group by segment
),

due_days as (select * from {{ ref('stg_policy__calendar') }}),

yesterday as (
    select bank_day_number
    from {{ ref('stg_policy__calendar') }}
    where day = {{ add_days(business_date(), -1) }}
),

asked as (
    select
        receivables.*,
        held.regua,
        held.ends_at_offset,
        held.goes_on_after_offset,
        -- money of the payer that covers it is allotted by a person, and not asked for a second time
        case when credits.is_covered then 'in_credit' else held.hold_reason end as hold_reason,
        held.hold_until,
        {{ money('coalesce(credits.credit_applied, 0)') }} as credit_applied,
        {{ money(
            'receivables.open_amount - coalesce(credits.credit_applied, 0) + coalesce(credits.asked_fine, receivables.fine)'
            ~ ' + coalesce(credits.asked_interest, receivables.interest)'
        ) }} as asked_amount
    from receivables
    inner join held on receivables.receivable_key = held.receivable_key
    left join credits on receivables.receivable_key = credits.receivable_key
)

select
    asked.*,
    case
        when asked.hold_reason is not null then 'held'
        when -asked.days_past_due > horizons.days then 'not_due'
        -- what is left of a receivable that was all but paid
        when asked.open_amount < asked.amount and {{ within_tolerance('asked.open_amount', 'asked.amount') }}
            then 'within_tolerance'
        when asked.days_past_due <= 0 then 'upcoming'
        when {{ is_clearing('yesterday', 'due_days') }} then 'within_grace'
        else 'overdue'
    end as collection_status
from asked
inner join limits on asked.creditor = limits.creditor
cross join yesterday
inner join due_days on asked.effective_due_date = due_days.day
left join horizons on asked.regua = horizons.regua
