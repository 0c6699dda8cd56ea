with holds as (select * from {{ ref('stg_policy__holds') }}),

accounts as (select * from {{ ref('stg_landing__customers') }}),

receivables as (
    select
        receivable_key,
        customer_key,
        creditor
    from {{ ref('int_receivables__aged') }}
),

of_customers as (
    select
        holds.*,
        accounts.customer_key,
        {{ as_text('null') }} as receivable_key,
        holds.only_creditor as held_creditor
    from holds
    inner join accounts
        on holds.source = accounts.source
        and holds.target_id = accounts.customer_id
    where holds.scope = 'customer'
),

of_receivables as (
    select
        holds.*,
        receivables.customer_key,
        receivables.receivable_key,
        receivables.creditor as held_creditor
    from holds
    inner join receivables on {{ receivable_key('holds.source', 'holds.target_id') }} = receivables.receivable_key
    where holds.scope = 'receivable'
),

unioned as (
    select * from of_customers
    union all
    select * from of_receivables
)

select distinct
    {{ business_date() }} as business_date,
    scope,
    source,
    target_id,
    customer_key,
    receivable_key,
    held_creditor as only_creditor,
    reason,
    author,
    starts_on,
    expires_on
from unioned
