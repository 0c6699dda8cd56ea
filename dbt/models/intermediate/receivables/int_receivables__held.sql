-- Why nothing is done about an open receivable, whatever its age; and the régua that it follows.
with receivables as (select * from {{ ref('int_receivables__aged') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

assigned as (select * from {{ ref('int_receivables__regua_assigned') }}),

scheduled as (select * from {{ ref('int_receivables__payments_scheduled') }}),

-- of several holds, the one that lasts longest
holds as (
    {{ first_rows(
        ref('stg_policy__holds'),
        where="scope = 'receivable'",
        per=['source', 'target_id'],
        order_by=['(expires_on is not null)', 'expires_on desc nulls last', 'reason'],
        columns=[receivable_key('source', 'target_id') ~ ' as receivable_key', 'reason', 'expires_on']
    ) }}
),

-- what a kept agreement was about is paid, whatever the source still shows
kept_agreements as (
    select assigned.receivable_key
    from {{ ref('int_receivables__agreement_assigned') }} as assigned
    inner join {{ ref('int_agreements__fulfilment_computed') }} as fulfilled on assigned.agreement_id = fulfilled.agreement_id
    where fulfilled.state = 'kept'
),

reasoned as (
    select
        receivables.receivable_key,
        assigned.regua,
        assigned.ends_at_offset,
        assigned.goes_on_after_offset,
        case
            when assigned.is_erased then 'hold_erased'
            when receivables.is_disputed then 'hold_dispute'
            when holds.reason is not null then 'hold_' || holds.reason
            when assigned.regua = 'none' then 'no_regua'
            -- its source still says that it was renegotiated: a person puts that right before anybody is contacted
            when receivables.is_restored then 'agreement_broken'
            -- what was given up is not asked for; a person books it
            when kept_agreements.receivable_key is not null then 'agreement_kept'
            -- the claim ends years after the day for which it was due (CC, art. 206, § 5º, I), which is its last (art. 132, § 3º)
            when {{ add_months('receivables.due_date', '12 * limits.collect_until_years') }} < {{ business_date() }}
                then 'prescribed'
            -- more was given back than is known to have been paid: no one is asked for more than was invoiced (CDC, art. 42)
            when receivables.open_amount > receivables.amount then 'hold_reversal'
            -- the source has a cheque or a transfer of a later date that will settle it
            when scheduled.is_covered then 'payment_scheduled'
        end as hold_reason,
        coalesce(holds.expires_on, assigned.no_regua_until) as held_until,
        scheduled.waited_until
    from receivables
    inner join assigned on receivables.receivable_key = assigned.receivable_key
    inner join limits on receivables.creditor = limits.creditor
    left join holds on receivables.receivable_key = holds.receivable_key
    left join kept_agreements on receivables.receivable_key = kept_agreements.receivable_key
    left join scheduled on receivables.receivable_key = scheduled.receivable_key
)

select
    receivable_key,
    regua,
    ends_at_offset,
    goes_on_after_offset,
    hold_reason,
    case
        when hold_reason in ('hold_erased', 'hold_dispute') then null
        when hold_reason = 'payment_scheduled' then waited_until
        else held_until
    end as hold_until
from reasoned
