-- The money of each payer and currency that belongs to no open receivable: what came in for none, and what was paid or credited
-- beyond a receivable and its charges. What an agreement is about is judged with the agreement, and what comes back of a loss
-- that was written off is no credit.
with balances as (select * from {{ ref('int_receivables__balances_computed') }}),

charges as (select * from {{ ref('int_charges__computed') }}),

agreed as (select receivable_key from {{ ref('int_receivables__agreement_assigned') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

overpaid as (
    select
        balances.customer_key,
        balances.creditor,
        balances.currency,
        balances.paid_amount + balances.credited_amount - balances.amount
        - coalesce(charges.charged_fine + charges.charged_interest, 0) as amount
    from balances
    left join charges on balances.receivable_key = charges.receivable_key
    left join agreed on balances.receivable_key = agreed.receivable_key
    where
        balances.paid_amount + balances.credited_amount > balances.amount
        and balances.status <> 'agreed'
        and agreed.receivable_key is null
),

unioned as (
    select * from overpaid

    union all

    select
        customer_key,
        creditor,
        currency,
        amount
    from {{ ref('int_receipts__unmatched') }}
    where kind <> 'write_off'
),

summed as (
    select
        customer_key,
        creditor,
        currency,
        {{ money('sum(amount)') }} as credit_amount
    from unioned
    group by customer_key, creditor, currency
)

-- cents by which a bank reckons otherwise are nobody's, on either side
select summed.*
from summed
inner join limits on summed.creditor = limits.creditor
where summed.credit_amount > coalesce(limits.tolerance_amount, 0)
