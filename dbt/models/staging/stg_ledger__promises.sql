with source as (select * from {{ source('raw', 'promises') }}),

-- what is promised on the calls of this night is not known yet
known as (
    select
        promise_id,
        customer_key,
        coalesce(creditor, 'principal') as creditor,
        made_on,
        promised_on,
        currency,
        amount,
        agent_id
    from source
    where made_on < {{ business_date() }}
)

select * from known
