-- What the payer has paid since, and whether the source booked the instalments as receivables of their own.
with scheduled as (select * from {{ ref('int_agreements__scheduled') }}),

payments as (
    select * from {{ ref('int_payments__joined_to_receivables') }}
    where kind in ('payment', 'reversal')
),

customers as (select * from {{ ref('stg_landing__customers') }}),

receivables as (select * from {{ ref('stg_landing__receivables') }}),

renamed as (select * from {{ ref('int_customer_keys__remapped') }}),

-- every payer whose payments count toward an agreement
parties as (
    select
        agreements.agreement_id,
        coalesce(renamed.customer_key, agreements.customer_key) as customer_key
    from scheduled as agreements
    left join renamed on {{ is_renamed('agreements.customer_key', 'agreements.agreed_on') }}
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

matched as (
    select
        scheduled.*,
        {{ money('coalesce(paid.paid_amount, 0)') }} as paid_amount,
        booked.agreement_id is not null as is_booked_by_source
    from scheduled
    left join paid on scheduled.agreement_id = paid.agreement_id
    left join booked on scheduled.agreement_id = booked.agreement_id
)

select * from matched
