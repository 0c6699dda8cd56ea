-- Which late receivables bear fine and interest, and on what terms.
with late as (
    select
        receivable_key,
        creditor,
        contract_type,
        due_date,
        effective_due_date,
        fine_rate,
        monthly_interest_rate,
        -- a balance that only the source knows to be lower counts as never owed
        {{ cents('least(amount, open_amount + paid_amount + credited_amount + written_off_amount)') }} as principal_cents,
        {{ cents('overpaid_amount') }} as overpaid_cents,
        is_open
    from {{ ref('int_receivables__balances_computed') }}
    where
        effective_due_date < {{ business_date() }}
        and (
            is_open
            -- paid late: its charges stay in view for as long as finance looks back
            or (
                status = 'settled'
                and settled_on > effective_due_date
                and settled_on > {{ add_months(month_start(business_date()), -13) }}
            )
        )
),

limits as (select * from {{ ref('int_creditors__limits') }}),

-- what was agreed, else the company's default, else (a null rate) the taxa legal; consumers are capped
terms as (
    select
        late.receivable_key,
        late.effective_due_date,
        late.principal_cents,
        late.overpaid_cents,
        case
            when late.contract_type = 'consumer'
                then least(coalesce(late.fine_rate, limits.default_fine_rate), limits.consumer_fine_cap)
            else coalesce(late.fine_rate, limits.default_fine_rate)
        end as fine_rate,
        coalesce(late.monthly_interest_rate, limits.default_monthly_interest_rate) as monthly_interest_rate,
        case
            when late.contract_type = 'consumer' then limits.interest_start_consumer
            else limits.interest_start_business
        end as interest_start,
        late.due_date
    from late
    inner join limits on late.creditor = limits.creditor
),

started as (
    select
        *,
        case when interest_start = 'original_due' then due_date else effective_due_date end as starts_on
    from terms
)

select * from started
