with source as (
    select * from {{ source('raw', 'customers') }}
),

keyed as (
    select
        source,
        customer_id,
        {{ customer_key('tax_id', 'source', 'customer_id') }} as customer_key,
        name as customer_name,
        tax_id,
        email,
        phone,
        city,
        state,
        segment,
        contract_type,
        preferred_channel,
        coalesce(opt_out_email, false) as is_opted_out_email,
        coalesce(opt_out_phone, false) as is_opted_out_phone,
        coalesce(legal_hold, false) as is_legal_hold,
        coalesce(deceased, false) as is_deceased,
        updated_at
    from source
)

select * from keyed
