with source as (select * from {{ source('raw', 'quarantine') }})

select
    source,
    entity,
    record_key,
    column_name,
    reason,
    amount,
    currency
from source
