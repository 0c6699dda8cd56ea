-- A payer is thanked or asked once in 90 days at most: about the debt settled in the last seven days after a contact, if none
-- before it in those 90 days qualified already. Never while something is overdue, nor on a day with another contact, and within
-- the same holds, wishes and limits as a reminder.
with first_resolved as (select * from {{ ref('int_customers__first_resolved') }}),

contacted as (select * from {{ ref('int_customers__contacts_counted') }}),

ids as (
    select
        source,
        receivable_id,
        receivable_key
    from {{ ref('stg_landing__receivables') }}
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

customers as (select * from {{ ref('int_customers__unified') }}),

emails as (select * from {{ ref('int_customers__email_selected') }}),

holds as (select * from {{ ref('int_customers__holds') }}),

blocks as (select * from {{ ref('int_customers__channel_block_reasons') }}),

held_receivables as (
    select distinct {{ receivable_key('source', 'target_id') }} as receivable_key
    from {{ ref('stg_policy__holds') }}
    where scope = 'receivable'
),

placed as (select * from {{ ref('int_customers__calendar_resolved') }}),

limits as (select * from {{ ref('int_creditors__limits') }})

select
    {{ business_date() }} as business_date,
    'S' || substr(md5(first_resolved.customer_key || '|' || first_resolved.receivable_key), 1, 24) as survey_key,
    first_resolved.customer_key,
    first_resolved.creditor,
    customers.customer_name,
    emails.email,
    customers.state,
    ids.source,
    ids.receivable_id,
    first_resolved.receivable_key,
    first_resolved.settled_on
from first_resolved
inner join ids on first_resolved.receivable_key = ids.receivable_key
inner join contacted on first_resolved.customer_key = contacted.customer_key
inner join customers on first_resolved.customer_key = customers.customer_key
left join emails on first_resolved.customer_key = emails.customer_key
inner join holds on {{ same_account('first_resolved', 'holds') }}
inner join blocks on {{ same_account('first_resolved', 'blocks') }}
inner join placed on first_resolved.customer_key = placed.customer_key
inner join limits on first_resolved.creditor = limits.creditor
left join held_receivables on first_resolved.receivable_key = held_receivables.receivable_key
left join overdue on first_resolved.customer_key = overdue.customer_key
left join contacted_tonight on first_resolved.customer_key = contacted_tonight.customer_key
where
    first_resolved.settled_on > {{ add_days(business_date(), -7) }}
    and not first_resolved.is_disputed
    and coalesce(first_resolved.last_asked_on <= {{ add_days(business_date(), -90) }}, true)
    and holds.hold_reason is null
    and blocks.email_block_reason is null
    and held_receivables.receivable_key is null
    and {{ contact_limit() }} is null
    and overdue.customer_key is null
    and contacted_tonight.customer_key is null
