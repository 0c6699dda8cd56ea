with quarantined as (select * from {{ ref('stg_landing__quarantine') }})

select
    {{ business_date() }} as business_date,
    *
from quarantined
