-- Each payer's carrying receivable with the contacts that were about another one. What was held out is no contact.
with episodes as (select * from {{ ref('int_episodes__carrier_selected') }}),

events as (
    select * from {{ ref('int_contacts__remapped') }}
    where contact_key is not null and (is_taken or is_unsettled)
)

select
    events.customer_key,
    events.creditor,
    events.contact_key,
    events.episode_key as other_key,
    events.step_offset as other_offset,
    events.happened_on,
    events.regua,
    events.is_taken,
    events.is_unsettled,
    episodes.episode_key,
    episodes.collection_status,
    episodes.currency,
    episodes.regua as own_regua,
    episodes.effective_due_date,
    {{ days_between('episodes.effective_due_date', 'events.happened_on') }} as days_past_due
from episodes
inner join events on {{ same_account('episodes', 'events') }}
where events.episode_key <> episodes.episode_key
