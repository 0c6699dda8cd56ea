with receivables as (
    select * from {{ ref('int_receivables__aged') }}
)

select
    {{ business_date() }} as business_date,
    source,
    receivable_id,
    receivable_key,
    customer_key,
    document_number,
    installment,
    issue_date,
    due_date,
    effective_due_date,
    days_past_due,
    days_past_due_original,
    aging_band,
    currency,
    amount,
    open_amount,
    fine,
    interest,
    amount_due,
    is_disputed
from receivables
