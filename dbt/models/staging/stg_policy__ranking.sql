with source as (
    select * from {{ source('raw', 'policy_ranking') }}
)

select * from source
