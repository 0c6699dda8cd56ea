-- The books that finance keeps: one of each creditor, and where there are several one of the group.
with creditors as (
    select creditor from {{ ref('int_customers__creditors') }}

    union

    select creditor from {{ ref('int_contacts__unioned') }}

    union

    select creditor from {{ ref('stg_ledger__promises') }}
),

counted as (
    select
        creditor,
        count(*) over () as creditors
    from creditors
)

select
    creditor,
    creditor as book
from counted

union all

select
    creditor,
    '*' as book
from counted
where creditors > 1
