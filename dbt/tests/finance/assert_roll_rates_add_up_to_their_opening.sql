-- Opening bands whose amount is not the sum of where it went.
select
    as_of_date,
    creditor,
    currency,
    from_band,
    max(opening_amount) as opening_amount,
    sum(rolled_amount) as rolled_amount
from {{ ref('rpt_roll_rates') }}
group by as_of_date, creditor, currency, from_band
having max(opening_amount) <> sum(rolled_amount)
