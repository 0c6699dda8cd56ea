with accounts as (
    select * from {{ ref('stg_landing__customers') }}
)

select
    {{ business_date() }} as business_date,
    source,
    customer_id,
    customer_key
from accounts
