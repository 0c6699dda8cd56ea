-- A payer is thanked or asked once in 90 days at most: about the debt settled in the last seven days after a contact, if none
-- before it in those 90 days qualified already. Never while something is overdue, nor on a day with another contact.
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

-- the templates of cobranca.reminders.messages.COURTESIES
already_asked as (
    select distinct customer_key
    from {{ ref('fct_contacts') }}
    where
        template in ('thank_you', 'survey')
        and (is_done or is_unsettled)
        and contacted_on > {{ add_days(business_date(), -90) }}
),

overdue as (
    select distinct customer_key
    from {{ ref('fct_receivables') }}
    where days_past_due > 0
),

contacted_tonight as (
    select distinct customer_key
    from {{ ref('fct_decisions') }}
    where decision in ('remind', 'call')
),

customers as (
    select * from {{ ref('int_customers__unified') }}
),

reachable as (
    select customer_key
    from {{ ref('int_customers__restrained') }}
    where
        hold_reason is null
        and email_obstacle is null
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
inner join reachable on first_resolved.customer_key = reachable.customer_key
left join already_asked on first_resolved.customer_key = already_asked.customer_key
left join overdue on first_resolved.customer_key = overdue.customer_key
left join contacted_tonight on first_resolved.customer_key = contacted_tonight.customer_key
where
    already_asked.customer_key is null
    and overdue.customer_key is null
    and contacted_tonight.customer_key is null
    and first_resolved.settled_on > {{ add_days(business_date(), -7) }}
