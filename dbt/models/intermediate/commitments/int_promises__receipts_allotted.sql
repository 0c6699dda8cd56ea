-- How much of each receipt keeps each promise. The promise that ends first takes first, from the oldest receipt within its
-- time; what is left of a receipt goes to the payer's next promise, so that one payment may keep two.
with recursive promises as (select * from {{ ref('stg_ledger__promises') }}),

terms as (
    select * from {{ ref('int_terms__dated') }}
    where kind = 'promise'
),

listed as (
    select * from {{ ref('int_customer_keys__remapped') }}
    where is_listed
),

fitting as (
    select
        receipts.commitment_id as promise_id,
        receipts.source,
        receipts.payment_id,
        receipts.paid_on,
        receipts.lasting_amount
    from {{ ref('int_commitments__receipts') }} as receipts
    inner join terms
        on receipts.commitment_id = terms.term_id
        and receipts.paid_on <= terms.last_day
    where receipts.kind = 'promise'
),

ordered as (
    select
        promises.promise_id,
        promises.amount,
        coalesce(listed.customer_key, promises.customer_key) as customer_key,
        row_number() over (
            partition by coalesce(listed.customer_key, promises.customer_key)
            order by terms.last_day, promises.made_on, promises.promise_id
        ) as turn
    from promises
    inner join terms on promises.promise_id = terms.term_id
    left join listed on promises.customer_key = listed.former_key
    where promises.promise_id in (select fitting.promise_id from fitting)
),

unallotted as (
    select distinct
        ordered.customer_key,
        fitting.source,
        fitting.payment_id,
        fitting.paid_on,
        fitting.lasting_amount
    from fitting
    inner join ordered on fitting.promise_id = ordered.promise_id
),

-- one round for each promise of a payer, in turn; a round hands on what it leaves of each receipt
rounds as (
    select
        customer_key,
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
                    partition by customer_key
                    order by paid_on, source, payment_id
                    rows between unbounded preceding and 1 preceding
                ),
                0
            ) as older_amount
        from (
            select
                rounds.customer_key,
                ordered.turn,
                rounds.source,
                rounds.payment_id,
                rounds.paid_on,
                ordered.promise_id,
                ordered.amount as promised_amount,
                rounds.left_amount,
                case when fitting.promise_id is null then 0 else rounds.left_amount end as fitting_amount
            from rounds
            inner join ordered
                on rounds.customer_key = ordered.customer_key
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
