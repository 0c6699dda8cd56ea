-- The address to which each payer's e-mails go, and what stands in their way: the newest of its accounts' addresses, unless that
-- one is dead and another is not. What failed stays failed for a month, or until the address is another one.
with customers as (
    select * from {{ ref('stg_landing__customers') }}
    where email is not null
),

messages as (
    select * from {{ ref('int_contacts__unioned') }}
    where
        channel = 'email'
        and contacted_on > {{ add_days(business_date(), -30) }}
),

suppressed_addresses as (select * from {{ ref('stg_ledger__suppressions') }}),

addresses as (
    {{ first_rows(
        'customers',
        per=['customer_key', 'email'],
        order_by=['updated_at desc nulls last', 'source', 'customer_id'],
        columns=[
            'customer_key',
            'email',
            address_digest('email') ~ ' as address_digest',
            address_mark('email') ~ ' as address_mark',
            'updated_at',
            'source',
            'customer_id',
        ]
    ) }}
),

-- a message of which it was not kept to which address it went may have gone to any
sent_to as (
    select
        addresses.customer_key,
        addresses.email,
        messages.contact_key,
        messages.contacted_on,
        messages.state
    from addresses
    inner join messages
        on addresses.customer_key = messages.customer_key
        and addresses.address_mark = coalesce(messages.address_mark, addresses.address_mark)
),

last_states as (
    {{ first_rows(
        'sent_to',
        per=['customer_key', 'email'],
        order_by=['contacted_on desc', 'contact_key'],
        columns=['customer_key', 'email', 'state']
    ) }}
),

undelivered as (
    select
        customer_key,
        email,
        count(*) as messages
    from sent_to
    where state = 'undelivered'
    group by customer_key, email
),

judged as (
    select
        addresses.*,
        case
            when suppressed_addresses.is_opted_out then 'opted_out'
            when suppressed_addresses.is_undeliverable then 'invalid_email'
            when last_states.state = 'bounced' then 'invalid_email'
            when last_states.state = 'rejected' then 'refused_email'
            -- not the address's fault, but three times in a month is enough
            when last_states.state = 'undelivered' and undelivered.messages >= 3 then 'refused_email'
        end as channel_block_reason
    from addresses
    left join last_states
        on addresses.customer_key = last_states.customer_key
        and addresses.email = last_states.email
    left join undelivered
        on addresses.customer_key = undelivered.customer_key
        and addresses.email = undelivered.email
    left join suppressed_addresses on addresses.address_digest = suppressed_addresses.address_digest
)

{{ first_rows(
    'judged',
    per=['customer_key'],
    order_by=[
        "(coalesce(channel_block_reason, '') = 'invalid_email')",
        'updated_at desc nulls last',
        'source',
        'customer_id',
    ],
    columns=['customer_key', 'email', 'channel_block_reason']
) }}
