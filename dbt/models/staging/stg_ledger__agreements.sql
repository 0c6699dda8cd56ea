with source as (select * from {{ source('raw', 'agreements') }})

select * from source
