-- Every payer to call tonight, ranked by what a call is expected to recover, with a guaranteed share for the early bands.
with decisions as (
    select * from {{ ref('int_receivables__decided') }}
    where decision = 'call'
),

receivables as (
    select * from {{ ref('int_receivables__aged') }}
),

payers as (
    select * from {{ ref('int_customers__decided') }}
),

carriers as (
    select
        payers.customer_key,
        payers.message_key,
        payers.episode_key,
        payers.step,
        payers.step_offset,
        payers.template,
        payers.reason,
        payers.policy_version,
        receivables.currency,
        receivables.due_date as oldest_due_date,
        receivables.days_past_due,
        receivables.aging_band
    from payers
    inner join receivables on payers.episode_key = receivables.receivable_key
    where payers.decision = 'call'
),

amounts as (
    select
        decisions.customer_key,
        decisions.currency,
        cast(count(*) as integer) as receivables,
        {{ money('sum(decisions.open_amount)') }} as open_amount,
        {{ money('sum(decisions.amount_due)') }} as amount_due
    from decisions
    group by decisions.customer_key, decisions.currency
),

-- amounts in other currencies are told beside, never added
others as (
    select
        amounts.customer_key,
        string_agg(amounts.currency || ' ' || cast(amounts.amount_due as text), '; ' order by amounts.currency) as other_currencies
    from amounts
    inner join carriers on amounts.customer_key = carriers.customer_key
    where amounts.currency <> carriers.currency
    group by amounts.customer_key
),

-- share of agreements by age: 85 % in the first 30 days, 15 % after 60
expected as (
    select
        carriers.*,
        amounts.receivables,
        amounts.open_amount,
        amounts.amount_due,
        others.other_currencies,
        case carriers.aging_band
            when '1-30' then 85
            when '31-60' then 45
            when '61-90' then 15
            when '91-180' then 10
            else 5
        end as recovery_percent
    from carriers
    inner join amounts
        on carriers.customer_key = amounts.customer_key
        and carriers.currency = amounts.currency
    left join others on carriers.customer_key = others.customer_key
),

valued as (
    select
        *,
        {{ cents_to_money(divide_half_up(cents('amount_due') ~ ' * recovery_percent', 100)) }} as priority
    from expected
),

ranked as (
    select
        *,
        row_number() over (order by priority desc, customer_key) as overall_rank,
        row_number() over (partition by (aging_band = '1-30') order by priority desc, customer_key) as band_rank
    from valued
)

-- at least three in ten places go to debts of the first 30 days, so that high old values never crowd them out
select
    *,
    row_number() over (
        order by
            case when aging_band = '1-30' then least(3 * overall_rank, 10 * band_rank) else 3 * overall_rank end,
            overall_rank
    ) as place
from ranked
