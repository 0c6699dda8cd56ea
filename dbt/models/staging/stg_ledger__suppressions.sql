with source as (select * from {{ source('raw', 'suppressions') }}),

listed as (
    select
        address_digest,
        bool_or(kind in ('complained', 'opted_out')) as is_opted_out,
        bool_or(kind in ('bounced', 'invalid')) as is_undeliverable
    from source
    where
        listed_on < {{ business_date() }}
        and (removed_on is null or removed_on > {{ business_date() }})
    group by address_digest
)

select * from listed
