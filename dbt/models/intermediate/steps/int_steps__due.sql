-- The step of the régua that is due for each payer: the latest that was reached. Earlier ones that were never done are
-- superseded; two steps never fire on one date.
with episodes as (select * from {{ ref('int_episodes__carrier_selected') }}),

contacted as (select * from {{ ref('int_episodes__contacts_aggregated') }}),

available as (select * from {{ ref('int_steps__available') }}),

reached as (select * from {{ ref('int_steps__reached') }}),

-- a legal notice is never passed over: where one was missed, it goes first; one that may have arrived was not missed
latest as (
    {{ first_rows(
        'reached',
        where='fits_payer and fits_amount',
        per=['customer_key', 'creditor'],
        order_by=[
            '(not coalesce(is_legal_notice and not is_unsettled, false))',
            'case when is_legal_notice and not is_unsettled then step_offset else -step_offset end',
        ]
    ) }}
),

superseded as (
    select
        reached.customer_key,
        reached.creditor,
        {{ joined_text('reached.step', ',', order_by='reached.step_offset') }} as superseded_steps
    from reached
    inner join latest on {{ same_account('reached', 'latest') }}
    where
        reached.fits_payer
        and reached.step_offset < latest.step_offset
    group by reached.customer_key, reached.creditor
),

refused as (
    select
        customer_key,
        creditor,
        bool_or(not fits_payer) as is_refused_for_payer,
        bool_or(fits_payer and not fits_amount) as is_refused_by_amount,
        min(case when fits_payer and not fits_amount then required_amount end) as required_amount
    from reached
    group by customer_key, creditor
),

last_steps as (
    select
        customer_key,
        creditor,
        max(step_offset) as last_offset
    from available
    group by customer_key, creditor
),

due as (
    select
        episodes.customer_key,
        episodes.creditor,
        latest.step,
        latest.step_offset,
        latest.channel,
        latest.template,
        latest.requires_approval,
        latest.holdout_share,
        coalesce(latest.is_unsettled, false) as is_unsettled,
        superseded.superseded_steps,
        {{ money('coalesce(latest.required_amount, refused.required_amount)') }} as required_amount,
        case
            when latest.step is not null then 'step_due'
            -- a régua cut off before its first step has ended, too
            when
                episodes.collection_status = 'overdue'
                and (last_steps.last_offset is null or contacted.last_offset >= last_steps.last_offset)
                then 'end_of_regua'
            when refused.is_refused_by_amount then 'below_minimum'
            when refused.is_refused_for_payer then 'preventive_not_needed'
            else 'waiting_next_step'
        end as reason
    from episodes
    left join last_steps on {{ same_account('episodes', 'last_steps') }}
    left join contacted on {{ same_account('episodes', 'contacted') }}
    left join latest on {{ same_account('episodes', 'latest') }}
    left join superseded on {{ same_account('episodes', 'superseded') }}
    left join refused on {{ same_account('episodes', 'refused') }}
)

select * from due
