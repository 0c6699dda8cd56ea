with source as (
    select * from {{ source('raw', 'policy_holds') }}
)

select * from source
