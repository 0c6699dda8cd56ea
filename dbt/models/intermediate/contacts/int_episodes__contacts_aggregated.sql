-- What was already done for each carrying receivable. A receivable that no contact named has heard nothing. A debt whose due
-- date was moved to a later day begins anew: what was said before it fell due was not about its being overdue.
with episodes as (
    select
        *,
        {{ regua_segment('regua', 'creditor') }} as regua_segment
    from {{ ref('int_episodes__carrier_selected') }}
),

contacts as (
    select
        *,
        {{ regua_segment('regua', 'creditor') }} as regua_segment
    from {{ ref('int_episodes__contacts_matched') }}
),

counts as (select * from {{ ref('int_customers__contacts_counted') }}),

matched as (
    select
        contacts.*,
        contacts.is_taken
        and (contacts.step_offset <= 0 or coalesce(contacts.regua_segment = episodes.regua_segment, true)) as is_in_regua
    from contacts
    inner join episodes on {{ same_account('contacts', 'episodes') }}
),

-- the régua under which the payer was last spoken to about what is overdue
last_reguas as (
    {{ first_rows(
        'matched',
        where='is_taken and step_offset > 0 and regua_segment is not null',
        per=['customer_key', 'creditor'],
        order_by=['happened_on desc', 'step_offset desc', 'regua_segment'],
        columns=['customer_key', 'creditor', 'regua_segment']
    ) }}
),

summed as (
    select
        customer_key,
        creditor,
        max(case when is_in_regua then step_offset end) as last_offset,
        max(case when is_taken then happened_on end) as last_step_on,
        max(case when is_in_regua and is_own then step_offset end) as own_offset,
        max(case when is_taken and is_own then happened_on end) as own_step_on,
        max(case when is_unsettled then happened_on end) as unsettled_on,
        {{ joined_text(
            'case when is_unsettled then ' ~ as_text('step_offset') ~ ' end',
            ',',
            order_by='happened_on, step_offset nulls last'
        ) }} as unsettled_offsets
    from matched
    group by customer_key, creditor
),

-- a debt followed under one régua goes on under another only where a person said after which step
placed as (
    select
        episodes.customer_key,
        episodes.creditor,
        summed.last_offset,
        summed.last_step_on,
        summed.own_offset,
        summed.own_step_on,
        summed.unsettled_on,
        summed.unsettled_offsets,
        coalesce(last_reguas.regua_segment <> episodes.regua_segment, false) as is_other_regua,
        episodes.goes_on_after_offset
    from episodes
    left join summed on {{ same_account('episodes', 'summed') }}
    left join last_reguas on {{ same_account('episodes', 'last_reguas') }}
),

aggregated as (
    select
        placed.customer_key,
        placed.creditor,
        case when placed.is_other_regua then coalesce(placed.goes_on_after_offset, placed.last_offset) else placed.last_offset end
            as last_offset,
        placed.last_step_on,
        -- legal notices go by what the debt heard itself
        case when placed.is_other_regua then coalesce(placed.goes_on_after_offset, placed.own_offset) else placed.own_offset end
            as own_offset,
        coalesce(placed.own_step_on, placed.last_step_on) as own_step_on,
        counts.last_contacted_on,
        placed.unsettled_on,
        placed.unsettled_offsets,
        counts.contacts_in_7_days,
        counts.contacts_in_30_days,
        placed.is_other_regua and placed.goes_on_after_offset is null as is_regua_changed
    from placed
    inner join counts on placed.customer_key = counts.customer_key
)

select * from aggregated
