with source as (select * from {{ source('raw', 'contact_items') }})

select
    message_key,
    receivable_key,
    open_amount
from source
