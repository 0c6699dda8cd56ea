with receivables as (
    select * from {{ ref('stg_landing__receivables') }}
),

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
    inner join {{ ref('int_customers__placed') }} as placed on payers.customer_key = placed.customer_key
),

calendar as (
    select * from {{ ref('stg_policy__calendar') }}
),

local_calendar as (
    select * from {{ ref('stg_policy__local_calendar') }}
),

renamed as (
    select * from {{ ref('int_payers__renamed') }}
),

broken_agreements as (
    select
        coalesce(renamed.customer_key, agreements.recorded_key) as customer_key,
        agreements.currency,
        max(agreements.agreed_on) as agreed_on
    from {{ ref('int_agreements__measured') }} as agreements
    left join renamed on {{ is_renamed('agreements.recorded_key', 'agreements.agreed_on') }}
    where agreements.restores_debts
    group by coalesce(renamed.customer_key, agreements.recorded_key), agreements.currency
),

applied as (
    select
        receivable_key,
        sum(case when kind in ('payment', 'reversal') then amount else 0 end) as paid_amount,
        sum(case when kind in ('credit_note', 'discount') then amount else 0 end) as credited_amount,
        sum(case when kind = 'write_off' then amount else 0 end) as written_off_amount,
        max(case when amount > 0 then paid_on end) as last_paid_on
    from {{ ref('stg_landing__payments') }}
    group by receivable_key
),

balances as (
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
        {{ money('coalesce(applied.paid_amount, 0)') }} as paid_amount,
        {{ money('coalesce(applied.credited_amount, 0)') }} as credited_amount,
        {{ money('coalesce(applied.written_off_amount, 0)') }} as written_off_amount,
        {{ money('receivables.amount - coalesce(applied.paid_amount + applied.credited_amount + applied.written_off_amount, 0)') }} as balance,
        applied.last_paid_on,
        receivables.status = 'agreed' and broken_agreements.customer_key is not null as is_restored,
        case
            when receivables.status = 'agreed' and broken_agreements.customer_key is not null then 'open'
            else receivables.status
        end as source_status,
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
    left join applied on receivables.receivable_key = applied.receivable_key
),

-- where the source itself states a lower balance, the payer is not asked for more than that; a renegotiated debt that came
-- back has no balance there
agreed_balances as (
    select
        *,
        case when is_restored then balance else least(balance, coalesce(source_open_amount, balance)) end as due_balance
    from balances
),

statuses as (
    select
        *,
        case
            when source_status <> 'open' then source_status
            when due_balance > 0 then 'open'
            when written_off_amount > 0 then 'written_off'
            else 'settled'
        end as status
    from agreed_balances
)

-- ids and documents are left behind: only the few that are still open need them again
select
    receivable_key,
    customer_key,
    contract_type,
    currency,
    issue_date,
    due_date,
    effective_due_date,
    amount,
    paid_amount,
    credited_amount,
    written_off_amount,
    {{ money("case when status = 'open' then due_balance else 0 end") }} as open_amount,
    {{ money('case when balance < 0 then -balance else 0 end') }} as overpaid_amount,
    status,
    case when status = 'settled' then last_paid_on end as settled_on,
    status = 'open' as is_open,
    is_restored,
    is_disputed,
    fine_rate,
    monthly_interest_rate
from statuses
