with source as (
    select * from {{ source('raw', 'policy_bands') }}
)

select * from source
