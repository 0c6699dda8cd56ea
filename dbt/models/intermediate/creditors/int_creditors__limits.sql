-- The limits that hold for each creditor: its own, or the group's for one that the policy does not name (any more).
with limits as (select * from {{ ref('stg_policy__limits') }}),

creditors as (
    select only_creditor as creditor from limits
    where only_creditor is not null

    union

    select creditor from {{ ref('stg_landing__receivables') }}

    union

    select creditor from {{ ref('int_receipts__unmatched') }}

    union

    select creditor from {{ ref('stg_ledger__contacts') }}

    union

    select creditor from {{ ref('stg_ledger__promises') }}

    union

    select creditor from {{ ref('stg_ledger__agreements') }}
),

candidates as (
    select
        creditors.creditor,
        limits.*
    from creditors
    inner join limits on coalesce(limits.only_creditor, creditors.creditor) = creditors.creditor
),

resolved as ({{ first_rows('candidates', per=['creditor'], order_by=['(only_creditor is null)']) }})

select * from resolved
