-- Fine and interest of every late receivable: what they come to, what was charged, waived, and what is still to be asked for.
-- Interest is simple and follows the balance: each payment ends a segment, and what was paid beyond the principal earns the
-- payer nothing. Payments settle the principal first; what is beyond it pays the fine, then the interest.
with late as (
    select
        receivable_key,
        contract_type,
        due_date,
        effective_due_date,
        fine_rate,
        monthly_interest_rate,
        -- a balance that only the source knows to be lower counts as never owed
        {{ cents('least(amount, open_amount + paid_amount + credited_amount + written_off_amount)') }} as principal_cents,
        {{ cents('overpaid_amount') }} as overpaid_cents,
        is_open
    from {{ ref('int_receivables__balanced') }}
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

limits as (
    select * from {{ ref('stg_policy__limits') }}
),

legal_rates as (
    select * from {{ ref('int_legal_rates__accrued') }}
),

payments as (
    select * from {{ ref('stg_landing__payments') }}
),

-- one waiver of a kind for each receivable, or one of all its charges
waivers as (
    select
        {{ receivable_key('source', 'receivable_id') }} as receivable_key,
        max(case when kind <> 'interest' and amount is null then coalesce(share, 1) end) as fine_share,
        max(case when kind <> 'fine' and amount is null then coalesce(share, 1) end) as interest_share,
        max(case when kind = 'fine' then amount end) as fine_amount,
        max(case when kind = 'interest' then amount end) as interest_amount,
        max(case when kind = 'all' then amount end) as common_amount
    from {{ ref('stg_policy__waivers') }}
    group by source, receivable_id
),

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
    cross join limits
),

started as (
    select
        *,
        case when interest_start = 'original_due' then due_date else effective_due_date end as starts_on
    from terms
),

-- the start of interest, and each day on which the balance changed; what was paid before the start counts at the start
changes as (
    select
        receivable_key,
        starts_on as day,
        principal_cents as added_cents,
        principal_cents as defaulted_cents
    from started

    union all

    select
        started.receivable_key,
        greatest(payments.paid_on, started.starts_on) as day,
        -{{ cents('payments.amount') }} as added_cents,
        case when payments.paid_on <= started.effective_due_date then -{{ cents('payments.amount') }} else 0 end as defaulted_cents
    from started
    inner join payments on started.receivable_key = payments.receivable_key
),

-- changes of one day are peers: they show one balance, and only one of them lasts until the next day
segments as (
    select
        changes.receivable_key,
        changes.defaulted_cents,
        greatest(sum(changes.added_cents) over by_day, 0) as balance_cents,
        {{ days_between('changes.day', 'coalesce(lead(changes.day) over by_day, ' ~ business_date() ~ ')') }} as days,
        coalesce(legal_rates.remaining_index, 0) - coalesce(lead(legal_rates.remaining_index) over by_day, 0) as legal_index
    from changes
    left join legal_rates on changes.day = legal_rates.day
    window by_day as (
        partition by changes.receivable_key
        order by changes.day
    )
),

balances as (
    select
        receivable_key,
        greatest(sum(defaulted_cents), 0) as defaulted_cents,
        sum(balance_cents * days) as cent_days,
        sum(balance_cents * legal_index) as cent_index
    from segments
    group by receivable_key
),

-- cents x millionths (x days): whole numbers, divided once, at the end of the item
accrued as (
    select
        started.receivable_key,
        started.interest_start,
        started.fine_rate,
        started.monthly_interest_rate,
        started.overpaid_cents,
        {{ divide_half_up(whole('balances.defaulted_cents') ~ ' * ' ~ millionths('started.fine_rate'), 1000000) }} as fine_cents,
        {{ divide_half_up(
            'case when started.monthly_interest_rate is null then ' ~ whole('balances.cent_index')
            ~ ' else ' ~ whole('balances.cent_days') ~ ' * ' ~ millionths('started.monthly_interest_rate') ~ ' end',
            30000000
        ) }} as interest_cents
    from started
    inner join balances on started.receivable_key = balances.receivable_key
),

charged as (
    select
        *,
        least(fine_cents, overpaid_cents) as charged_fine_cents,
        least(interest_cents, greatest(overpaid_cents - fine_cents, 0)) as charged_interest_cents
    from accrued
),

-- nothing that was paid is waived afterwards
waived_fines as (
    select
        charged.*,
        waivers.interest_share,
        waivers.interest_amount,
        waivers.common_amount,
        least(
            charged.fine_cents - charged.charged_fine_cents,
            coalesce(
                {{ divide_half_up('charged.fine_cents * ' ~ millionths('waivers.fine_share'), 1000000) }},
                {{ cents('coalesce(waivers.fine_amount, waivers.common_amount)') }},
                0
            )
        ) as waived_fine_cents
    from charged
    left join waivers on charged.receivable_key = waivers.receivable_key
),

waived as (
    select
        *,
        least(
            interest_cents - charged_interest_cents,
            coalesce(
                {{ divide_half_up('interest_cents * ' ~ millionths('interest_share'), 1000000) }},
                {{ cents('interest_amount') }},
                {{ cents('common_amount') }} - waived_fine_cents,
                0
            )
        ) as waived_interest_cents
    from waived_fines
)

select
    receivable_key,
    interest_start,
    cast(fine_rate as decimal(9, 6)) as fine_rate,
    cast(monthly_interest_rate as decimal(9, 6)) as monthly_interest_rate,
    {{ cents_to_money('fine_cents') }} as fine,
    {{ cents_to_money('interest_cents') }} as interest,
    {{ cents_to_money('charged_fine_cents') }} as charged_fine,
    {{ cents_to_money('charged_interest_cents') }} as charged_interest,
    {{ cents_to_money('waived_fine_cents') }} as waived_fine,
    {{ cents_to_money('waived_interest_cents') }} as waived_interest,
    {{ cents_to_money('fine_cents - charged_fine_cents - waived_fine_cents') }} as pending_fine,
    {{ cents_to_money('interest_cents - charged_interest_cents - waived_interest_cents') }} as pending_interest
from waived
