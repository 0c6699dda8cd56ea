-- To whom each payer owes, or owed.
select distinct
    customer_key,
    creditor
from {{ ref('int_receivables__balances_computed') }}
