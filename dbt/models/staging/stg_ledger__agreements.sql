with source as (select * from {{ source('raw', 'agreements') }}),

-- what is agreed on the calls of this night is not known yet
known as (
    select
        agreement_id,
        customer_key,
        coalesce(creditor, 'principal') as creditor,
        agreed_on,
        currency,
        amount,
        installments,
        discount_rate,
        agent_id
    from source
    where agreed_on < {{ business_date() }}
)

select * from known
