with source as (select * from {{ source('raw', 'policy_calendar') }}),

local as (
    select
        place,
        day,
        is_bank_day,
        is_contact_day,
        effective_date,
        holiday
    from source
    where place <> 'BR'
)

select * from local
