-- Whether the messages of contacts about another receivable listed the one that carries the payer's cadence now. Of a contact
-- without a list that is not known.
with paired as (select * from {{ ref('int_episodes__contacts_paired') }}),

items as (select * from {{ ref('stg_ledger__contact_items') }}),

-- each list is read once
listed as (
    select
        paired.customer_key,
        paired.creditor,
        paired.contact_key,
        bool_or(items.receivable_key = paired.episode_key) as is_listed
    from paired
    inner join items on paired.contact_key = items.message_key
    group by paired.customer_key, paired.creditor, paired.contact_key
)

select
    paired.*,
    listed.is_listed
from paired
left join listed
    on {{ same_account('paired', 'listed') }}
    and paired.contact_key = listed.contact_key
