{{ config(materialized='table') }}

with charges as (select * from {{ ref('int_charges__computed') }}),

receivables as (select * from {{ ref('int_receivables__balances_computed') }})

select
    {{ business_date() }} as business_date,
    charges.receivable_key,
    receivables.customer_key,
    receivables.creditor,
    receivables.currency,
    receivables.due_date,
    receivables.effective_due_date,
    case when not receivables.is_open then receivables.settled_on end as settled_on,
    receivables.is_open,
    charges.interest_start,
    charges.fine_rate,
    charges.monthly_interest_rate,
    charges.fine,
    charges.interest,
    {{ money('charges.charged_fine + charges.charged_interest') }} as charged_amount,
    {{ money('charges.waived_fine + charges.waived_interest') }} as waived_amount,
    {{ money('charges.pending_fine + charges.pending_interest') }} as pending_amount
from charges
inner join receivables on charges.receivable_key = receivables.receivable_key
where charges.fine + charges.interest > 0
