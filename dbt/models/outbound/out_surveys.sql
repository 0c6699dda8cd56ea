-- A payer is thanked or asked once in 90 days at most: about the debt settled in the last seven days after a contact, if none
-- before it in those 90 days qualified already. Never while something is overdue, nor on a day with another contact, and within
-- the same holds, wishes and limits as a reminder.
with receivables as (
    select * from {{ ref('int_receivables__balanced') }}
    where
        status = 'settled'
        and settled_on > effective_due_date
        and settled_on > {{ add_days(business_date(), -90) }}
),

ids as (
    select
        source,
        receivable_id,
        receivable_key
    from {{ ref('stg_landing__receivables') }}
),

renamed as (
    select * from {{ ref('int_payers__renamed') }}
),

-- what was done under a key that changed since counts for everybody whom it was about
events as (
    select
        coalesce(renamed.customer_key, made.recorded_key) as customer_key,
        made.contacted_on as happened_on,
        made.step_offset,
        made.template,
        made.is_done,
        made.is_unsettled,
        made.is_attempt
    from {{ ref('int_contacts__made') }} as made
    left join renamed on {{ is_renamed('made.recorded_key', 'made.contacted_on') }}
),

-- the templates of cobranca.reminders.messages.COURTESIES
contacted as (
    select
        customer_key,
        min(case when is_done and step_offset > 0 and happened_on > {{ add_days(business_date(), -90) }} then happened_on end)
            as first_contacted_on,
        max(case when template in ('thank_you', 'survey') and (is_done or is_unsettled) then happened_on end) as last_asked_on,
        {{ contact_counts() }}
    from events
    where customer_key in (select customer_key from receivables)
    group by customer_key
),

first_resolved as (
    select distinct on (receivables.customer_key)
        receivables.customer_key,
        receivables.receivable_key,
        receivables.settled_on,
        receivables.is_disputed
    from receivables
    inner join contacted
        on receivables.customer_key = contacted.customer_key
        and receivables.settled_on >= contacted.first_contacted_on
    order by receivables.customer_key, receivables.settled_on, receivables.receivable_key
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

emails as (
    select * from {{ ref('int_emails__chosen') }}
),

restrained as (
    select * from {{ ref('int_customers__restrained') }}
),

held_receivables as (
    select distinct {{ receivable_key('source', 'target_id') }} as receivable_key
    from {{ ref('stg_policy__holds') }}
    where scope = 'receivable'
),

placed as (
    select * from {{ ref('int_customers__placed') }}
),

limits as (
    select * from {{ ref('stg_policy__limits') }}
)

select
    {{ business_date() }} as business_date,
    'S' || substr(md5(first_resolved.customer_key || '|' || first_resolved.receivable_key), 1, 24) as survey_key,
    first_resolved.customer_key,
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
inner join restrained on first_resolved.customer_key = restrained.customer_key
inner join placed on first_resolved.customer_key = placed.customer_key
cross join limits
left join held_receivables on first_resolved.receivable_key = held_receivables.receivable_key
left join overdue on first_resolved.customer_key = overdue.customer_key
left join contacted_tonight on first_resolved.customer_key = contacted_tonight.customer_key
where
    first_resolved.settled_on > {{ add_days(business_date(), -7) }}
    and not first_resolved.is_disputed
    and coalesce(contacted.last_asked_on <= {{ add_days(business_date(), -90) }}, true)
    and restrained.hold_reason is null
    and restrained.email_obstacle is null
    and held_receivables.receivable_key is null
    and {{ contact_limit() }} is null
    and overdue.customer_key is null
    and contacted_tonight.customer_key is null
