-- Each contact of the last months, and each that was left out on purpose, by what came of it. A contact is observed once its
-- seven days are over.
with contacts as (
    select
        contact_key,
        contacted_on,
        customer_key,
        creditor,
        step,
        step_offset,
        channel,
        case when is_done then 'reached' else 'not_reached' end as arm
    from {{ ref('int_contacts__unioned') }}
    where is_done or state in ('unanswered', 'rejected', 'undelivered', 'bounced')

    union all

    select
        'H-' || holdouts.held_out_on || '-' || holdouts.step || '-' || holdouts.episode_key as contact_key,
        holdouts.held_out_on as contacted_on,
        coalesce(renamed.customer_key, holdouts.customer_key) as customer_key,
        holdouts.creditor,
        holdouts.step,
        holdouts.step_offset,
        holdouts.channel,
        'holdout' as arm
    from {{ ref('stg_ledger__holdouts') }} as holdouts
    left join {{ ref('int_customer_keys__remapped') }} as renamed
        on holdouts.customer_key = renamed.former_key and renamed.is_listed
)

select
    *,
    {{ add_days('contacted_on', 7) }} as observed_until,
    {{ add_days('contacted_on', 7) }} <= {{ business_date() }} as is_observed
from contacts
where contacted_on >= {{ add_days(business_date(), -97) }}
