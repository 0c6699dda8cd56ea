-- The first debt of each payer in the last 90 days that was paid late and after a contact about it.
with receivables as (
    select * from {{ ref('int_receivables__balances_computed') }}
    where status = 'settled' and settled_on > effective_due_date and settled_on > {{ add_days(business_date(), -90) }}
),

-- the templates of cobranca.reminders.plan.plan_file.COURTESIES
contacted as (
    select
        customer_key,
        min(case when is_done and step_offset > 0 and happened_on > {{ add_days(business_date(), -90) }} then happened_on end)
            as first_contacted_on,
        max(case when template in ('thank_you', 'survey') and (is_done or is_unsettled) then happened_on end) as last_asked_on
    from {{ ref('int_contacts__remapped') }}
    where customer_key in (select customer_key from receivables)
    group by customer_key
),

resolved as (
    select
        receivables.customer_key,
        receivables.receivable_key,
        receivables.settled_on,
        receivables.is_disputed,
        contacted.last_asked_on
    from receivables
    inner join contacted
        on receivables.customer_key = contacted.customer_key
        and receivables.settled_on >= contacted.first_contacted_on
)

{{ first_rows('resolved', per=['customer_key'], order_by=['settled_on', 'receivable_key']) }}
