with source as (select * from {{ source('raw', 'payer_accounts') }})

select * from source
