-- Which key changed to which: a source corrected or learned a tax id, or branches are grouped now.
with accounts as (select * from {{ ref('stg_ledger__payer_accounts') }}),

customers as (
    select
        source,
        customer_id,
        customer_key
    from {{ ref('stg_landing__customers') }}
),

payers as (
    select distinct customer_key from customers
),

receivables as (
    select
        source,
        customer_id,
        receivable_key
    from {{ ref('stg_landing__receivables') }}
),

debts as (
    select
        customer_key,
        episode_key
    from {{ ref('stg_ledger__contacts') }}

    union all

    select
        customer_key,
        episode_key
    from {{ ref('stg_ledger__outcomes') }}
),

known as (
    select
        accounts.customer_key as former_key,
        customers.customer_key,
        min(accounts.from_on) as from_on,
        max(accounts.until_on) as until_on
    from accounts
    inner join customers
        on accounts.source = customers.source
        and accounts.customer_id = customers.customer_id
    group by accounts.customer_key, customers.customer_key
),

-- keys of no payer tonight, of which no account is known any more
lost as (
    select distinct
        debts.customer_key,
        debts.episode_key
    from debts
    left join payers on debts.customer_key = payers.customer_key
    left join known on debts.customer_key = known.former_key
    where
        payers.customer_key is null
        and known.former_key is null
),

-- the debts that they were contacted about tell who that is now
known_by_debt as (
    select distinct
        lost.customer_key as former_key,
        customers.customer_key,
        cast('1900-01-01' as date) as from_on,
        cast('9999-12-31' as date) as until_on
    from lost
    inner join receivables on lost.episode_key = receivables.receivable_key
    inner join customers
        on receivables.source = customers.source
        and receivables.customer_id = customers.customer_id
),

moved as (
    select * from known
    where former_key <> customer_key

    union all

    select * from known_by_debt
)

select * from moved
