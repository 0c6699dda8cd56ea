-- How each agreement stands. A broken one gives the old debts back, unless the source booked the instalments as receivables of
-- their own: then those are the debt, and asking for both would ask twice.
with matched as (select * from {{ ref('int_agreements__payments_matched') }}),

latest as (
    select distinct agreement_id from {{ ref('int_receivables__agreement_assigned') }}
),

measured as (
    select
        *,
        {{ cents_to_money(divide_half_up(cents('amount') ~ ' * past_installments', 'installments')) }} as past_amount
    from matched
),

stated as (
    select
        measured.*,
        case
            when measured.paid_amount >= measured.amount * measured.promise_kept_share then 'kept'
            when measured.paid_amount >= measured.past_amount * measured.promise_kept_share then 'open'
            else 'broken'
        end as state,
        latest.agreement_id is not null as is_latest
    from measured
    left join latest on measured.agreement_id = latest.agreement_id
),

fulfilled as (
    select
        agreement_id,
        present_key as customer_key,
        customer_key as recorded_key,
        creditor,
        agreed_on,
        first_due_on,
        currency,
        amount,
        installments,
        past_amount,
        paid_amount,
        state,
        discount_rate,
        agent_id,
        is_booked_by_source,
        -- of each debt what was agreed last is what counts
        state = 'broken' and is_latest and not is_booked_by_source as restores_debts
    from stated
)

select * from fulfilled
