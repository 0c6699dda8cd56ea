-- What was recorded under a former key holds for every payer who has one of its accounts tonight.
with moved as (select * from {{ ref('int_customer_keys__moved') }}),

payers as (select distinct customer_key from {{ ref('stg_landing__customers') }}),

-- a payer who still has the key, for whatever account, has it for all that was ever recorded under it
kept as (
    select distinct
        moved.former_key,
        payers.customer_key,
        cast('1900-01-01' as date) as from_on,
        cast('9999-12-31' as date) as until_on
    from moved
    inner join payers on moved.former_key = payers.customer_key
),

unioned as (
    select * from moved

    union all

    select * from kept
)

-- a table with one row for each event lists it under the former key while a payer has it, else under that of the last account
select
    former_key,
    customer_key,
    from_on,
    until_on,
    row_number() over (
        partition by former_key
        order by case when customer_key = former_key then 0 else 1 end, until_on desc, from_on desc, customer_key
    ) = 1 as is_listed
from unioned
