with last_messages as (
    {{ first_rows(
        ref('int_contacts__unioned'),
        where="channel in ('whatsapp', 'sms')",
        per=['customer_key', 'channel'],
        order_by=['contacted_on desc', 'contact_key'],
        columns=['customer_key', 'channel', 'contacted_on', 'state']
    ) }}
),

-- what failed is tried again after a month, when the number or the document may have been corrected
failed as (
    select
        customer_key,
        max(case when channel = 'whatsapp' then state end) as whatsapp,
        max(case when channel = 'sms' then state end) as sms
    from last_messages
    where
        state in ('bounced', 'undelivered', 'rejected')
        and contacted_on > {{ add_days(business_date(), -30) }}
    group by customer_key
)

select * from failed
