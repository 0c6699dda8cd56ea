with source as (select * from {{ source('raw', 'promises') }})

select * from source
