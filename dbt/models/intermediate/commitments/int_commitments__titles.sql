-- What each promise and agreement is about: the receivables of the queue row on which it was made. Where none were recorded, what
-- the payer owed and was due by that day.
with parties as (select * from {{ ref('int_commitments__parties') }}),

items as (select * from {{ ref('stg_ledger__commitment_items') }}),

customers as (select * from {{ ref('stg_landing__customers') }}),

receivables as (select * from {{ ref('stg_landing__receivables') }}),

owned as (
    select
        parties.kind,
        parties.commitment_id,
        parties.made_on,
        receivables.receivable_key,
        receivables.due_date,
        receivables.amount
    from parties
    inner join customers on parties.customer_key = customers.customer_key
    inner join receivables
        on customers.source = receivables.source
        and customers.customer_id = receivables.customer_id
        and parties.creditor = receivables.creditor
        and parties.currency = receivables.currency
),

recorded as (
    select
        owned.kind,
        owned.commitment_id,
        owned.made_on,
        owned.receivable_key
    from owned
    inner join items
        on owned.commitment_id = items.commitment_id
        and owned.receivable_key = items.receivable_key
),

due as (
    select owned.* from owned
    where
        owned.due_date <= owned.made_on
        and not exists (
            select 1 from items
            where owned.commitment_id = items.commitment_id
        )
),

booked_before as (
    select
        due.kind,
        due.commitment_id,
        due.receivable_key,
        sum(payments.amount) as amount
    from due
    inner join {{ ref('stg_landing__payments') }} as payments
        on due.receivable_key = payments.receivable_key
        and due.made_on > payments.paid_on
    group by due.kind, due.commitment_id, due.receivable_key
),

reckoned as (
    select
        due.kind,
        due.commitment_id,
        due.made_on,
        due.receivable_key
    from due
    left join booked_before
        on due.kind = booked_before.kind
        and due.commitment_id = booked_before.commitment_id
        and due.receivable_key = booked_before.receivable_key
    where due.amount > coalesce(booked_before.amount, 0)
)

select * from recorded

union all

select * from reckoned
