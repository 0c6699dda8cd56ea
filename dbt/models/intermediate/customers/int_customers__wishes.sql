-- What payers told us by a link, a mark as unwanted or a message, whatever the source still says. A wish stated under a key
-- that changed since holds for every payer who has one of its accounts.
with consents as (select * from {{ ref('stg_ledger__consents') }}),

renamed as (select * from {{ ref('int_customer_keys__remapped') }}),

remapped as (
    select
        coalesce(renamed.customer_key, consents.customer_key) as customer_key,
        consents.channel,
        consents.only_creditor,
        consents.is_opted_in,
        consents.given_on
    from consents
    left join renamed on {{ is_renamed('consents.customer_key', 'consents.given_on') }}
),

wishes as (
    select
        customer_key,
        only_creditor,
        bool_or(channel = 'email' and not is_opted_in) as is_opted_out_email,
        bool_or(channel = 'whatsapp' and is_opted_in) as is_opted_in_whatsapp,
        bool_or(channel = 'whatsapp' and not is_opted_in) as is_opted_out_whatsapp,
        bool_or(channel = 'sms' and is_opted_in) as is_opted_in_sms,
        bool_or(channel = 'sms' and not is_opted_in) as is_opted_out_sms,
        max(case when not is_opted_in then given_on end) as opted_out_on
    from remapped
    group by customer_key, only_creditor
)

select * from wishes
