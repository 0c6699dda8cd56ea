with messages as (select * from {{ ref('stg_ledger__contacts') }}),

calls as (select * from {{ ref('stg_ledger__outcomes') }}),

renamed as (
    select * from {{ ref('int_customer_keys__remapped') }}
    where is_listed
),

-- a message is done once its provider took it, and unsettled while it may have left; what was only planned reached no one
-- and is decided anew. A call is done once a person of the payer's answered; whenever the telephone rang, it is an attempt,
-- which counts for the limits; so does a message that did not arrive through no fault of its address.
contacts as (
    select
        message_key as contact_key,
        contacted_on,
        customer_key,
        creditor,
        episode_key,
        step,
        step_offset,
        channel,
        template,
        policy_version,
        address_mark,
        state,
        state_reason,
        {{ as_text('null') }} as outcome_code,
        {{ as_text('null') }} as agent_id,
        state in ('sent', 'delivered', 'complained') as is_done,
        state in ('sending', 'unknown') as is_unsettled,
        state in ('sending', 'unknown', 'sent', 'delivered', 'complained', 'undelivered') as is_attempt
    from messages

    union all

    select
        outcome_id as contact_key,
        contacted_on,
        customer_key,
        creditor,
        episode_key,
        step,
        step_offset,
        'phone' as channel,
        {{ as_text('null') }} as template,
        policy_version,
        {{ as_text('null') }} as address_mark,
        case when is_effective_contact then 'delivered' else 'unanswered' end as state,
        delay_reason as state_reason,
        code as outcome_code,
        agent_id,
        is_effective_contact and effect <> 'wrong_number' as is_done,
        false as is_unsettled,
        is_attempt
    from calls
)

select
    contacts.contact_key,
    contacts.contacted_on,
    coalesce(renamed.customer_key, contacts.customer_key) as customer_key,
    contacts.customer_key as recorded_key,
    contacts.creditor,
    contacts.episode_key,
    contacts.step,
    contacts.step_offset,
    contacts.channel,
    contacts.template,
    contacts.policy_version,
    contacts.address_mark,
    contacts.state,
    contacts.state_reason,
    contacts.outcome_code,
    contacts.agent_id,
    contacts.is_done,
    contacts.is_unsettled,
    contacts.is_attempt
from contacts
left join renamed on contacts.customer_key = renamed.former_key
