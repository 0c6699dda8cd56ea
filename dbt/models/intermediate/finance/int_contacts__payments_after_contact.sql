-- What came in in the seven days after each contact, and after each contact that was left out on purpose.
with recent as (select * from {{ ref('int_contacts__arms_assigned') }}),

receivables as (select * from {{ ref('int_receivables__dated') }}),

payments as (select * from {{ ref('int_payments__joined_to_receivables') }}),

-- What the customer owed the creditor then: everything past due, or for a step before the due date what falls due by it.
cases as (
    select
        recent.contact_key,
        recent.contacted_on,
        recent.customer_key,
        recent.creditor,
        recent.step,
        recent.step_offset,
        recent.channel,
        recent.arm,
        recent.observed_until,
        recent.is_observed,
        receivables.receivable_key,
        receivables.currency,
        receivables.amount
    from recent
    inner join receivables
        on {{ same_account('receivables', 'recent') }}
        and receivables.issued_on <= recent.contacted_on
        and receivables.effective_due_date <= {{ add_days('recent.contacted_on', '-least(coalesce(recent.step_offset, 0), 0)') }}
        and (receivables.closed_on is null or receivables.closed_on >= recent.contacted_on)
),

paid as (
    select
        cases.contact_key,
        cases.receivable_key,
        sum(case when payments.paid_on < cases.contacted_on then payments.amount else 0 end) as reduced_before,
        sum(
            case
                when payments.paid_on >= cases.contacted_on and payments.kind in ('payment', 'reversal')
                    then payments.amount
                else 0
            end
        ) as received_after
    from cases
    inner join payments
        on payments.receivable_key = cases.receivable_key
        and payments.paid_on <= cases.observed_until
    group by cases.contact_key, cases.receivable_key
),

balanced as (
    select
        cases.*,
        cases.amount - coalesce(paid.reduced_before, 0) as balance,
        greatest(coalesce(paid.received_after, 0), 0) as received_after
    from cases
    left join paid
        on paid.contact_key = cases.contact_key
        and paid.receivable_key = cases.receivable_key
)

select * from balanced
where balance > 0
