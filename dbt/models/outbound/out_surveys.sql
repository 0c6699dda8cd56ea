-- A payer is asked once a quarter at most: the debt settled in the last seven days after a contact, if none before it in the
-- same quarter qualified already.
with receivables as (
    select * from {{ ref('int_receivables__balanced') }}
    where
        status = 'settled'
        and settled_on > effective_due_date
        and settled_on > {{ add_days(business_date(), -90) }}
),

contacts as (
    select
        customer_key,
        min(contacted_on) as first_contacted_on,
        max(contacted_on) as last_contacted_on
    from {{ ref('fct_contacts') }}
    where
        is_done
        and step_offset > 0
        and contacted_on > {{ add_days(business_date(), -90) }}
    group by customer_key
),

customers as (
    select * from {{ ref('int_customers__unified') }}
),

first_resolved as (
    select distinct on (receivables.customer_key)
        receivables.customer_key,
        receivables.receivable_key,
        receivables.settled_on
    from receivables
    inner join contacts
        on receivables.customer_key = contacts.customer_key
        and receivables.settled_on >= contacts.first_contacted_on
    order by receivables.customer_key, receivables.settled_on, receivables.receivable_key
)

select
    {{ business_date() }} as business_date,
    'S' || substr(md5(first_resolved.customer_key || '|' || first_resolved.receivable_key), 1, 24) as survey_key,
    first_resolved.customer_key,
    customers.customer_name,
    customers.email,
    first_resolved.receivable_key,
    first_resolved.settled_on
from first_resolved
inner join customers on first_resolved.customer_key = customers.customer_key
where
    first_resolved.settled_on > {{ add_days(business_date(), -7) }}
    and customers.email is not null
    and not customers.is_opted_out_email
    and not customers.is_deceased
    and not customers.is_legal_hold
