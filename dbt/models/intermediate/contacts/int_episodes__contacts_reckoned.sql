-- What a contact without a list named: what the payer owed and was overdue that day past its clearing days, in the currency of
-- the receivable that the contact was about. Where that one is landed no more, in any currency.
with contacts as (
    select * from {{ ref('int_episodes__contacts_listed') }}
    where is_listed is null and other_offset > 0 and days_past_due > 0
),

events as (select * from {{ ref('int_contacts__remapped') }}),

items as (select * from {{ ref('stg_ledger__contact_items') }}),

titles as (select * from {{ ref('int_receivables__balances_computed') }}),

others as (select * from {{ ref('stg_landing__receivables') }}),

payments as (select * from {{ ref('stg_landing__payments') }}),

calendar as (select * from {{ ref('stg_policy__calendar') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

-- what is open tonight may have been paid then, and the payment given back since
paid_then as (
    select
        contacts.customer_key,
        contacts.creditor,
        contacts.contact_key,
        sum(payments.amount) as amount
    from contacts
    inner join payments
        on contacts.episode_key = payments.receivable_key
        and contacts.happened_on >= payments.paid_on
    group by contacts.customer_key, contacts.creditor, contacts.contact_key
),

episodes as (select distinct customer_key, creditor, episode_key from contacts),

mentions as (
    select
        episodes.*,
        events.contact_key,
        events.happened_on,
        events.customer_key as told_key,
        events.creditor as told_creditor
    from episodes
    inner join events on episodes.episode_key = events.episode_key

    union all

    select
        episodes.*,
        events.contact_key,
        events.happened_on,
        events.customer_key as told_key,
        events.creditor as told_creditor
    from episodes
    inner join items on episodes.episode_key = items.receivable_key
    inner join events on items.message_key = events.contact_key
),

-- a debt that another payer was asked for, or for another creditor, was theirs, whatever the source says of it now
asked_elsewhere as (
    select
        customer_key,
        creditor,
        happened_on
    from mentions
    group by customer_key, creditor, contact_key, happened_on
    having not bool_or(told_key = customer_key and told_creditor = creditor)
),

moved as (
    select
        customer_key,
        creditor,
        max(happened_on) as owed_elsewhere_until
    from asked_elsewhere
    group by customer_key, creditor
),

reckoned as (
    select contacts.*
    from contacts
    inner join titles on contacts.episode_key = titles.receivable_key
    left join others on contacts.other_key = others.receivable_key
    left join paid_then on {{ same_account('contacts', 'paid_then') }} and contacts.contact_key = paid_then.contact_key
    left join moved on {{ same_account('contacts', 'moved') }}
    inner join calendar as due_days on contacts.effective_due_date = due_days.day
    inner join calendar as days_before on {{ add_days('contacts.happened_on', -1) }} = days_before.day
    inner join limits on contacts.creditor = limits.creditor
    where
        coalesce(others.currency, contacts.currency) = contacts.currency
        and coalesce(titles.issue_date, contacts.happened_on) <= contacts.happened_on
        and titles.amount > coalesce(paid_then.amount, 0)
        and (moved.owed_elsewhere_until is null or moved.owed_elsewhere_until < contacts.happened_on)
        and not ({{ is_clearing('days_before', 'due_days') }})
)

select * from reckoned
