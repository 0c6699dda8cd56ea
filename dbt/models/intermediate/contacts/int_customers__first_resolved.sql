-- The first debt of each payer in the last 90 days that was paid late and after a contact for its creditor.
with receivables as (
    select * from {{ ref('int_receivables__balances_computed') }}
    where status = 'settled' and settled_on > effective_due_date and settled_on > {{ add_days(business_date(), -90) }}
),

contacts as (
    select * from {{ ref('int_contacts__remapped') }}
    where customer_key in (select customer_key from receivables)
),

contacted as (
    select
        customer_key,
        creditor,
        min(case when is_done and step_offset > 0 and happened_on > {{ add_days(business_date(), -90) }} then happened_on end)
            as first_contacted_on
    from contacts
    group by customer_key, creditor
),

-- by whichever creditor; the templates of cobranca.reminders.plan.plan_file.COURTESIES
asked as (
    select
        customer_key,
        max(happened_on) as last_asked_on
    from contacts
    where template in ('thank_you', 'survey') and (is_done or is_unsettled)
    group by customer_key
),

resolved as (
    select
        receivables.customer_key,
        receivables.creditor,
        receivables.receivable_key,
        receivables.settled_on,
        receivables.is_disputed,
        asked.last_asked_on
    from receivables
    inner join contacted
        on {{ same_account('receivables', 'contacted') }}
        and receivables.settled_on >= contacted.first_contacted_on
    left join asked on receivables.customer_key = asked.customer_key
)

{{ first_rows('resolved', per=['customer_key'], order_by=['settled_on', 'receivable_key']) }}
