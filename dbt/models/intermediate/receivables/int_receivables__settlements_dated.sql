-- Since when no more than a rest is left of each receivable that was booked on several days. Most are booked on one: that is its
-- day, and they need no look at each booking.
with receivables as (select * from {{ ref('stg_landing__receivables') }}),

limits as (select * from {{ ref('int_creditors__limits') }}),

payments as (select * from {{ ref('stg_landing__payments') }}),

several as (
    select
        receivable_key,
        sum(case when kind <> 'write_off' then amount else 0 end) as reduced_amount,
        sum(case when kind = 'write_off' then amount else 0 end) as written_off_amount
    from payments
    group by receivable_key
    having min(case when kind <> 'write_off' then paid_on end) < max(case when kind <> 'write_off' then paid_on end)
),

-- a balance that only the source knows to be lower counts as never owed
owed as (
    select
        several.receivable_key,
        several.reduced_amount,
        receivables.creditor,
        receivables.amount,
        least(
            receivables.amount,
            coalesce(
                case
                    when receivables.status = 'open'
                        then several.reduced_amount + several.written_off_amount + receivables.source_open_amount
                end,
                receivables.amount
            )
        ) as principal
    from several
    inner join receivables on several.receivable_key = receivables.receivable_key
),

settled as (
    select owed.*
    from owed
    inner join limits on owed.creditor = limits.creditor
    where {{ is_rest('owed.principal - owed.reduced_amount', 'owed.amount') }}
)

{{ settlements('settled', per=['receivable_key']) }}
