with source as (select * from {{ source('raw', 'consents') }}),

-- what was said last counts; of two wishes of one moment the one against being written to
newest as (
    {{ first_rows(
        'source',
        where='given_on < ' ~ business_date(),
        per=['customer_key', 'channel'],
        order_by=['given_at desc', 'is_opted_in', 'origin'],
        columns=['customer_key', 'channel', 'is_opted_in', 'origin', 'given_on']
    ) }}
)

select * from newest
