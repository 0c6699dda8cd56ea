with assigned as (select * from {{ ref('int_calls__assigned_to_agents') }}),

customers as (select * from {{ ref('int_customers__unified') }}),

ranking as (select * from {{ ref('dim_payer_ranking') }}),

limits as (select * from {{ ref('int_calls__negotiation_limited') }}),

last_contacts as (select * from {{ ref('int_customers__last_contact') }}),

broken_promises as (
    select
        customer_key,
        creditor,
        cast(count(*) as integer) as promises
    from {{ ref('fct_promises') }}
    where state = 'broken'
    group by customer_key, creditor
),

calling_windows as (
    select
        state,
        starts_at || '–' || ends_at as calling_window
    from {{ ref('stg_policy__calling_hours') }}
    where day_kind = 'weekday'
)

select
    {{ business_date() }} as business_date,
    assigned.message_key,
    assigned.customer_key,
    assigned.creditor,
    assigned.agent_id,
    assigned.agent_name,
    cast(row_number() over (partition by assigned.agent_id order by assigned.place) as integer) as queue_position,
    assigned.priority,
    -- codes and numbers; cobranca.labels puts them into a sentence. What a provider told stands last: it may hold anything
    concat_ws(
        '; ',
        'days_past_due:' || assigned.days_past_due,
        'recovery_percent:' || assigned.recovery_percent,
        'payer_class:' || ranking.payer_class,
        case
            when assigned.reason in ('invalid_email', 'refused_email', 'no_email', 'opted_out', 'delivery_unknown')
                then assigned.reason
        end,
        case when broken_promises.promises > 0 then 'broken_promise' end,
        case when assigned.credit_applied > 0 then 'credit:' || {{ as_text('assigned.credit_applied') }} end,
        case
            when assigned.reason = 'refused_email' and last_contacts.state = 'rejected'
                then 'told:' || last_contacts.state_reason
        end
    ) as priority_reason,
    customers.customer_name,
    {{ masked_tax_id('customers.tax_id') }} as tax_id_masked,
    customers.phone,
    customers.city,
    customers.state,
    customers.segment,
    ranking.payer_class,
    ranking.score,
    assigned.currency,
    assigned.receivables,
    assigned.open_amount,
    assigned.amount_due,
    assigned.other_currencies,
    assigned.other_creditors,
    assigned.oldest_due_date,
    assigned.days_past_due,
    assigned.aging_band,
    assigned.step,
    assigned.step_offset,
    assigned.template,
    assigned.episode_key,
    last_contacts.contacted_on as last_contact_on,
    last_contacts.channel as last_contact_channel,
    last_contacts.state as last_contact_state,
    limits.max_discount_rate,
    limits.max_installments,
    coalesce(windows.calling_window, national.calling_window) as calling_window,
    assigned.policy_version,
    assigned.reason,
    assigned.credit_applied
from assigned
inner join customers on assigned.customer_key = customers.customer_key
left join limits on {{ same_account('assigned', 'limits') }}
inner join ranking on assigned.customer_key = ranking.customer_key
left join last_contacts on assigned.customer_key = last_contacts.customer_key
left join broken_promises on {{ same_account('assigned', 'broken_promises') }}
left join calling_windows as windows on customers.state = windows.state
left join calling_windows as national on national.state = 'BR'
