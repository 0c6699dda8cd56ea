with source as (select * from {{ source('raw', 'consents') }}),

-- what was said last counts; of two wishes of one moment the one against being written to
newest as (
    {{ first_rows(
        'source',
        where='given_on < ' ~ business_date(),
        per=['customer_key', 'channel', 'only_creditor'],
        order_by=['given_at desc', 'is_opted_in', 'origin'],
        columns=['customer_key', 'channel', 'only_creditor', 'is_opted_in', 'origin', 'given_at', 'given_on']
    ) }}
)

-- a consent for all creditors replaces what was said about one
select
    newest.customer_key,
    newest.channel,
    newest.only_creditor,
    newest.is_opted_in,
    newest.origin,
    newest.given_on
from newest
left join newest as general
    on newest.customer_key = general.customer_key
    and newest.channel = general.channel
    and general.only_creditor is null
    and general.is_opted_in
    and newest.given_at < general.given_at
where newest.only_creditor is null or general.customer_key is null
