with customers as (select * from {{ ref('stg_landing__customers') }}),

-- an opt-out, a legal hold or a death known to one source holds for the payer everywhere
flags as (
    select
        customer_key,
        bool_or(is_opted_out_email) as is_opted_out_email,
        bool_or(is_opted_out_phone) as is_opted_out_phone,
        bool_or(is_legal_hold) as is_legal_hold,
        bool_or(is_deceased) as is_deceased,
        bool_or(is_erased) as is_erased,
        -- the consumer's protection wins where sources disagree
        case when bool_or(contract_type = 'consumer') then 'consumer' else 'business' end as contract_type
    from customers
    group by customer_key
),

newest as (
    {# of a company whose branches count as one, the head office (0001) gives its name -#}
    {{ first_rows(
        'customers',
        per=['customer_key'],
        order_by=[
            "case when substr(tax_id, 9, 4) = '0001' then 0 else 1 end",
            'updated_at desc nulls last',
            'source',
            'customer_id',
        ],
        columns=['customer_key', 'customer_name', 'tax_id', 'city', 'state', 'segment']
    ) }}
),

newest_phone as (
    {{ first_rows(
        'customers',
        where='phone is not null',
        per=['customer_key'],
        order_by=['updated_at desc nulls last', 'source', 'customer_id'],
        columns=['customer_key', 'phone']
    ) }}
),

newest_preference as (
    {{ first_rows(
        'customers',
        where='preferred_channel is not null',
        per=['customer_key'],
        order_by=['updated_at desc nulls last', 'source', 'customer_id'],
        columns=['customer_key', 'preferred_channel']
    ) }}
)

select
    newest.customer_key,
    newest.customer_name,
    newest.tax_id,
    newest.city,
    newest.state,
    newest.segment,
    newest_phone.phone,
    newest_preference.preferred_channel,
    flags.contract_type,
    flags.is_opted_out_email,
    flags.is_opted_out_phone,
    flags.is_legal_hold,
    flags.is_deceased,
    flags.is_erased
from newest
inner join flags on newest.customer_key = flags.customer_key
left join newest_phone on newest.customer_key = newest_phone.customer_key
left join newest_preference on newest.customer_key = newest_preference.customer_key
