-- The instalments of each agreement, one a month from the agreed day on; a month that lacks the day has its last.
with agreements as (select * from {{ ref('stg_ledger__agreements') }}),

first_days as (
    select
        customer_key,
        creditor,
        contacted_on,
        min(follow_up_on) as first_due_on
    from {{ ref('stg_ledger__outcomes') }}
    where effect = 'agreement'
    group by customer_key, creditor, contacted_on
),

numbers as (
    select cast(row_number() over (order by day) as integer) as number
    from {{ ref('stg_policy__calendar') }}
),

needed as (
    select * from numbers
    where number <= (select max(installments) from agreements)
),

started as (
    select
        agreements.agreement_id,
        agreements.customer_key,
        agreements.creditor,
        agreements.installments,
        coalesce(first_days.first_due_on, {{ add_days('agreements.agreed_on', 30) }}) as first_due_on
    from agreements
    left join first_days
        on {{ same_account('agreements', 'first_days') }}
        and agreements.agreed_on = first_days.contacted_on
)

select
    started.agreement_id,
    needed.number,
    started.customer_key,
    started.creditor,
    {{ add_months('started.first_due_on', 'needed.number - 1') }} as due_on
from started
inner join needed on needed.number <= started.installments
