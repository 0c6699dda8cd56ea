-- What is still owed of each receivable, what became of it, and since when no more than a rest is left.
with receivables as (select * from {{ ref('int_receivables__due_dated') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

settlements as (select * from {{ ref('int_receivables__settlements_dated') }}),

applied as (
    select
        receivable_key,
        sum(case when kind in ('payment', 'reversal') then amount else 0 end) as paid_amount,
        sum(case when kind in ('credit_note', 'discount') then amount else 0 end) as credited_amount,
        sum(case when kind = 'write_off' then amount else 0 end) as written_off_amount,
        max(case when amount > 0 and kind <> 'write_off' then paid_on end) as last_paid_on
    from {{ ref('stg_landing__payments') }}
    group by receivable_key
),

balances as (
    select
        receivables.*,
        {{ money('coalesce(applied.paid_amount, 0)') }} as paid_amount,
        {{ money('coalesce(applied.credited_amount, 0)') }} as credited_amount,
        {{ money('coalesce(applied.written_off_amount, 0)') }} as written_off_amount,
        {{ money(
            'receivables.amount - coalesce(applied.paid_amount + applied.credited_amount + applied.written_off_amount, 0)'
        ) }} as balance,
        applied.last_paid_on,
        coalesce(settlements.paid_amount, applied.paid_amount) > 0 as is_settled_by_payment,
        -- the principal is that of int_receivables__settlements_dated, and a loss is nothing that was paid
        case
            when {{ is_rest(
                "least(receivables.amount - applied.paid_amount - applied.credited_amount, case when receivables.source_status"
                ~ " = 'open' then receivables.source_open_amount + applied.written_off_amount end)",
                'receivables.amount'
            ) }}
                then coalesce(settlements.settled_on, applied.last_paid_on)
        end as rest_since
    from receivables
    left join applied on receivables.receivable_key = applied.receivable_key
    left join settlements on receivables.receivable_key = settlements.receivable_key
    inner join limits on receivables.creditor = limits.creditor
),

-- where the source itself states a lower balance, the payer is not asked for more than that; a renegotiated debt that came
-- back has no balance there
agreed_balances as (
    select
        *,
        case when is_restored then balance else least(balance, coalesce(source_open_amount, balance)) end as due_balance
    from balances
),

statuses as (
    select
        *,
        case
            when source_status <> 'open' and not is_restored then source_status
            when due_balance > 0 then 'open'
            when written_off_amount > 0 and balance + written_off_amount > 0 then 'written_off'
            else 'settled'
        end as status
    from agreed_balances
),

-- ids and documents are left behind: only the few that are still open need them again
balanced as (
    select
        receivable_key,
        customer_key,
        creditor,
        contract_type,
        currency,
        issue_date,
        due_date,
        effective_due_date,
        amount,
        paid_amount,
        credited_amount,
        written_off_amount,
        {{ money("case when status = 'open' then due_balance else 0 end") }} as open_amount,
        {{ money('case when balance < 0 then -balance else 0 end') }} as overpaid_amount,
        status,
        case when status in ('open', 'settled', 'written_off') and last_paid_on is not null then rest_since end as settled_on,
        is_settled_by_payment,
        last_paid_on,
        status = 'open' as is_open,
        is_restored,
        is_disputed,
        fine_rate,
        monthly_interest_rate
    from statuses
)

select * from balanced
