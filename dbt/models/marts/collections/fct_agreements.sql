with agreements as (select * from {{ ref('int_agreements__fulfilment_computed') }}),

titles as (
    select
        commitment_id,
        cast(count(*) as integer) as receivables
    from {{ ref('int_commitments__titles') }}
    where kind = 'agreement'
    group by commitment_id
)

select
    {{ business_date() }} as business_date,
    agreements.agreement_id,
    agreements.customer_key,
    agreements.creditor,
    agreements.agreed_on,
    agreements.first_due_on,
    agreements.currency,
    agreements.amount,
    agreements.installments,
    agreements.discount_rate,
    agreements.past_amount,
    agreements.paid_amount,
    agreements.state,
    agreements.restores_debts,
    agreements.agent_id,
    coalesce(titles.receivables, 0) as receivables
from agreements
left join titles on agreements.agreement_id = titles.commitment_id
