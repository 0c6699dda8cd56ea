with source as (
    select * from {{ source('raw', 'policy_reasons') }}
)

select * from source
