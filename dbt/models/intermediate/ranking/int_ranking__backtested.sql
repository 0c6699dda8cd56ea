-- What the ranking said at a month end about each receivable that fell due in the month after it, and what came of it. Only
-- due dates that have had their 30 days by the business date count, so that an unpaid one is known to be seriously late.
with receivables as (
    select * from {{ ref('int_receivables__as_of') }}
    where status = 'open'
),

outcomes as (
    select * from {{ ref('int_receivables__balances_computed') }}
    where
        not is_disputed
        -- paid, or not paid at all; what was credited away tells nothing about paying
        and (settled_on is null or is_settled_by_payment)
),

behaviour as (select * from {{ ref('int_payers__history_aggregated') }}),

scored as (select * from {{ ref('int_payers__scored') }}),

segments as (
    select
        customer_key,
        coalesce(segment, '') as segment
    from {{ ref('int_customers__unified') }}
),

-- a payer without history is expected to pay as the average payer of that day, in the baselines as in the score
averages as (
    select
        as_of_date,
        {{ ratio('sum(observed_days_late)', 'sum(observed_receivables)') }} as mean_days_late
    from behaviour
    group by as_of_date
)

select
    receivables.as_of_date,
    receivables.receivable_key,
    receivables.customer_key,
    receivables.creditor,
    segments.segment,
    receivables.effective_due_date,
    scored.score,
    scored.payer_class,
    scored.late_probability,
    scored.seriously_late_probability,
    scored.is_forecast_founded,
    cast(coalesce(behaviour.last_days_late, averages.mean_days_late, 0) as decimal(18, 4)) as last_days_late,
    cast(coalesce(behaviour.observed_mean_days_late, averages.mean_days_late, 0) as decimal(18, 4)) as mean_days_late,
    coalesce(outcomes.settled_on > receivables.effective_due_date, true) as is_late,
    coalesce({{ days_between('receivables.effective_due_date', 'outcomes.settled_on') }} > 30, true) as is_seriously_late
from receivables
inner join outcomes on receivables.receivable_key = outcomes.receivable_key
inner join segments on receivables.customer_key = segments.customer_key
inner join averages on receivables.as_of_date = averages.as_of_date
inner join scored
    on receivables.customer_key = scored.customer_key
    and receivables.as_of_date = scored.as_of_date
inner join behaviour
    on receivables.customer_key = behaviour.customer_key
    and receivables.as_of_date = behaviour.as_of_date
where
    {{ is_tried_due_date('receivables.effective_due_date', 'receivables.as_of_date') }}
