-- Bands of a currency in which the books of the creditors and that of the group differ by as much as a cent.
select
    currency,
    basis,
    aging_band,
    sum(case when creditor = '*' then open_amount else 0 end) as group_amount,
    sum(case when creditor <> '*' then open_amount else 0 end) as creditors_amount
from {{ ref('rpt_aging') }}
where '*' in (select book from {{ ref('int_books') }})
group by currency, basis, aging_band
having sum(case when creditor = '*' then -open_amount else open_amount end) <> 0
