-- Simple interest is linear in the balance, so the segments between partial payments collapse into one sum:
-- sum of balance x days = principal x days since the start - each payment x days since that payment.
with overdue as (
    select
        receivable_key,
        contract_type,
        due_date,
        effective_due_date,
        open_amount,
        fine_rate,
        monthly_interest_rate
    from {{ ref('int_receivables__balanced') }}
    where
        is_open
        and effective_due_date < {{ business_date() }}
),

limits as (
    select * from {{ ref('stg_policy__limits') }}
),

legal_rates as (
    select * from {{ ref('int_legal_rates__accrued') }}
),

payments as (
    select * from {{ ref('int_payments__applied') }}
),

-- what was agreed, else the company's default, else (a null rate) the taxa legal; consumers are capped
terms as (
    select
        overdue.receivable_key,
        overdue.effective_due_date,
        overdue.open_amount,
        case
            when overdue.contract_type = 'consumer'
                then least(coalesce(overdue.fine_rate, limits.default_fine_rate), limits.consumer_fine_cap)
            else coalesce(overdue.fine_rate, limits.default_fine_rate)
        end as fine_rate,
        coalesce(overdue.monthly_interest_rate, limits.default_monthly_interest_rate) as monthly_interest_rate,
        case
            when overdue.contract_type = 'consumer' then limits.interest_start_consumer
            else limits.interest_start_business
        end as interest_start,
        overdue.due_date
    from overdue
    cross join limits
),

started as (
    select
        *,
        case when interest_start = 'original_due' then due_date else effective_due_date end as starts_on
    from terms
),

paid as (
    select
        started.receivable_key,
        sum(payments.amount) as paid_in_all,
        sum(case when payments.paid_on <= started.effective_due_date then payments.amount else 0 end) as paid_before_default,
        sum(
            {{ cents('payments.amount') }}
            * {{ days_between('greatest(payments.paid_on, started.starts_on)', business_date()) }}
        ) as paid_cent_days,
        sum({{ cents('payments.amount') }} * coalesce(legal_rates.remaining_index, 0)) as paid_cent_index
    from started
    inner join payments on started.receivable_key = payments.receivable_key
    left join legal_rates
        on greatest(payments.paid_on, started.starts_on) = legal_rates.day
        and started.monthly_interest_rate is null
    group by started.receivable_key
),

-- the principal is what is open plus what was paid, so a balance that only the source knows to be lower counts as such
principals as (
    select
        started.*,
        started.open_amount + coalesce(paid.paid_in_all, 0) as principal,
        coalesce(paid.paid_before_default, 0) as paid_before_default,
        coalesce(paid.paid_cent_days, 0) as paid_cent_days,
        coalesce(paid.paid_cent_index, 0) as paid_cent_index,
        legal_rates.remaining_index
    from started
    left join paid on started.receivable_key = paid.receivable_key
    left join legal_rates
        on started.starts_on = legal_rates.day
        and started.monthly_interest_rate is null
),

-- cents x millionths (x days): whole numbers, divided once, at the end of the item
accrued as (
    select
        receivable_key,
        interest_start,
        fine_rate,
        monthly_interest_rate,
        {{ cents('greatest(principal - paid_before_default, 0)') }} * {{ millionths('fine_rate') }} as fine_numerator,
        greatest(
            case
                when monthly_interest_rate is null
                    then {{ cents('principal') }} * coalesce(remaining_index, 0) - paid_cent_index
                else
                    {{ millionths('monthly_interest_rate') }}
                    * ({{ cents('principal') }} * {{ days_between('starts_on', business_date()) }} - paid_cent_days)
            end,
            0
        ) as interest_numerator
    from principals
)

select
    receivable_key,
    interest_start,
    cast(fine_rate as decimal(9, 6)) as fine_rate,
    cast(monthly_interest_rate as decimal(9, 6)) as monthly_interest_rate,
    {{ cents_to_money(divide_half_up('fine_numerator', 1000000)) }} as fine,
    {{ cents_to_money(divide_half_up('interest_numerator', 30000000)) }} as interest
from accrued
