with source as (select * from {{ source('raw', 'commitment_items') }})

select * from source
