with source as (select * from {{ source('raw', 'policy_waivers') }})

select * from source
