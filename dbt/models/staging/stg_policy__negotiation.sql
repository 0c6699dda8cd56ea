with source as (select * from {{ source('raw', 'policy_negotiation') }})

select * from source
