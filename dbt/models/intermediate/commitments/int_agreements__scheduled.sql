-- Since when each agreement is paid, and how many of its instalments should have been paid by now.
with agreements as (select * from {{ ref('stg_ledger__agreements') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

listed as (
    select * from {{ ref('int_customer_keys__remapped') }}
    where is_listed
),

instalments as (
    select
        term_id as agreement_id,
        min(due_on) as first_due_on,
        cast(sum(case when is_over then 1 else 0 end) as integer) as past_installments
    from {{ ref('int_terms__dated') }}
    where kind = 'instalment'
    group by term_id
)

select
    agreements.*,
    coalesce(listed.customer_key, agreements.customer_key) as present_key,
    instalments.first_due_on,
    coalesce(instalments.past_installments, 0) as past_installments,
    limits.promise_kept_share
from agreements
inner join limits on agreements.creditor = limits.creditor
left join instalments on agreements.agreement_id = instalments.agreement_id
left join listed on agreements.customer_key = listed.former_key
