-- Equal monthly instalments from the agreed day on, and how many of them should have been paid by now.
with agreements as (
    select * from {{ ref('stg_ledger__agreements') }}
    where agreed_on < {{ business_date() }}
),

limits as (select * from {{ ref('stg_policy__limits') }}),

first_days as (
    select
        customer_key,
        contacted_on,
        min(follow_up_on) as first_due_on
    from {{ ref('stg_ledger__outcomes') }}
    where effect = 'agreement'
    group by customer_key, contacted_on
),

renamed as (select * from {{ ref('int_customer_keys__remapped') }}),

-- last_past_day is the youngest due date whose grace has run out
termed as (
    select
        agreements.*,
        coalesce(listed.customer_key, agreements.customer_key) as present_key,
        coalesce(first_days.first_due_on, {{ add_days('agreements.agreed_on', 30) }}) as first_due_on,
        {{ add_days(business_date(), '-1 - limits.promise_grace_days') }} as last_past_day,
        limits.promise_kept_share
    from agreements
    cross join limits
    left join first_days
        on agreements.customer_key = first_days.customer_key
        and agreements.agreed_on = first_days.contacted_on
    left join renamed as listed
        on agreements.customer_key = listed.former_key
        and listed.is_listed
),

scheduled as (
    select
        *,
        case
            when last_past_day < first_due_on then 0
            else least(
                cast(
                    (extract(year from last_past_day) - extract(year from first_due_on)) * 12
                    + extract(month from last_past_day) - extract(month from first_due_on)
                    + case when extract(day from last_past_day) < extract(day from first_due_on) then 0 else 1 end
                    as integer
                ),
                installments
            )
        end as past_installments
    from termed
)

select * from scheduled
