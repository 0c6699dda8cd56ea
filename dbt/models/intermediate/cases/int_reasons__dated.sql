-- On which day a reason began, as far as it is known: for an account, or for one receivable. Of several days the last.
with limits as (select * from {{ ref('int_creditors__limits') }}),

entered as (
    select
        scope,
        source,
        target_id,
        'hold_' || reason as reason,
        only_creditor,
        starts_on
    from {{ ref('stg_policy__holds') }}

    union all

    select
        scope,
        source,
        target_id,
        'no_regua' as reason,
        only_creditor,
        starts_on
    from {{ ref('stg_policy__overrides') }}
    where regua = 'none'
),

-- an agreement is broken from the first instalment that what was paid does not reach
broken_agreements as (
    select
        {{ account('agreements') }} as subject_key,
        min(terms.missed_from) as broken_on
    from {{ ref('int_agreements__fulfilment_computed') }} as agreements
    inner join {{ ref('int_terms__dated') }} as terms
        on terms.kind = 'instalment' and agreements.agreement_id = terms.term_id
    inner join limits on agreements.creditor = limits.creditor
    where
        agreements.state = 'broken'
        and agreements.paid_amount * agreements.installments < agreements.amount * terms.number * limits.promise_kept_share
    group by agreements.customer_key, agreements.creditor, agreements.agreement_id
),

began as (
    select
        case entered.scope
            when 'receivable' then {{ receivable_key('entered.source', 'entered.target_id') }}
            else {{ account('creditors') }}
        end as subject_key,
        entered.reason,
        entered.starts_on as began_on
    from entered
    left join {{ ref('stg_landing__customers') }} as customers
        on entered.source = customers.source
        and entered.target_id = customers.customer_id
        and entered.scope = 'customer'
    left join {{ ref('int_customers__creditors') }} as creditors
        on customers.customer_key = creditors.customer_key and coalesce(entered.only_creditor = creditors.creditor, true)
    where entered.scope = 'receivable' or creditors.customer_key is not null

    union all

    select
        {{ account('pauses') }} as subject_key,
        reason,
        contacted_on as began_on
    from {{ ref('int_customers__outcome_pauses') }} as pauses

    union all

    select
        subject_key,
        'agreement_broken' as reason,
        broken_on as began_on
    from broken_agreements

    union all

    select
        receivable_key as subject_key,
        'hold_reversal' as reason,
        paid_on as began_on
    from {{ ref('stg_landing__payments') }}
    where kind = 'reversal'

    union all

    select
        receivable_key as subject_key,
        'prescribed' as reason,
        {{ add_days(add_months('due_date', '12 * limits.collect_until_years'), 1) }} as began_on
    from {{ ref('int_receivables__status_assigned') }} as receivables
    inner join limits on receivables.creditor = limits.creditor
    where hold_reason = 'prescribed'
)

select
    subject_key,
    reason,
    max(began_on) as began_on
from began
group by subject_key, reason
