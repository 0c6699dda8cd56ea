with source as (select * from {{ source('raw', 'agreements') }}),

-- what is agreed on the calls of this night is not known yet
known as (
    select * from source
    where agreed_on < {{ business_date() }}
)

select * from known
