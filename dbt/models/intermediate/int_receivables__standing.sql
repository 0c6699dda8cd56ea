-- Where each open receivable stands tonight, before anything about its payer: held, far from due, near due, in the bank's
-- clearing time, or overdue.
with receivables as (
    select * from {{ ref('int_receivables__aged') }}
),

limits as (
    select * from {{ ref('stg_policy__limits') }}
),

horizon as (
    select -least(min(step_offset), 0) as days
    from {{ ref('stg_policy__steps') }}
),

due_days as (
    select * from {{ ref('stg_policy__calendar') }}
),

yesterday as (
    select bank_day_number
    from {{ ref('stg_policy__calendar') }}
    where day = {{ add_days(business_date(), -1) }}
),

holds as (
    select
        {{ receivable_key('source', 'target_id') }} as receivable_key,
        min(reason) as reason
    from {{ ref('stg_policy__holds') }}
    where scope = 'receivable'
    group by source, target_id
)

select
    receivables.*,
    case
        when receivables.is_disputed then 'hold_dispute'
        when holds.reason is not null then 'hold_' || holds.reason
    end as hold_reason,
    case
        when receivables.is_disputed or holds.reason is not null then 'held'
        when -receivables.days_past_due > horizon.days then 'not_due'
        when receivables.days_past_due <= 0 then 'upcoming'
        -- a boleto paid on its due date reaches the creditor a bank day later, and its file the night after
        when yesterday.bank_day_number - due_days.bank_day_number < limits.clearing_bank_days then 'within_grace'
        else 'overdue'
    end as standing
from receivables
cross join limits
cross join horizon
cross join yesterday
inner join due_days on receivables.effective_due_date = due_days.day
left join holds on receivables.receivable_key = holds.receivable_key
