with receivables as (select * from {{ ref('int_receivables__aged') }})

select
    {{ business_date() }} as business_date,
    receivables.source,
    receivables.receivable_id,
    receivables.receivable_key,
    receivables.customer_key,
    receivables.creditor,
    receivables.document_number,
    receivables.installment,
    receivables.issue_date,
    receivables.due_date,
    receivables.effective_due_date,
    receivables.days_past_due,
    receivables.days_past_due_original,
    receivables.aging_band,
    receivables.currency,
    receivables.amount,
    receivables.open_amount,
    receivables.fine,
    receivables.interest,
    receivables.amount_due,
    receivables.is_disputed,
    charges.interest_start,
    charges.fine_rate,
    charges.monthly_interest_rate,
    receivables.refused_rates,
    charges.waived_fine,
    charges.waived_interest,
    scheduled.scheduled_amount,
    scheduled.scheduled_on
from receivables
left join {{ ref('int_charges__computed') }} as charges on receivables.receivable_key = charges.receivable_key
left join {{ ref('int_receivables__payments_scheduled') }} as scheduled on receivables.receivable_key = scheduled.receivable_key
