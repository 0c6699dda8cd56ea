-- Where several creditors would reach one payer tonight, who gives way, and to whom: a payer hears of one a day. Two who would
-- both call share the call.
with wishing as (
    select * from {{ ref('int_customers__routed') }}
    where decision in ('remind', 'call')
),

limits as (select * from {{ ref('int_creditors__limits') }}),

ordered as (
    select
        wishing.customer_key,
        wishing.creditor,
        wishing.decision,
        row_number() over (
            partition by wishing.customer_key
            order by
                case when limits.first_creditor = 'largest_debt' then -wishing.considered_amount end nulls last,
                case when limits.first_creditor = 'alternate' then wishing.last_step_on end nulls first,
                wishing.effective_due_date,
                wishing.considered_amount desc nulls last,
                wishing.creditor
        ) as turn
    from wishing
    inner join limits on wishing.creditor = limits.creditor
)

select
    waiting.customer_key,
    waiting.creditor,
    first_served.creditor as leading_creditor,
    waiting.decision = 'call' and first_served.decision = 'call' as is_same_call
from ordered as waiting
inner join ordered as first_served
    on waiting.customer_key = first_served.customer_key
    and first_served.turn = 1
where waiting.turn > 1
