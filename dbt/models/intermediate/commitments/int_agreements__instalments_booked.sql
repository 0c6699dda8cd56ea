-- The receivables by which a source booked the instalments of an agreement: as many, of the same sum, in one document, issued
-- within a month.
with parties as (
    select * from {{ ref('int_commitments__parties') }}
    where kind = 'agreement'
),

agreements as (select * from {{ ref('stg_ledger__agreements') }}),

customers as (select * from {{ ref('stg_landing__customers') }}),

receivables as (select * from {{ ref('stg_landing__receivables') }}),

issued as (
    select
        agreements.agreement_id,
        agreements.installments,
        agreements.amount as agreed_amount,
        receivables.source,
        coalesce(receivables.document_number, receivables.receivable_id) as document,
        receivables.receivable_key,
        receivables.amount
    from agreements
    inner join parties on agreements.agreement_id = parties.commitment_id
    inner join customers on parties.customer_key = customers.customer_key
    inner join receivables
        on customers.source = receivables.source
        and customers.customer_id = receivables.customer_id
        and agreements.creditor = receivables.creditor
        and agreements.currency = receivables.currency
        and receivables.status <> 'agreed'
        and receivables.issue_date between agreements.agreed_on and {{ add_days('agreements.agreed_on', 31) }}
),

fitting as (
    select
        agreement_id,
        source,
        document
    from issued
    group by agreement_id, source, document, installments, agreed_amount
    having count(*) = installments and sum(amount) = agreed_amount
)

select
    issued.agreement_id,
    issued.receivable_key
from issued
inner join fitting
    on issued.agreement_id = fitting.agreement_id
    and issued.source = fitting.source
    and issued.document = fitting.document
