with receivables as (
    select * from {{ ref('int_receivables__standing') }}
),

customers as (
    select * from {{ ref('int_customers__decided') }}
),

ranking as (
    select
        customer_key,
        payer_class
    from {{ ref('int_payers__ranked') }}
),

limits as (
    select policy_version
    from {{ ref('stg_policy__limits') }}
),

-- the payer's decision reaches the receivables that are overdue or near due; the others have reasons of their own, and a
-- call or an escalation is about what is overdue only
decided as (
    select
        receivables.*,
        (
            receivables.standing = 'overdue'
            or (receivables.standing = 'upcoming' and customers.decision not in ('call', 'escalate'))
        ) as is_reached,
        customers.decision as customer_decision,
        customers.reason as customer_reason,
        customers.step,
        customers.step_offset,
        customers.channel,
        customers.template,
        customers.episode_key,
        customers.message_key,
        customers.superseded_steps,
        ranking.payer_class,
        limits.policy_version
    from receivables
    inner join ranking on receivables.customer_key = ranking.customer_key
    left join customers on receivables.customer_key = customers.customer_key
    cross join limits
)

select
    source,
    receivable_id,
    receivable_key,
    customer_key,
    currency,
    open_amount,
    amount_due,
    days_past_due,
    case when is_reached then customer_decision else 'none' end as decision,
    case
        when standing = 'held' then hold_reason
        when standing = 'upcoming' and not is_reached then 'not_due'
        when not is_reached then standing
        when customer_decision in ('remind', 'call') and receivable_key <> episode_key then 'carried_by_other'
        else customer_reason
    end as reason,
    case when is_reached then step end as step,
    case when is_reached then step_offset end as step_offset,
    case when is_reached then channel end as channel,
    case when is_reached then template end as template,
    policy_version,
    payer_class,
    case when is_reached then episode_key end as episode_key,
    case when is_reached then message_key end as message_key,
    case when is_reached then superseded_steps end as superseded_steps
from decided
