-- How much of each receipt keeps each promise. The promise that ends first takes first, from the oldest receipt within its
-- time; what is left of a receipt goes to the payer's next promise, so that one payment may keep two.
with recursive fitting as (select * from {{ ref('int_promises__receipts_fitting') }}),

ordered as (
    select distinct
        customer_key,
        creditor,
        turn,
        promise_id,
        promised_amount
    from fitting
),

unallotted as (
    select distinct
        customer_key,
        creditor,
        source,
        payment_id,
        paid_on,
        lasting_amount
    from fitting
),

-- one round for each promise of a payer, in turn; a round hands on what it leaves of each receipt
rounds as (
    select
        customer_key,
        creditor,
        cast(0 as bigint) as turn,
        source,
        payment_id,
        paid_on,
        '' as promise_id,
        {{ money('lasting_amount') }} as left_amount,
        {{ money('0') }} as taken_amount
    from unallotted

    union all

    select
        customer_key,
        creditor,
        turn,
        source,
        payment_id,
        paid_on,
        promise_id,
        {{ money('left_amount - greatest(least(fitting_amount, promised_amount - older_amount), 0)') }} as left_amount,
        {{ money('greatest(least(fitting_amount, promised_amount - older_amount), 0)') }} as taken_amount
    from (
        select
            *,
            coalesce(
                sum(fitting_amount) over (
                    partition by customer_key, creditor
                    order by paid_on, source, payment_id
                    rows between unbounded preceding and 1 preceding
                ),
                0
            ) as older_amount
        from (
            select
                rounds.customer_key,
                rounds.creditor,
                ordered.turn,
                rounds.source,
                rounds.payment_id,
                rounds.paid_on,
                ordered.promise_id,
                ordered.promised_amount,
                rounds.left_amount,
                case when fitting.promise_id is null then 0 else rounds.left_amount end as fitting_amount
            from rounds
            inner join ordered
                on {{ same_account('rounds', 'ordered') }}
                and rounds.turn + 1 = ordered.turn
            left join fitting
                on ordered.promise_id = fitting.promise_id
                and rounds.source = fitting.source
                and rounds.payment_id = fitting.payment_id
        ) as offered
    ) as queued
)

select
    promise_id,
    source,
    payment_id,
    taken_amount as amount
from rounds
where taken_amount > 0
