-- What a payer's credit leaves to ask of each receivable: it settles the oldest due date first, among those about which the
-- payer may be contacted. Fine and interest are asked on what is left of the principal.
with receivables as (select * from {{ ref('int_receivables__aged') }}),

held as (select * from {{ ref('int_receivables__held') }}),

credits as (select * from {{ ref('int_customers__credits') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

queued as (
    select
        receivables.receivable_key,
        receivables.creditor,
        receivables.open_amount,
        receivables.fine,
        receivables.interest,
        credits.credit_amount,
        coalesce(
            sum(receivables.open_amount) over (
                partition by receivables.customer_key, receivables.creditor, receivables.currency
                order by receivables.effective_due_date, receivables.receivable_key
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as older_amount
    from receivables
    inner join credits
        on {{ same_account('receivables', 'credits') }}
        and receivables.currency = credits.currency
    inner join held on receivables.receivable_key = held.receivable_key
    where held.hold_reason is null
),

applied as (
    select
        receivable_key,
        creditor,
        open_amount,
        fine,
        interest,
        credit_amount,
        {{ money('greatest(least(open_amount, credit_amount - older_amount), 0)') }} as credit_applied
    from queued
)

select
    applied.receivable_key,
    applied.credit_amount,
    applied.credit_applied,
    {{ cents_to_money(divide_half_up(
        cents('applied.fine') ~ ' * ' ~ cents('applied.open_amount - applied.credit_applied'), cents('applied.open_amount')
    )) }} as asked_fine,
    {{ cents_to_money(divide_half_up(
        cents('applied.interest') ~ ' * ' ~ cents('applied.open_amount - applied.credit_applied'), cents('applied.open_amount')
    )) }} as asked_interest,
    -- what is left within the tolerance is not asked for either; or a person is to allot the credit first
    applied.open_amount - applied.credit_applied <= coalesce(limits.tolerance_amount, 0)
    or limits.credits = 'hold' as is_covered
from applied
inner join limits on applied.creditor = limits.creditor
