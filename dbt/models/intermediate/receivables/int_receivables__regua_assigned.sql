-- The régua that each open receivable follows: a person's override for it, else one for its payer, else its creditor's own or
-- the group's, of the payer's segment before the general one.
with receivables as (
    select
        receivable_key,
        customer_key,
        creditor
    from {{ ref('int_receivables__aged') }}
),

customers as (select * from {{ ref('int_customers__unified') }}),

customer_ids as (
    select
        source,
        customer_id,
        customer_key
    from {{ ref('stg_landing__customers') }}
),

overrides as (select * from {{ ref('stg_policy__overrides') }}),

reguas as (
    select distinct segment as regua
    from {{ ref('stg_policy__steps') }}
),

receivable_overrides as (
    select
        {{ receivable_key('source', 'target_id') }} as receivable_key,
        regua,
        last_offset,
        goes_on_after_offset,
        expires_on
    from overrides
    where scope = 'receivable'
),

accounts as (select distinct customer_key, creditor from receivables),

listed_overrides as (
    select
        accounts.customer_key,
        accounts.creditor,
        overrides.*
    from overrides
    inner join customer_ids
        on overrides.source = customer_ids.source
        and overrides.target_id = customer_ids.customer_id
    inner join accounts
        on customer_ids.customer_key = accounts.customer_key
        and coalesce(overrides.only_creditor = accounts.creditor, true)
    where overrides.scope = 'customer'
),

-- a payer known to several sources may have several: one for the creditor alone counts, then the latest decision
customer_overrides as (
    {{ first_rows(
        'listed_overrides',
        per=['customer_key', 'creditor'],
        order_by=['(only_creditor is null)', 'starts_on desc', 'source', 'target_id'],
        columns=['customer_key', 'creditor', 'regua', 'last_offset', 'goes_on_after_offset', 'expires_on']
    ) }}
),

-- the narrowest override that there is
overridden as (
    select
        receivables.receivable_key,
        coalesce(receivable_overrides.regua, customer_overrides.regua) as regua,
        case
            when receivable_overrides.regua is not null then receivable_overrides.last_offset
            else customer_overrides.last_offset
        end as last_offset,
        case
            when receivable_overrides.regua is not null then receivable_overrides.goes_on_after_offset
            else customer_overrides.goes_on_after_offset
        end as goes_on_after_offset,
        case
            when receivable_overrides.regua is not null then receivable_overrides.expires_on
            else customer_overrides.expires_on
        end as expires_on
    from receivables
    left join receivable_overrides on receivables.receivable_key = receivable_overrides.receivable_key
    left join customer_overrides on {{ same_account('receivables', 'customer_overrides') }}
)

select
    receivables.receivable_key,
    receivables.customer_key,
    coalesce(overridden.regua, {{ followed_regua() }}) as regua,
    overridden.last_offset as ends_at_offset,
    overridden.goes_on_after_offset,
    case when overridden.regua = 'none' then overridden.expires_on end as no_regua_until,
    customers.is_erased
from receivables
inner join customers on receivables.customer_key = customers.customer_key
inner join overridden on receivables.receivable_key = overridden.receivable_key
{{ joined_reguas('receivables.creditor', 'customers.segment') }}
