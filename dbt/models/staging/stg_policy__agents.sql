with source as (select * from {{ source('raw', 'policy_agents') }})

select * from source
