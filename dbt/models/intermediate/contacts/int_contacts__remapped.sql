-- Every contact of an earlier night, and every one that was held out on purpose, under the payers' present keys. A step that was
-- held out counts as taken for the cadence's clock, but not as a contact.
with contacts as (select * from {{ ref('int_contacts__unioned') }}),

holdouts as (select * from {{ ref('stg_ledger__holdouts') }}),

renamed as (select * from {{ ref('int_customer_keys__remapped') }}),

recorded as (
    select
        contact_key,
        recorded_key,
        creditor,
        episode_key,
        contacted_on as happened_on,
        template,
        step_offset,
        {{ regua_of('policy_version') }} as regua,
        is_done as is_taken,
        is_done,
        is_unsettled,
        is_attempt
    from contacts

    union all

    select
        {{ as_text('null') }} as contact_key,
        customer_key as recorded_key,
        creditor,
        episode_key,
        held_out_on as happened_on,
        {{ as_text('null') }} as template,
        step_offset,
        {{ regua_of('policy_version') }} as regua,
        true as is_taken,
        false as is_done,
        false as is_unsettled,
        false as is_attempt
    from holdouts
),

-- what was done under a key that changed since counts for every payer that it was about
remapped as (
    select
        recorded.*,
        coalesce(renamed.customer_key, recorded.recorded_key) as customer_key
    from recorded
    left join renamed on {{ is_renamed('recorded.recorded_key', 'recorded.happened_on') }}
)

select * from remapped
