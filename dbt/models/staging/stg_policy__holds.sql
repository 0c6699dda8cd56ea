with source as (select * from {{ source('raw', 'policy_holds') }}),

-- a hold releases by itself on the night after its last day
active as (
    select *
    from source
    where
        starts_on <= {{ business_date() }}
        and coalesce(expires_on >= {{ business_date() }}, true)
)

select * from active
