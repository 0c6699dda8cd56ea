-- How each agreement stands: equal monthly instalments from the agreed day on, met by what the payer has paid since. A broken
-- one gives the old debts back, unless the source booked the instalments as receivables of their own: then those are the debt,
-- and asking for both would ask twice.
with agreements as (
    select * from {{ ref('stg_ledger__agreements') }}
    where agreed_on < {{ business_date() }}
),

limits as (
    select * from {{ ref('stg_policy__limits') }}
),

first_days as (
    select
        customer_key,
        contacted_on,
        min(follow_up_on) as first_due_on
    from {{ ref('stg_ledger__outcomes') }}
    where effect = 'agreement'
    group by customer_key, contacted_on
),

payments as (
    select * from {{ ref('int_payments__applied') }}
    where kind in ('payment', 'reversal')
),

customers as (
    select * from {{ ref('stg_landing__customers') }}
),

receivables as (
    select * from {{ ref('stg_landing__receivables') }}
),

renamed as (
    select * from {{ ref('int_payers__renamed') }}
),

-- last_past_day is the youngest due date whose grace has run out
termed as (
    select
        agreements.*,
        coalesce(listed.customer_key, agreements.customer_key) as present_key,
        coalesce(first_days.first_due_on, {{ add_days('agreements.agreed_on', 30) }}) as first_due_on,
        {{ add_days(business_date(), '-1 - limits.promise_grace_days') }} as last_past_day,
        limits.promise_kept_share
    from agreements
    cross join limits
    left join first_days
        on agreements.customer_key = first_days.customer_key
        and agreements.agreed_on = first_days.contacted_on
    left join renamed as listed
        on agreements.customer_key = listed.former_key
        and listed.is_listed
),

-- everybody whose payments meet an agreement
parties as (
    select
        agreements.agreement_id,
        coalesce(renamed.customer_key, agreements.customer_key) as customer_key
    from agreements
    left join renamed on {{ is_renamed('agreements.customer_key', 'agreements.agreed_on') }}
),

scheduled as (
    select
        *,
        case
            when last_past_day < first_due_on then 0
            else least(
                cast(
                    (extract(year from last_past_day) - extract(year from first_due_on)) * 12
                    + extract(month from last_past_day) - extract(month from first_due_on)
                    + case when extract(day from last_past_day) < extract(day from first_due_on) then 0 else 1 end
                    as integer
                ),
                installments
            )
        end as past_installments
    from termed
),

paid as (
    select
        scheduled.agreement_id,
        sum(payments.amount) as paid_amount
    from scheduled
    inner join parties on scheduled.agreement_id = parties.agreement_id
    inner join payments
        on parties.customer_key = payments.customer_key
        and scheduled.currency = payments.currency
        and scheduled.agreed_on <= payments.paid_on
    group by scheduled.agreement_id
),

booked as (
    select distinct scheduled.agreement_id
    from scheduled
    inner join parties on scheduled.agreement_id = parties.agreement_id
    inner join customers on parties.customer_key = customers.customer_key
    inner join receivables
        on customers.source = receivables.source
        and customers.customer_id = receivables.customer_id
        and scheduled.currency = receivables.currency
        and receivables.status <> 'agreed'
        and receivables.issue_date between scheduled.agreed_on and {{ add_days('scheduled.agreed_on', 31) }}
    group by
        scheduled.agreement_id,
        scheduled.installments,
        scheduled.amount,
        receivables.source,
        coalesce(receivables.document_number, receivables.receivable_id)
    having count(*) = scheduled.installments and sum(receivables.amount) = scheduled.amount
),

measured as (
    select
        scheduled.*,
        {{ cents_to_money(divide_half_up(cents('scheduled.amount') ~ ' * scheduled.past_installments', 'scheduled.installments')) }} as past_amount,
        {{ money('coalesce(paid.paid_amount, 0)') }} as paid_amount,
        booked.agreement_id is not null as is_booked_by_source
    from scheduled
    left join paid on scheduled.agreement_id = paid.agreement_id
    left join booked on scheduled.agreement_id = booked.agreement_id
),

stated as (
    select
        *,
        case
            when paid_amount >= amount * promise_kept_share then 'kept'
            when paid_amount >= past_amount * promise_kept_share then 'open'
            else 'broken'
        end as state,
        row_number() over (
            partition by present_key, currency
            order by agreed_on desc, agreement_id
        ) = 1 as is_latest
    from measured
)

select
    agreement_id,
    present_key as customer_key,
    customer_key as recorded_key,
    agreed_on,
    first_due_on,
    currency,
    amount,
    installments,
    past_amount,
    paid_amount,
    state,
    discount_rate,
    agent_id,
    is_booked_by_source,
    -- what was agreed last is what counts
    state = 'broken' and is_latest and not is_booked_by_source as restores_debts
from stated
