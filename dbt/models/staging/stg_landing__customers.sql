with source as (select * from {{ source('raw', 'customers') }}),

policy as (
    select coalesce(bool_or(group_company_branches), false) as group_company_branches
    from {{ source('raw', 'policy_limits') }}
),

identified as (
    select
        source.*,
        {{ payer_tax_id('source.tax_id', 'policy.group_company_branches') }} as payer_tax_id
    from source
    cross join policy
),

keyed as (
    select
        source,
        customer_id,
        -- a payer whose data were erased lands without a tax id, but under the key that it had
        coalesce(erased_key, {{ customer_key('payer_tax_id', 'source', 'customer_id') }}) as customer_key,
        name as customer_name,
        tax_id,
        case
            when erased_key is not null then 'erased_key'
            when payer_tax_id is null then 'customer_id'
            when payer_tax_id <> tax_id then 'cnpj_root'
            else 'tax_id'
        end as joined_by,
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
        erased_key is not null as is_erased,
        updated_at
    from identified
)

select * from keyed
