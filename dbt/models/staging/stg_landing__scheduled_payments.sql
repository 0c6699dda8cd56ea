with source as (select * from {{ source('raw', 'payments') }}),

-- a reversal gives back what an earlier payment took
signed as (
    select
        source,
        payment_id,
        {{ receivable_key('source', 'receivable_id') }} as receivable_key,
        paid_on,
        kind,
        {{ money("case when kind = 'reversal' then -abs(amount) else amount end") }} as amount
    from source
    where paid_on > {{ business_date() }}
)

select * from signed
