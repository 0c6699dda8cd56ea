-- Whose each accepted receivable is, when it falls due where its payer lives, and whether a broken agreement gave it back.
with receivables as (select * from {{ ref('stg_landing__receivables') }}),

customers as (
    select
        source,
        customer_id,
        customer_key
    from {{ ref('stg_landing__customers') }}
),

payers as (
    select
        payers.customer_key,
        payers.contract_type,
        placed.place
    from {{ ref('int_customers__unified') }} as payers
    inner join {{ ref('int_customers__calendar_resolved') }} as placed on payers.customer_key = placed.customer_key
),

calendar as (select * from {{ ref('stg_policy__calendar') }}),

local_calendar as (select * from {{ ref('stg_policy__local_calendar') }}),

renamed as (select * from {{ ref('int_customer_keys__remapped') }}),

broken_agreements as (
    select
        coalesce(renamed.customer_key, agreements.recorded_key) as customer_key,
        agreements.currency,
        max(agreements.agreed_on) as agreed_on
    from {{ ref('int_agreements__fulfilment_computed') }} as agreements
    left join renamed on {{ is_renamed('agreements.recorded_key', 'agreements.agreed_on') }}
    where agreements.restores_debts
    group by coalesce(renamed.customer_key, agreements.recorded_key), agreements.currency
),

dated as (
    select
        receivables.receivable_key,
        customers.customer_key,
        payers.contract_type,
        receivables.currency,
        receivables.issue_date,
        receivables.due_date,
        coalesce(local_calendar.effective_date, calendar.effective_date) as effective_due_date,
        receivables.amount,
        receivables.source_open_amount,
        receivables.status as source_status,
        receivables.status = 'agreed' and broken_agreements.customer_key is not null as is_restored,
        receivables.is_disputed,
        receivables.fine_rate,
        receivables.monthly_interest_rate
    from receivables
    inner join customers
        on receivables.source = customers.source
        and receivables.customer_id = customers.customer_id
    inner join payers on customers.customer_key = payers.customer_key
    inner join calendar on receivables.due_date = calendar.day
    left join local_calendar
        on payers.place = local_calendar.place
        and receivables.due_date = local_calendar.day
    left join broken_agreements
        on customers.customer_key = broken_agreements.customer_key
        and receivables.currency = broken_agreements.currency
        and receivables.due_date <= broken_agreements.agreed_on
)

select * from dated
