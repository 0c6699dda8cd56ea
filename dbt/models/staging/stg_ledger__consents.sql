with source as (
    select * from {{ source('raw', 'consents') }}
),

-- what was said last counts; of two wishes of one moment the one against being written to
newest as (
    select distinct on (customer_key, channel)
        customer_key,
        channel,
        is_opted_in,
        origin,
        given_on
    from source
    where given_on < {{ business_date() }}
    order by customer_key, channel, given_at desc, is_opted_in, origin
)

select * from newest
