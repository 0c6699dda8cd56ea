-- What was already done for each carrying receivable. A later message about the same payer covers every receivable that was
-- overdue then, so the next oldest inherits the place in the cadence when the oldest is paid. A debt whose due date was moved
-- to a later day begins anew: what was said before it fell due was not about its being overdue.
with episodes as (select * from {{ ref('int_episodes__carrier_selected') }}),

events as (select * from {{ ref('int_contacts__remapped') }}),

counts as (select * from {{ ref('int_customers__contacts_counted') }}),

pairs as (
    select
        episodes.customer_key,
        events.happened_on,
        events.step_offset,
        events.regua,
        events.is_unsettled,
        episodes.regua as own_regua,
        episodes.goes_on_after_offset,
        events.is_taken,
        coalesce(
            case
                -- a step before the due date, or on it, is about the day for which it was due
                when events.step_offset <= 0
                    then
                        events.episode_key = episodes.episode_key
                        and events.happened_on >= {{ add_days('episodes.effective_due_date', 'events.step_offset') }}
                else
                    events.happened_on > episodes.effective_due_date
                    and (events.step_offset > 0 or events.episode_key = episodes.episode_key)
            end,
            false
        ) as is_about_episode
    from episodes
    inner join events on episodes.customer_key = events.customer_key
),

-- the régua under which the payer was last spoken to about what is overdue
last_reguas as (
    {{ first_rows(
        'pairs',
        where='is_about_episode and is_taken and step_offset > 0 and regua is not null',
        per=['customer_key'],
        order_by=['happened_on desc', 'step_offset desc', 'regua'],
        columns=['customer_key', 'regua']
    ) }}
),

summed as (
    select
        customer_key,
        own_regua,
        goes_on_after_offset,
        max(
            case
                when is_about_episode and is_taken and (step_offset <= 0 or coalesce(regua, own_regua) = own_regua)
                    then step_offset
            end
        ) as last_offset,
        max(case when is_about_episode and is_taken then happened_on end) as last_step_on,
        max(case when is_about_episode and is_unsettled then happened_on end) as unsettled_on,
        {{ joined_text(
            'case when is_about_episode and is_unsettled then ' ~ as_text('step_offset') ~ ' end',
            ',',
            order_by='happened_on, step_offset nulls last'
        ) }} as unsettled_offsets
    from pairs
    group by customer_key, own_regua, goes_on_after_offset
),

-- a debt followed under one régua goes on under another only where a person said after which step
aggregated as (
    select
        summed.customer_key,
        case
            when last_reguas.regua <> summed.own_regua then coalesce(summed.goes_on_after_offset, summed.last_offset)
            else summed.last_offset
        end as last_offset,
        summed.last_step_on,
        counts.last_contacted_on,
        summed.unsettled_on,
        summed.unsettled_offsets,
        counts.contacts_in_7_days,
        counts.contacts_in_30_days,
        coalesce(last_reguas.regua <> summed.own_regua, false) and summed.goes_on_after_offset is null as is_regua_changed
    from summed
    inner join counts on summed.customer_key = counts.customer_key
    left join last_reguas on summed.customer_key = last_reguas.customer_key
)

select * from aggregated
