with source as (select * from {{ source('raw', 'policy_steps') }})

select * from source
