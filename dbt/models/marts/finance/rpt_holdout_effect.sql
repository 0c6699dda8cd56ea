-- What a step is worth: all who were to be contacted against all who were left out by lot, since the first hold-out of
-- that step. Whether the contact reached anybody plays no part, or the arms would differ in more than the lot.
with cases as (
    select * from {{ ref('int_contacts__payments_after_contact') }}
    where is_observed
),

experiments as (
    select
        step,
        channel,
        min(contacted_on) as began_on
    from cases
    where arm = 'holdout'
    group by step, channel
),

-- one payer's debts in one currency at one contact are one case
contacted as (
    select
        cases.contact_key,
        cases.step,
        cases.step_offset,
        cases.channel,
        books.book as creditor,
        cases.currency,
        case when cases.arm = 'holdout' then 1 else 0 end as is_held_out,
        sum(cases.balance) as open_amount,
        sum(least(cases.received_after, cases.balance)) as paid_amount
    from cases
    inner join {{ ref('int_books') }} as books on cases.creditor = books.creditor
    inner join experiments
        on cases.step = experiments.step and cases.channel = experiments.channel and cases.contacted_on >= experiments.began_on
    group by cases.contact_key, cases.step, cases.step_offset, cases.channel, books.book, cases.currency, cases.arm
),

counted as (
    select
        creditor,
        currency,
        step,
        step_offset,
        channel,
        cast(sum(1 - is_held_out) as bigint) as treated_cases,
        cast(sum(case when paid_amount > 0 then 1 - is_held_out else 0 end) as bigint) as treated_paid,
        cast(sum(is_held_out) as bigint) as held_out_cases,
        cast(sum(case when paid_amount > 0 then is_held_out else 0 end) as bigint) as held_out_paid,
        sum(open_amount * (1 - is_held_out)) as treated_open_amount,
        sum(paid_amount * (1 - is_held_out)) as treated_paid_amount,
        sum(open_amount * is_held_out) as held_out_open_amount,
        sum(paid_amount * is_held_out) as held_out_paid_amount
    from contacted
    group by creditor, currency, step, step_offset, channel
),

-- Agresti and Caffo (2000): one success and one failure more in each arm keep the interval honest for small numbers
adjusted as (
    select
        *,
        {{ as_double('treated_paid + 1') }} / (treated_cases + 2) as treated_rate,
        {{ as_double('held_out_paid + 1') }} / (held_out_cases + 2) as held_out_rate
    from counted
),

measured as (
    select
        *,
        treated_rate - held_out_rate as centre,
        1.96 * sqrt(
            treated_rate * (1 - treated_rate) / (treated_cases + 2) + held_out_rate * (1 - held_out_rate) / (held_out_cases + 2)
        ) as reach
    from adjusted
)

select
    {{ business_date() }} as business_date,
    creditor,
    currency,
    step,
    step_offset,
    channel,
    treated_cases,
    treated_paid,
    {{ ratio('treated_paid', 'treated_cases') }} as treated_paid_share,
    held_out_cases,
    held_out_paid,
    {{ ratio('held_out_paid', 'held_out_cases') }} as held_out_paid_share,
    cast(
        {{ ratio('treated_paid', 'treated_cases') }} - {{ ratio('held_out_paid', 'held_out_cases') }} as decimal(18, 4)
    ) as uplift,
    cast(case when treated_cases > 0 and held_out_cases > 0 then centre - reach end as decimal(18, 4)) as uplift_low,
    cast(case when treated_cases > 0 and held_out_cases > 0 then centre + reach end as decimal(18, 4)) as uplift_high,
    {{ money('treated_open_amount') }} as treated_open_amount,
    {{ money('treated_paid_amount') }} as treated_paid_amount,
    {{ money('held_out_open_amount') }} as held_out_open_amount,
    {{ money('held_out_paid_amount') }} as held_out_paid_amount,
    {{ ratio('treated_paid_amount', 'treated_open_amount') }} as treated_recovered_share,
    {{ ratio('held_out_paid_amount', 'held_out_open_amount') }} as held_out_recovered_share
from measured
