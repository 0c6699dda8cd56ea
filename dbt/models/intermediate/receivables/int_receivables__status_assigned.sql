-- Where each open receivable stands tonight, before anything about its payer: held, far from due, near due, in the bank's
-- clearing time, or overdue; and the régua that it follows.
with receivables as (select * from {{ ref('int_receivables__aged') }}),

limits as (select * from {{ ref('stg_policy__limits') }}),

-- each régua looks as far ahead as its first preventive step
horizons as (
    select
        segment as regua,
        -least(min(step_offset), 0) as days
    from {{ ref('stg_policy__steps') }}
    group by segment
),

assigned as (select * from {{ ref('int_receivables__regua_assigned') }}),

due_days as (select * from {{ ref('stg_policy__calendar') }}),

yesterday as (
    select bank_day_number
    from {{ ref('stg_policy__calendar') }}
    where day = {{ add_days(business_date(), -1) }}
),

-- of several holds, the one that lasts longest
holds as (
    {{ first_rows(
        ref('stg_policy__holds'),
        where="scope = 'receivable'",
        per=['source', 'target_id'],
        order_by=['(expires_on is not null)', 'expires_on desc nulls last', 'reason'],
        columns=[receivable_key('source', 'target_id') ~ ' as receivable_key', 'reason', 'expires_on']
    ) }}
),

-- why nothing is done about a receivable, whatever its age
held as (
    select
        receivables.*,
        assigned.regua,
        assigned.ends_at_offset,
        assigned.goes_on_after_offset,
        case
            when assigned.is_erased then 'hold_erased'
            when receivables.is_disputed then 'hold_dispute'
            when holds.reason is not null then 'hold_' || holds.reason
            when assigned.regua = 'none' then 'no_regua'
            -- its source still says that it was renegotiated: a person puts that right before anybody is contacted
            when receivables.is_restored then 'agreement_broken'
            -- the claim ends years after the day for which it was due (CC, art. 206, § 5º, I), which is its last (art. 132, § 3º)
            when {{ add_months('receivables.due_date', '12 * limits.collect_until_years') }} < {{ business_date() }}
                then 'prescribed'
            -- more was given back than is known to have been paid: no one is asked for more than was invoiced (CDC, art. 42)
            when receivables.open_amount > receivables.amount then 'hold_reversal'
        end as hold_reason,
        case
            when assigned.is_erased or receivables.is_disputed then null
            else coalesce(holds.expires_on, assigned.no_regua_until)
        end as hold_until
    from receivables
    inner join assigned on receivables.receivable_key = assigned.receivable_key
    cross join limits
    left join holds on receivables.receivable_key = holds.receivable_key
)

select
    held.*,
    case
        when held.hold_reason is not null then 'held'
        when -held.days_past_due > horizons.days then 'not_due'
        -- what is left of a receivable that was all but paid
        when
            held.open_amount < held.amount
            and (
                held.open_amount <= coalesce(limits.tolerance_amount, 0)
                or held.open_amount <= held.amount * coalesce(limits.tolerance_share, 0)
            )
            then 'within_tolerance'
        when held.days_past_due <= 0 then 'upcoming'
        -- a boleto paid on its due date reaches the creditor a bank day later, and its file the night after
        when yesterday.bank_day_number - due_days.bank_day_number < limits.clearing_bank_days then 'within_grace'
        else 'overdue'
    end as collection_status
from held
cross join limits
cross join yesterday
inner join due_days on held.effective_due_date = due_days.day
left join horizons on held.regua = horizons.regua
