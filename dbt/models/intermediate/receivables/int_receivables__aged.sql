-- What each open receivable owes tonight; fine and interest are what is still to be asked for, without what was waived.
with receivables as (
    select * from {{ ref('int_receivables__balances_computed') }}
    where is_open
),

documents as (
    select
        source,
        receivable_id,
        receivable_key,
        document_number,
        installment,
        refused_rates
    from {{ ref('stg_landing__receivables') }}
),

charges as (select * from {{ ref('int_charges__computed') }}),

aged as (
    select
        documents.source,
        documents.receivable_id,
        documents.document_number,
        documents.installment,
        documents.refused_rates,
        receivables.*,
        {{ days_between('receivables.effective_due_date', business_date()) }} as days_past_due,
        {{ days_between('receivables.due_date', business_date()) }} as days_past_due_original,
        {{ money('coalesce(charges.pending_fine, 0)') }} as fine,
        {{ money('coalesce(charges.pending_interest, 0)') }} as interest
    from receivables
    inner join documents on receivables.receivable_key = documents.receivable_key
    left join charges on receivables.receivable_key = charges.receivable_key
)

select
    source,
    receivable_id,
    receivable_key,
    customer_key,
    creditor,
    document_number,
    installment,
    issue_date,
    due_date,
    effective_due_date,
    days_past_due,
    days_past_due_original,
    {{ aging_band('days_past_due') }} as aging_band,
    currency,
    amount,
    open_amount,
    fine,
    interest,
    {{ money('open_amount + fine + interest') }} as amount_due,
    is_disputed,
    is_restored,
    refused_rates
from aged
