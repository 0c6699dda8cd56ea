with source as (select * from {{ source('raw', 'payments') }}),

-- money that came in for no receivable has no key of one; a reversal gives back what an earlier payment took
signed as (
    select
        source,
        payment_id,
        {{ receivable_key('source', 'receivable_id') }} as receivable_key,
        customer_id,
        coalesce(creditor, 'principal') as creditor,
        currency,
        paid_on,
        coalesce(credited_on, paid_on) as credited_on,
        kind,
        method,
        {{ money("case when kind = 'reversal' then -abs(amount) else amount end") }} as amount
    from source
    where paid_on <= {{ business_date() }}
)

select * from signed
