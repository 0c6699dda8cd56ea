with source as (
    select * from {{ source('raw', 'policy_calendar') }}
)

select * from source
