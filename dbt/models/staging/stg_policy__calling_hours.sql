with source as (select * from {{ source('raw', 'policy_calling_hours') }})

select * from source
