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

broken_agreements as (
    select assigned.receivable_key
    from {{ ref('int_receivables__agreement_assigned') }} as assigned
    inner join {{ ref('int_agreements__fulfilment_computed') }} as fulfilled on assigned.agreement_id = fulfilled.agreement_id
    where fulfilled.restores_debts
),

dated as (
    select
        receivables.receivable_key,
        customers.customer_key,
        receivables.creditor,
        payers.contract_type,
        receivables.currency,
        receivables.issue_date,
        receivables.due_date,
        coalesce(local_calendar.effective_date, calendar.effective_date) as effective_due_date,
        receivables.amount,
        receivables.source_open_amount,
        receivables.status as source_status,
        receivables.status = 'agreed' and broken_agreements.receivable_key is not null as is_restored,
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
    left join broken_agreements on receivables.receivable_key = broken_agreements.receivable_key
)

select * from dated
