{{ config(materialized='table') }}

with source as (select * from {{ source('raw', 'policy_calendar') }}),

-- a landing of before places were known is national
national as (
    select *
    from source
    where coalesce(place, 'BR') = 'BR'
)

select
    day,
    is_bank_day,
    is_contact_day,
    effective_date,
    previous_bank_day,
    holiday,
    -- bank days up to and including this one, so that a difference counts the bank days in between
    cast(sum(case when is_bank_day then 1 else 0 end) over (order by day) as integer) as bank_day_number
from national
