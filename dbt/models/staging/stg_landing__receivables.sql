with source as (select * from {{ source('raw', 'receivables') }}),

-- what was issued after the business date is not known yet
known as (
    select
        source,
        receivable_id,
        {{ receivable_key('source', 'receivable_id') }} as receivable_key,
        customer_id,
        -- a landing of before several creditors were known is of the one there was
        coalesce(creditor, 'principal') as creditor,
        document_number,
        installment,
        issue_date,
        due_date,
        currency,
        amount,
        open_amount as source_open_amount,
        status,
        coalesce(disputed, false) as is_disputed,
        fine_rate,
        monthly_interest_rate,
        refused_rates,
        boleto_line,
        pix_code,
        payment_url
    from source
    where coalesce(issue_date <= {{ business_date() }}, true)
)

select * from known
