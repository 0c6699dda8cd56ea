-- Payers whose messages were stopped by the pre-send check because of something that tonight's landing does not show: it would be
-- planned again and stopped again, and the payer forgotten. So it is where a payment was seen and every receivable of the message
-- is still as open as it was, and where messages of two nights were stopped, for whatever reason. After a week it is tried again.
with messages as (
    select
        contact_key,
        customer_key,
        creditor,
        contacted_on,
        state,
        is_attempt
    from {{ ref('int_contacts__unioned') }}
    where
        channel <> 'phone'
        and coalesce(template not in ('thank_you', 'survey'), true)
        and contacted_on >= {{ add_days(business_date(), -7) }}
),

items as (select * from {{ ref('stg_ledger__contact_items') }}),

receivables as (select * from {{ ref('int_receivables__balances_computed') }}),

left_on as (
    select
        customer_key,
        creditor,
        max(contacted_on) as left_on
    from messages
    where is_attempt
    group by customer_key, creditor
),

stopped as (
    select messages.*
    from messages
    left join left_on on {{ same_account('messages', 'left_on') }}
    where
        messages.state in ('cancelled', 'cancelled_paid')
        and coalesce(messages.contacted_on > left_on.left_on, true)
),

known_as_then as (
    select
        stopped.contact_key,
        count(*) as items,
        count(case when receivables.is_open and receivables.open_amount >= items.open_amount then 1 end) as open_items
    from stopped
    inner join items on stopped.contact_key = items.message_key
    left join receivables on items.receivable_key = receivables.receivable_key
    where stopped.state = 'cancelled_paid'
    group by stopped.contact_key
),

counted as (
    select
        stopped.customer_key,
        stopped.creditor,
        max(stopped.contacted_on) as stopped_on,
        count(distinct stopped.contacted_on) as nights,
        count(case when known_as_then.items = known_as_then.open_items then 1 end) as unknown_payments
    from stopped
    left join known_as_then on stopped.contact_key = known_as_then.contact_key
    group by stopped.customer_key, stopped.creditor
)

select
    customer_key,
    creditor,
    stopped_on
from counted
where nights > 1 or unknown_payments > 0
