with source as (select * from {{ source('raw', 'policy_legal_rates') }})

select * from source
