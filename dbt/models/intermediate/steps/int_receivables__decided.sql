-- One decision a receivable a night: the payer's where it reaches the receivable, else a reason of its own.
with receivables as (select * from {{ ref('int_receivables__status_assigned') }}),

customers as (select * from {{ ref('int_customers__decided') }}),

ranking as (select * from {{ ref('int_payers__ranked') }}),

-- of the person, whatever the creditor, also where nothing is due
contacts as (select * from {{ ref('int_customers__contacts_counted') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

-- the payer's decision reaches the receivables that are overdue or near due; the others have reasons of their own, and a
-- call or an escalation is about what is overdue only, but for a message that was stopped, which was about both
joined as (
    select
        receivables.*,
        (
            receivables.collection_status = 'overdue'
            or (
                receivables.collection_status = 'upcoming'
                and (customers.decision not in ('call', 'escalate') or customers.reason = 'sources_disagree')
            )
        ) as is_reached,
        customers.decision as customer_decision,
        customers.reason as customer_reason,
        customers.hold_until as customer_hold_until,
        customers.step,
        customers.step_offset,
        customers.channel,
        customers.template,
        customers.episode_key,
        customers.message_key,
        customers.superseded_steps,
        customers.policy_version as customer_policy_version,
        customers.last_offset,
        customers.last_step_on,
        contacts.last_contacted_on,
        coalesce(contacts.contacts_in_7_days, 0) as contacts_in_7_days,
        coalesce(contacts.contacts_in_30_days, 0) as contacts_in_30_days,
        customers.considered_amount,
        customers.required_amount,
        ranking.payer_class,
        ranking.score,
        {{ versioned_regua('limits.policy_version', 'receivables.regua') }} as own_policy_version
    from receivables
    inner join ranking on receivables.customer_key = ranking.customer_key
    left join customers on {{ same_account('receivables', 'customers') }}
    left join contacts on receivables.customer_key = contacts.customer_key
    inner join limits on receivables.creditor = limits.creditor
),

decided as (
    select
        source,
        receivable_id,
        receivable_key,
        customer_key,
        creditor,
        currency,
        open_amount,
        amount_due,
        days_past_due,
        case when is_reached then customer_decision else 'none' end as decision,
        case
            when collection_status = 'held' then hold_reason
            -- its reminder gives way to the contact about what is overdue
            when collection_status = 'upcoming' and not is_reached then 'superseded'
            when not is_reached then collection_status
            when customer_decision in ('remind', 'call') and receivable_key <> episode_key then 'carried_by_other'
            when customer_decision = 'escalate' and receivable_key <> episode_key then 'escalated'
            else customer_reason
        end as reason,
        case when is_reached then step end as step,
        case when is_reached then step_offset end as step_offset,
        case when is_reached then channel end as channel,
        case when is_reached then template end as template,
        case when is_reached then customer_policy_version else own_policy_version end as policy_version,
        payer_class,
        case when is_reached then episode_key end as episode_key,
        case when is_reached then message_key end as message_key,
        case when is_reached then superseded_steps end as superseded_steps,
        -- what the decision looked at
        regua,
        score,
        case when collection_status = 'held' then hold_until when is_reached then customer_hold_until end as hold_until,
        case when is_reached then last_offset end as last_offset,
        case when is_reached then last_step_on end as last_step_on,
        last_contacted_on,
        contacts_in_7_days,
        contacts_in_30_days,
        {{ money('case when is_reached then considered_amount end') }} as considered_amount,
        {{ money('case when is_reached then required_amount end') }} as required_amount,
        credit_applied,
        asked_amount
    from joined
)

select * from decided
