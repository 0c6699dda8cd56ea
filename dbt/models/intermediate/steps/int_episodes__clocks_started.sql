-- Where the clock of each payer's cadence stands after tonight. A payer whose cadence was stopped has no clock.
with episodes as (select * from {{ ref('int_episodes__carrier_selected') }}),

contacted as (select * from {{ ref('int_episodes__contacts_aggregated') }}),

decided as (select * from {{ ref('int_customers__decided') }}),

bank_days as (
    select bank_day_number, min(day) as bank_day
    from {{ ref('stg_policy__calendar') }}
    group by bank_day_number
),

not_yet_overdue as (
    select
        receivables.customer_key,
        receivables.creditor,
        receivables.receivable_key as episode_key,
        receivables.effective_due_date,
        receivables.regua,
        receivables.ends_at_offset,
        receivables.open_amount
    from {{ ref('int_receivables__status_assigned') }} as receivables
    left join episodes on {{ same_account('receivables', 'episodes') }}
    where
        episodes.customer_key is null
        and receivables.collection_status in ('not_due', 'within_grace')
),

-- where nothing is overdue or about to fall due, the cadence begins with the receivable that falls due next
later as (
    {{ first_rows(
        'not_yet_overdue',
        per=['customer_key', 'creditor'],
        order_by=['effective_due_date', 'open_amount desc', 'episode_key']
    ) }}
),

carriers as (
    select
        customer_key,
        creditor,
        episode_key,
        effective_due_date,
        regua,
        ends_at_offset,
        open_amount
    from episodes

    union all

    select * from later
),

-- a step taken tonight is the newest; one held out counts for the clock as well
clocks as (
    select
        carriers.*,
        ranking.payer_class,
        ranking.late_probability,
        ranking.seriously_late_probability,
        ranking.is_forecast_founded,
        -- what was paid on its due date is known by then
        {{ add_days('bank_days.bank_day', 1) }} as cleared_on,
        limits.minimum_amount,
        limits.minimum_interval_days,
        coalesce(decided.decision in ('remind', 'call') or decided.reason = 'holdout', false) as is_taken_tonight,
        contacted.last_offset,
        contacted.last_step_on,
        contacted.own_offset,
        contacted.own_step_on,
        contacted.last_contacted_on,
        case when substr(decided.reason, 1, 5) = 'hold_' then decided.hold_until end as hold_until,
        coalesce(decided.decision = 'escalate' or (substr(decided.reason, 1, 5) = 'hold_' and decided.hold_until is null), false)
            as is_stopped,
        decided.step_offset as tonight_offset
    from carriers
    inner join {{ ref('int_payers__ranked') }} as ranking on carriers.customer_key = ranking.customer_key
    inner join {{ ref('int_creditors__limits') }} as limits on carriers.creditor = limits.creditor
    inner join {{ ref('stg_policy__calendar') }} as due_days on carriers.effective_due_date = due_days.day
    left join bank_days on due_days.bank_day_number + limits.clearing_bank_days = bank_days.bank_day_number
    left join contacted on {{ same_account('carriers', 'contacted') }}
    left join decided on {{ same_account('carriers', 'decided') }}
),

started as (
    select
        *,
        -- a legal notice that was missed comes after steps beyond it
        case when is_taken_tonight then greatest(tonight_offset, last_offset) else last_offset end as taken_offset,
        case when is_taken_tonight then {{ business_date() }} else last_step_on end as taken_on,
        case when is_taken_tonight then greatest(tonight_offset, own_offset) else own_offset end as own_taken_offset,
        case when is_taken_tonight then {{ business_date() }} else own_step_on end as own_taken_on,
        case when is_taken_tonight then {{ business_date() }} else last_contacted_on end as spoken_on
    from clocks
    where not is_stopped
)

select * from started
