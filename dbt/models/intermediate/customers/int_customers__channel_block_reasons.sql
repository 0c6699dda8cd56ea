-- noqa: disable=LT02
-- What stands in the way of each channel to a payer for a creditor: from the source, from what the payer told us, and from what
-- did not arrive.
with customers as (select * from {{ ref('int_customers__unified') }}),

creditors as (select * from {{ ref('int_customers__creditors') }}),

emails as (select * from {{ ref('int_customers__email_selected') }}),

wishes as (
    select * from {{ ref('int_customers__wishes') }}
    where only_creditor is null
),

-- said on the page that a letter of one creditor opens
own_wishes as (
    select * from {{ ref('int_customers__wishes') }}
    where only_creditor is not null
),

failed_messages as (select * from {{ ref('int_customers__failed_messages') }}),

unreachable_phones as (
    select
        customer_key,
        bool_or(effect = 'do_not_call') as is_opted_out
    from {{ ref('int_outcomes__remapped') }}
    where effect in ('do_not_call', 'wrong_number')
    group by customer_key
),

addresses as (
    select
        customers.customer_key,
        creditors.creditor,
        customers.preferred_channel,
        failed_messages.whatsapp as failed_whatsapp,
        failed_messages.sms as failed_sms,
        coalesce(wishes.is_opted_in_whatsapp, false) as is_opted_in_whatsapp,
        coalesce(wishes.is_opted_out_whatsapp, false) as is_opted_out_whatsapp,
        coalesce(wishes.is_opted_in_sms, false) as is_opted_in_sms,
        coalesce(wishes.is_opted_out_sms, false) as is_opted_out_sms,
        case
            when customers.is_opted_out_email or wishes.is_opted_out_email or own_wishes.is_opted_out_email then 'opted_out'
            when emails.email is null then 'no_email'
            else emails.channel_block_reason
        end as email_block_reason,
        case
            when customers.is_opted_out_phone or coalesce(unreachable_phones.is_opted_out, false) then 'opted_out'
            when customers.phone is null or unreachable_phones.customer_key is not null then 'no_phone'
        end as phone_block_reason,
        -- a Brazilian number without the ninth digit is a landline
        customers.phone like '+55%' and length(customers.phone) <> 14 as is_landline
    from customers
    inner join creditors on customers.customer_key = creditors.customer_key
    left join unreachable_phones on customers.customer_key = unreachable_phones.customer_key
    left join failed_messages on customers.customer_key = failed_messages.customer_key
    left join wishes on customers.customer_key = wishes.customer_key
    left join own_wishes
        on customers.customer_key = own_wishes.customer_key
        and creditors.creditor = own_wishes.only_creditor
    left join emails on customers.customer_key = emails.customer_key
),

-- messages to a telephone only go to payers who chose that channel
blocked as (
    select
        customer_key,
        creditor,
        email_block_reason,
        phone_block_reason,
        {% for channel in ['whatsapp', 'sms'] %}
        case
            when phone_block_reason is not null then phone_block_reason
            when is_opted_out_{{ channel }} then 'opted_out'
            when coalesce(lower(preferred_channel), '') <> '{{ channel }}' and not is_opted_in_{{ channel }} then 'no_opt_in'
            when is_landline then 'no_phone'
            when failed_{{ channel }} is not null then 'failed_text'
        end as {{ channel }}_block_reason{{ ',' if not loop.last }}
        {% endfor %}
    from addresses
)

select * from blocked
