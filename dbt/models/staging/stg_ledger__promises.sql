with source as (select * from {{ source('raw', 'promises') }}),

-- what is promised on the calls of this night is not known yet
known as (
    select * from source
    where made_on < {{ business_date() }}
)

select * from known
