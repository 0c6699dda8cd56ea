-- What the fine and interest of each late receivable come to, what was charged, waived, and what is still to be asked for.
-- Payments settle the principal first; what is beyond it pays the fine, then the interest.
with accrued as (select * from {{ ref('int_charges__accrued') }}),

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
),

settled as (
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
)

select * from settled
