with source as (select * from {{ source('raw', 'policy_limits') }})

select * from source
