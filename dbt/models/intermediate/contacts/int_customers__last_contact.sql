{{ first_rows(
    ref('int_contacts__unioned'),
    per=['customer_key'],
    order_by=['contacted_on desc', 'contact_key'],
    columns=['customer_key', 'contacted_on', 'channel', 'state', 'state_reason']
) }}
