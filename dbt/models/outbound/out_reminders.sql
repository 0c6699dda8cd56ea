with decisions as (
    select * from {{ ref('fct_decisions') }}
    where decision = 'remind'
),

receivables as (select * from {{ ref('fct_receivables') }}),

terms as (select * from {{ ref('int_receivables__balances_computed') }}),

documents as (
    select
        receivable_key,
        boleto_line,
        pix_code,
        payment_url
    from {{ ref('stg_landing__receivables') }}
),

charges as (select * from {{ ref('int_charges__computed') }}),

credits as (select * from {{ ref('int_receivables__credit_applied') }}),

customers as (select * from {{ ref('int_customers__unified') }}),

emails as (select * from {{ ref('int_customers__email_selected') }}),

payers as (select * from {{ ref('int_customers__decided') }})

select
    decisions.business_date,
    decisions.message_key,
    decisions.customer_key,
    decisions.creditor,
    customers.customer_name,
    -- only the way by which this message goes: no more of a person than its purpose needs (LGPD, art. 6, III)
    case when decisions.channel = 'email' then emails.email end as email,
    case when decisions.channel in ('whatsapp', 'sms') then customers.phone end as phone,
    customers.state,
    decisions.channel,
    decisions.step,
    decisions.step_offset,
    decisions.template,
    payers.requires_approval,
    payers.policy_version,
    decisions.episode_key,
    decisions.receivable_key = decisions.episode_key as is_carrier,
    case when receivables.days_past_due > 0 then 'overdue' else 'upcoming' end as section,
    receivables.source,
    receivables.receivable_id,
    receivables.receivable_key,
    receivables.document_number,
    receivables.installment,
    receivables.currency,
    receivables.issue_date,
    receivables.due_date,
    receivables.effective_due_date,
    receivables.days_past_due,
    receivables.amount,
    receivables.open_amount,
    {{ money('coalesce(credits.asked_fine, receivables.fine)') }} as fine,
    {{ money('coalesce(credits.asked_interest, receivables.interest)') }} as interest,
    decisions.asked_amount as amount_due,
    charges.fine_rate,
    charges.monthly_interest_rate,
    charges.interest_start,
    documents.boleto_line,
    documents.pix_code,
    documents.payment_url,
    terms.contract_type,
    decisions.payer_class,
    decisions.reason,
    decisions.credit_applied
from decisions
inner join receivables on decisions.receivable_key = receivables.receivable_key
inner join terms on decisions.receivable_key = terms.receivable_key
inner join documents on decisions.receivable_key = documents.receivable_key
inner join customers on decisions.customer_key = customers.customer_key
left join emails on decisions.customer_key = emails.customer_key
inner join payers on {{ same_account('decisions', 'payers') }}
left join credits on decisions.receivable_key = credits.receivable_key
left join charges on decisions.receivable_key = charges.receivable_key
